"""What the service made of a day; and its answers, to be asked for again later."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any
from urllib import parse

import outcomes
import routes
import service as real
import world

from fleettrack.domain import units


async def outcome(service: real.Service) -> outcomes.Outcome:
    """Return what came of all that was told, once the clock has decided what it has to."""
    await real.until(lambda: service.rows(world.UNDECIDED) == [(0,)], "the clock has decided")
    return await outcomes.read(service.dsn)


class Remembered:
    """Answers over HTTP about some of the goods, given during a run; asked for again at its end (law L3)."""

    def __init__(self, service: real.Service, trips: Sequence[routes.Trip], rng: random.Random) -> None:
        self.service = service
        self.trips = trips
        self.rng = rng
        self.kept: dict[str, Any] = {}

    async def ask(self, number: int) -> None:
        """Ask about some trips, at event times before, amid and after them; keep what was answered, as known then."""
        for trip in self.rng.sample(self.trips, min(number, len(self.trips))):
            for at_ms in ((trip.from_ms + trip.last_ms) // 2, trip.to_ms, trip.to_ms + 7_200_000):
                at = parse.quote(units.utc(at_ms).isoformat())
                serial = parse.quote(self.rng.choice(trip.serials))
                for path in (f"/serials/{serial}?at={at}", f"/consignments/{trip.ref}/custody?at={at}"):
                    answer = await self.service.ask("GET", path)
                    if answer.status == 404:
                        continue  # its manifest is still to come
                    assert answer.status == 200, answer
                    self.kept[f"{path}&known_at={parse.quote(answer.body['known_at'])}"] = answer.body

    async def changed(self) -> list[str]:
        """Return what is answered otherwise by now, as lines to read."""
        told = []
        for path, before in self.kept.items():
            answer = await self.service.ask("GET", path)
            if answer.body != before:
                told.append(f"{path}\n  was {before}\n  is  {answer.body}")
        return told
