"""Devices that send until they are acknowledged, and remember for what they were: the tests' own, not the client's."""

from __future__ import annotations

import abc
import asyncio
import contextlib
import random
from collections.abc import Sequence

import aiohttp
import service as real
import world

PATIENCE_S = 0.05  # between two tries
ANSWER_S = 20.0  # a device that waited so long tries again
COUNTS = ("accepted", "duplicate", "held")


class Sender(abc.ABC):
    """Sends the pings of one tracker in order; `acknowledged` says of how many it knows that they are safe."""

    def __init__(self, service: real.Service, pings: Sequence[world.Ping], seed: int) -> None:
        self.service = service
        self.pings = pings
        self.rng = random.Random(seed)
        self.acknowledged = 0
        self.refusals: list[int] = []  # HTTP answers other than 200
        self.broken = 0  # connections that were lost

    async def run(self) -> None:
        """Return when all is acknowledged."""
        while self.acknowledged < len(self.pings):
            try:
                await self.once()
            except (OSError, EOFError, aiohttp.ClientError, TimeoutError):
                self.broken += 1
                await asyncio.sleep(PATIENCE_S)

    @abc.abstractmethod
    async def once(self) -> None:
        """Send from the first one that is not acknowledged, as long as the connection holds."""


class Http(Sender):
    """Batches over HTTP: the next one goes when the last one is answered with 200."""

    def __init__(self, service: real.Service, pings: Sequence[world.Ping], seed: int) -> None:
        super().__init__(service, pings, seed)
        self.size = 0

    async def once(self) -> None:
        key = await self.service.key("admin")
        limit = aiohttp.ClientTimeout(ANSWER_S)
        async with aiohttp.ClientSession(timeout=limit, headers={"X-Api-Key": key}) as session:
            while self.acknowledged < len(self.pings):
                self.size = self.size or self.rng.randint(1, 15)
                batch = self.pings[self.acknowledged : self.acknowledged + self.size]
                url = f"{self.service.url}/api/v1/positions"
                async with session.post(url, json=[ping.json() for ping in batch]) as response:
                    if response.status != 200:
                        self.refusals.append(response.status)
                        assert response.status == 503, await response.text()
                        assert int(response.headers["Retry-After"]) > 0
                        await asyncio.sleep(PATIENCE_S)
                        continue
                    told = await response.json()
                assert sum(told[name] for name in COUNTS) == len(batch), told
                self.acknowledged += len(batch)
                self.size = 0


class Nmea(Sender):
    """Sentences over TCP to a listener that answers `OK <n>`; never more under way than a device could keep."""

    WINDOW = 25

    async def once(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.service.nmea_port)
        try:
            first = written = self.acknowledged
            while self.acknowledged < len(self.pings):
                upto = min(len(self.pings), self.acknowledged + self.WINDOW, written + self.rng.randint(1, 8))
                writer.write(b"".join(ping.rmc() for ping in self.pings[written:upto]))
                written = max(written, upto)
                if written - self.acknowledged < self.WINDOW and written < len(self.pings):
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._answer(reader), 0.005)
                else:
                    await asyncio.wait_for(self._answer(reader), ANSWER_S)
                assert first <= self.acknowledged <= written
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> None:
        line = await reader.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError
        word, number = line.split()
        assert word == b"OK"
        self.acknowledged += int(number)
