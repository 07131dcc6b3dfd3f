"""One demo from beginning to end: service, world, fleet, what happens, and whether it was true."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fleettrack.client import api
from fleettrack.demo import check, children, seed, show, truth, watch, world
from fleettrack.domain import errors

LOOK_S = 1.0
STATUS_S = 30.0
SETTLE_S = 2.0  # after the fleet has stopped: what is in its sockets comes in


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a demo is to be."""

    host: str = "127.0.0.1"
    port: int = 0
    nmea_port: int = 0
    data_dir: Path | None = None
    truth: Path | None = None
    trucks: int = 64
    seed: int | None = None
    seconds: float | None = None
    check: bool = True
    as_json: bool = False


async def run(wanted: Wanted) -> int:
    """Run a demo until its time is over or it is told to stop; return the exit code."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    with _folder(wanted.data_dir) as folder:
        demo = Demo(wanted, folder, ended)
        async with demo.service(), demo.seeded(), demo.fleet():
            demo.tell()
            await demo.watch()
        return demo.code


class Demo:
    """The parts of a demo; each is an async context that ends what it began."""

    def __init__(self, wanted: Wanted, folder: Path, ended: asyncio.Event) -> None:
        self._wanted = wanted
        self._folder = folder
        self._ended = ended
        self._truth = (wanted.truth or folder / "truth.jsonl").absolute()
        self._world = world.build(secrets.randbits(32) if wanted.seed is None else wanted.seed, wanted.trucks)
        self._show = show.Show(as_json=wanted.as_json)
        self._epoch_s = time.time()
        self.code = 0

    @contextlib.asynccontextmanager
    async def service(self) -> AsyncIterator[None]:
        """Run the service, and have an admin's key."""
        wanted = self._wanted
        arguments = ["fleettrack", "serve", "--data-dir", str(self._folder), "--host", wanted.host]
        arguments += ["--port", str(wanted.port), "--nmea-port", str(wanted.nmea_port), "--nmea-udp-port", "0"]
        child = await children.Child.start(arguments, self._folder / "service.log", children.SETTINGS)
        try:
            self._addresses = await child.line()
            self._admin_key = await self._make_key()
            self._service = child
            yield
        finally:
            await child.end()

    async def _make_key(self) -> str:
        arguments = ["fleettrack", "key", "create", "--role", "admin", "--name", "demo", "--json"]
        child = await children.Child.start([*arguments, "--data-dir", str(self._folder)], self._folder / "key.log")
        made = await child.line()
        await child.ended()
        return str(made["token"])

    @contextlib.asynccontextmanager
    async def seeded(self) -> AsyncIterator[None]:
        """Set the world up."""
        self._epoch_s = time.time()
        async with api.Api(self._addresses["url"], self._admin_key, give_up_s=30.0) as admin:
            try:
                self._keys = await seed.seed(admin, self._world, self._epoch_s)
            except api.Refused as refusal:
                raise errors.FleettrackError(
                    f"the world could not be set up (was this seed used with this folder before?): {refusal}"
                ) from refusal
        yield

    @contextlib.asynccontextmanager
    async def fleet(self) -> AsyncIterator[None]:
        """Run the fleet; when it has ended, compare what is true with what is known."""
        child = await children.Child.start(["fleettrack.demo.fleet"], self._folder / "fleet.log")
        self._fleet = child
        try:
            await child.tell(
                {
                    "url": self._addresses["url"],
                    "host": self._wanted.host,
                    "nmea_port": self._addresses["nmea_port"],
                    "nmea_udp_port": self._addresses["nmea_udp_port"],
                    "seed": self._world.seed,
                    "trucks": self._wanted.trucks,
                    "epoch": self._epoch_s,
                    "ordered": self._ordered(),
                    "truth": str(self._truth),
                    "keys": self._keys,
                }
            )
            yield
        finally:
            await child.end()
        if self._wanted.check and self._service.code is None:
            await self._compare()

    def tell(self) -> None:
        """Say where everything is, and what to try."""
        shipment = seed.first_orders(self._world, self._epoch_s)[0][1].shipments[0]
        addresses: dict[str, Any] = {
            "url": self._addresses["url"],
            "port": self._addresses["port"],
            "nmea_port": self._addresses["nmea_port"],
            "nmea_udp_port": self._addresses["nmea_udp_port"],
            "data_dir": str(self._folder),
            "truth": str(self._truth),
            "seed": self._world.seed,
            "trucks": self._wanted.trucks,
            "pid": os.getpid(),
            "service_pid": self._service.pid,
            "fleet_pid": self._fleet.pid,
            "key": self._keys["office"],
            "serial": shipment.load.serials[0],
        }
        self._show.ready(addresses, _hints(addresses, shipment.load.ref, self._wanted.host))

    async def watch(self) -> None:
        """Print what happens until it is over.

        Raises:
            FleettrackError: the service has ended by itself.
        """
        watching = asyncio.create_task(self._watch())
        ended = asyncio.create_task(self._service.ended())
        await asyncio.wait((watching, ended), return_when=asyncio.FIRST_COMPLETED)
        failed = not watching.done()
        for task in (watching, ended):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        if failed:
            why = f"the service has ended with exit code {self._service.code}"
            raise errors.FleettrackError(f"{why}:\n{self._service.complaints()}")

    async def _watch(self) -> None:
        until = None if self._wanted.seconds is None else time.monotonic() + self._wanted.seconds
        next_status = time.monotonic() + STATUS_S
        driving = True
        async with api.Api(self._addresses["url"], self._keys["office"], give_up_s=30.0) as office:
            board = watch.Watch(office, self._world, self._epoch_s)
            await board.learn_names()
            while not self._ended.is_set() and (until is None or time.monotonic() < until):
                for happening in await board.news(time.time()):
                    self._show.news(happening)
                if driving and self._fleet.code is not None:
                    driving = False
                    self._note_end_of_fleet()
                if time.monotonic() >= next_status:
                    self._show.status(self._wanted.trucks if driving else 0)
                    next_status += STATUS_S
                await self._look_again(until)
        self._show.status(self._wanted.trucks if driving else 0)

    async def _look_again(self, until: float | None) -> None:
        """Wait for a moment, or for the end."""
        pause = LOOK_S if until is None else min(LOOK_S, max(0.0, until - time.monotonic()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._ended.wait()

    def _note_end_of_fleet(self) -> None:
        if self._fleet.code:
            self.code = 1
            self._show.note("fleet_failed", f"The fleet failed:\n{self._fleet.complaints()}")
        else:
            self._show.note(
                "fleet_ended", "The fleet has stopped: no pings, so nothing more arrives. Ctrl-C ends the demo."
            )

    def _ordered(self) -> list[str]:
        """Return the shipments that were ordered before the fleet began."""
        orders = seed.first_orders(self._world, self._epoch_s)
        return [shipment.load.ref for _, order in orders for shipment in order.shipments]

    async def _compare(self) -> None:
        await asyncio.sleep(SETTLE_S)
        async with api.Api(self._addresses["url"], self._keys["office"], give_up_s=30.0) as office:
            verdict = await check.check(office, self._world, truth.read(self._truth), self._ordered())
        self._show.verdict(verdict)
        if not verdict.agree:
            self.code = 1


def _hints(addresses: dict[str, Any], consignment: str, host: str) -> list[str]:
    return [
        "",
        f"The service is at {addresses['url']}, for trackers at TCP {addresses['nmea_port']} and UDP "
        f"{addresses['nmea_udp_port']}. Ctrl-C ends everything; kill {addresses['fleet_pid']} stops the fleet alone.",
        "",
        "In another terminal:",
        f"  export KEY={addresses['key']}",
        f'  curl -H "X-Api-Key: $KEY" {addresses["url"]}/api/v1/consignments/{consignment}/custody',
        f"  fleettrack trace {addresses['serial']} --data-dir {addresses['data_dir']}",
        f"  printf 'my-truck$GPRMC,%s,A,4807.038,N,01131.000,E,0.0,0.0,%s,,,A\\r\\n' $(date -u '+%H%M%S %d%m%y') "
        f"| nc -q 3 {host} {addresses['nmea_port']}",
        f'  curl -H "X-Api-Key: $KEY" {addresses["url"]}/api/v1/held-trackers',
    ]


@contextlib.contextmanager
def _folder(given: Path | None) -> Any:
    """The folder of a demo; one that nobody gave is removed in the end."""
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given.absolute()
        return
    folder = Path(tempfile.mkdtemp(prefix="fleettrack-demo-"))
    if os.geteuid() == 0:
        folder.chmod(0o711)  # the database runs as another user, who must pass through
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
