"""A day told to a running service: pings over HTTP and TCP in batches, statements anywhere between them."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence

import capmetro
import service as real
import stated

ANSWER_S = 60.0
COUNTS = ("accepted", "duplicate", "held")
REPEATED = 0.01
SHUFFLE_MS = 30 * 60_000

Item = stated.Fact | list[capmetro.Ping]
Told = Callable[[float], Awaitable[None]]


@dataclasses.dataclass(frozen=True)
class Manner:
    """How pings are sent."""

    history: bool = False
    both: bool = False  # over HTTP or TCP, as the ping's own lot says; else all over HTTP


class Teller:
    """Tells a service items one by one; keeps what it answered."""

    def __init__(
        self, service: real.Service, manner: Manner | None = None, ids: Mapping[str, int] | None = None
    ) -> None:
        self.service = service
        self.manner = manner or Manner()
        self.ids: stated.Ids = dict(ids or {})
        self.counts = dict.fromkeys((*COUNTS, "rejected"), 0)
        self._path = "/positions?history=1" if self.manner.history else "/positions"

    async def tell(self, items: Sequence[Item], meanwhile: Told | None = None) -> None:
        """Tell all; `meanwhile` is called with the share that is told, after each item."""
        for number, item in enumerate(items, 1):
            if isinstance(item, stated.Fact):
                await item.tell(self.service, self.ids)
            else:
                await self._send(item)
            if meanwhile is not None:
                await meanwhile(number / len(items))

    async def _send(self, pings: Sequence[capmetro.Ping]) -> None:
        spoken = [p for p in pings if self.manner.both and p.lot % 2]
        posted = [p for p in pings if not (self.manner.both and p.lot % 2)]
        if posted:
            answer = await self.service.ask("POST", self._path, [ping.json() for ping in posted])
            assert answer.status == 200, f"{answer}\n{self.service.log()[-2000:]}"
            assert answer.body["rejects"] == []
            for name in self.counts:
                self.counts[name] += answer.body[name]
        if spoken:
            await self._speak(spoken)

    async def _speak(self, pings: Sequence[capmetro.Ping]) -> None:
        """Send sentences over a connection of their own, and wait until all are acknowledged."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.service.nmea_port)
        writer.write(b"".join(ping.rmc() for ping in pings))
        writer.write_eof()
        said = await asyncio.wait_for(reader.read(), ANSWER_S)
        writer.close()
        assert sum(int(line.split()[1]) for line in said.splitlines()) == len(pings), said


async def side_by_side(service: real.Service, manner: Manner, streams: Iterable[Sequence[Item]]) -> None:
    """Tell several streams at once."""
    await asyncio.gather(*(Teller(service, manner).tell(items) for items in streams))


def in_order(day: capmetro.Day) -> list[capmetro.Ping]:
    """Return the pings of a day as they were made."""
    return sorted((p for pings in day.values() for p in pings), key=lambda p: (p.time_ms, p.vehicle, p.lat_e7))


def shuffled(pings: Iterable[capmetro.Ping], rng: random.Random) -> list[capmetro.Ping]:
    """Return them as a bad network delivers them: up to half an hour late, one in a hundred twice."""
    known = list(pings)
    known += rng.sample(known, round(len(known) * REPEATED))
    return [ping for _, ping in sorted((p.time_ms + rng.uniform(0, SHUFFLE_MS), p) for p in known)]


def batches(pings: Sequence[capmetro.Ping], sizes: Callable[[], int]) -> Iterator[list[capmetro.Ping]]:
    """Cut into batches of sizes as drawn."""
    start = 0
    while start < len(pings):
        end = start + sizes()
        yield list(pings[start:end])
        start = end


def interleaved(facts: Sequence[stated.Fact], pings: Sequence[list[capmetro.Ping]], rng: random.Random) -> list[Item]:
    """Return facts at random points among batches of pings, each after those it needs."""
    points: dict[str, float] = {}
    for fact in facts:
        least = max((points[need] for need in fact.needs), default=0.0)
        points[fact.name] = rng.uniform(least, 1.0)
    items: list[tuple[float, int, Item]] = [(points[f.name], i, f) for i, f in enumerate(facts)]
    items += [(i / max(1, len(pings)), -1, batch) for i, batch in enumerate(pings)]
    return [item for _, _, item in sorted(items, key=lambda item: item[:2])]
