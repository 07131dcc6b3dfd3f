"""A tracker's way to the service: keeps reports while there is no network, sends them, and knows when they are safe."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from fleettrack.client import api, parcel, pings, tcp, udp
from fleettrack.demo import lives, trackers, truth, words, world
from fleettrack.domain import errors

MEMORY = 5_000  # reports a device keeps
PATIENCE_S = 30.0  # with a service that is there and does not acknowledge; then it is told again over a new connection
AGAIN_S = 5.0  # after the service refused it altogether


class Addresses(NamedTuple):
    """Where the service listens: host and ports."""

    host: str
    tcp: int
    udp: int


class Outbox:
    """One for each truck. `run` has to be running."""

    def __init__(
        self, truck: world.Truck, where: Addresses, carrier: api.Api, witness: truth.Witness, wait_s: float = 0.0
    ) -> None:
        self._truck = truck
        self._where = where
        self._carrier = carrier
        self._witness = witness
        self._reports: deque[trackers.Report] = deque(maxlen=MEMORY)
        self._away_until_s = time.time() + wait_s
        self._signal = parcel.Signal()
        self.spoken = asyncio.Event()  # the tracker has told what it had kept from before

    def add(self, fixes: lives.Fixes) -> None:
        """Take what was measured."""
        self._reports += fixes.reports
        self._away_until_s = max(self._away_until_s, fixes.away_until_s)
        self._signal.changed()

    async def run(self, complain: Callable[[str], None]) -> None:
        """Send until cancelled, over one connection after the other."""
        while True:
            await asyncio.sleep(max(0.0, self._away_until_s - time.time()))
            sink = self._open()
            try:
                await sink.start()
                await self._send(sink)
                await sink.finish()
            except (errors.FleettrackError, TimeoutError) as exc:
                complain(f"{self._truck.ref}: {exc or 'the service does not acknowledge'}")
                await asyncio.sleep(AGAIN_S)
            finally:
                await sink.close()

    async def _send(self, sink: parcel.Sink) -> None:
        """Send until there is no network."""
        while self._away_until_s <= time.time():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._truck.every_s):
                    await self._signal.until(lambda: bool(self._reports))
            some = list(self._reports)
            self._reports.clear()
            try:
                for report in some:
                    await sink.send(words.say(self._truck, report))
                if isinstance(sink, tcp.Tcp | pings.Http):
                    async with asyncio.timeout(PATIENCE_S):
                        await sink.acknowledged()
            except (errors.FleettrackError, TimeoutError):
                self._reports.extendleft(reversed(some))
                raise
            if some:
                self._witness.told(some, time.time())
                self.spoken.set()

    def _open(self) -> parcel.Sink:
        truck, where = self._truck, self._where
        if truck.talk == "json":
            return pings.Http(self._carrier)
        if truck.talk == "nmea-udp":
            return udp.Udp(where.host, where.udp)
        return tcp.Tcp(where.host, where.tcp)
