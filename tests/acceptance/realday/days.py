"""Runs of the real service on a recorded day: the expected one, and others that must end the same (law L2)."""

from __future__ import annotations

import contextlib
import dataclasses
import random
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import answers
import capmetro
import comparison
import custody_rule
import databases
import numpy as np
import outcomes
import routes
import service as real
import stated
import told

from fleettrack.domain import fix, units

BATCH = 200
ASKED_PERCENT = (30, 50, 70, 85, 95)  # of the items told, when questions are asked
SEED = 20161125


@dataclasses.dataclass(frozen=True)
class World:
    """A day, where its trips begin and end, and what the same vehicles sent weeks later."""

    day: capmetro.Day
    ends: Sequence[routes.Place]
    trips: Sequence[routes.Trip]
    later: Sequence[capmetro.Ping]

    @property
    def pings(self) -> list[capmetro.Ping]:
        """All pings of the day in order."""
        return told.in_order(self.day)


def read(folder: Path, name: str, later: str, every: int = 1) -> World:
    """Read a day, or every so many-th vehicle of it; and each vehicle's first ping of a later day."""
    whole = capmetro.read(folder / f"{name}.csv.gz")
    ends = routes.places(whole)
    day = {vehicle: pings for number, (vehicle, pings) in enumerate(whole.items()) if number % every == 0}
    after = capmetro.read(folder / f"{later}.csv.gz")
    return World(day, ends, routes.trips(day, ends), [after[vehicle][0] for vehicle in day if vehicle in after])


@contextlib.asynccontextmanager
async def running(url: str) -> AsyncIterator[real.Service]:
    """Yield a service on a database; nothing it wrote to its log is an error."""
    with tempfile.TemporaryDirectory(prefix="fleettrack-test-", dir=databases.folder()) as folder:
        service = real.Service(Path(folder), database_url=url, nmea_ack="true")
        async with service:
            yield service
            assert '"error"' not in service.log()


async def compared(service: real.Service, world: World, script: Path) -> tuple[comparison.Compared, outcomes.Outcome]:
    """Return the service's arrivals beside those of the reference, and all that came of the day."""
    outcome = await answers.outcome(service)
    found = comparison.arrivals(outcome.visits)
    return comparison.compare(script, world.day, world.ends, found), outcome


def against_the_rule(world: World, outcome: outcomes.Outcome) -> list[str]:
    """Return the trips whose goods fared otherwise than design 6 says, as lines to read."""
    stays: dict[str, list[custody_rule.Stay]] = {}
    for tracker, place, entered_at, _, _, exited_at, rule, _ in outcome.visits:
        if rule is not None:
            exit_ms = None if exited_at is None else units.to_ms(exited_at)
            stays.setdefault(tracker, []).append(custody_rule.Stay(place, units.to_ms(entered_at), exit_ms))
    found: dict[str, list[custody_rule.Move]] = {}
    for ref, event_at, kind, stop, status, _, _, _, to, *_ in outcome.custody:
        found.setdefault(ref, []).append((units.to_ms(event_at), kind, stop, to, None if to is None else status))
    wrong = []
    for trip in world.trips:
        mine = stays.get(trip.tracker, [])
        expected = custody_rule.moves(trip, mine, _far(world.day[trip.vehicle], trip), stated.CARRIER)
        if expected != sorted(found.get(trip.ref, []), key=str):
            wrong.append(f"{trip.ref}: {expected} by the rule, {found.get(trip.ref)} in the ledger")
    return wrong


def _far(pings: Sequence[capmetro.Ping], trip: routes.Trip) -> custody_rule.Far | None:
    mine = [p for p in pings if trip.from_ms <= p.time_ms < trip.to_ms]
    lats, lons = ([getattr(p, name) / fix.E7 for p in mine] for name in ("lat_e7", "lon_e7"))
    metres = routes.metres(trip.pickup.lat, trip.pickup.lon, lats, lons) - routes.RADIUS_M
    hits = np.flatnonzero(metres > custody_rule.BEYOND_M)
    if not len(hits):
        return None
    first = int(hits[0])
    return custody_rule.Far(mine[first - 1].time_ms if first else trip.from_ms, mine[first].time_ms)


@dataclasses.dataclass
class Told:
    """What a run came to: its outcome, what it counted, and what it answered otherwise in the end than before."""

    outcome: outcomes.Outcome
    counts: Mapping[str, int]
    asked: int
    changed: list[str]


class Run:
    """Tells items; asks on the way, and in the end again: what was known must be answered the same (law L3)."""

    def __init__(self, teller: told.Teller, world: World, rng: random.Random, questions: int) -> None:
        self.teller = teller
        self._questions = questions
        self._kept = answers.Remembered(teller.service, world.trips, rng)
        self._due = [share / 100 for share in ASKED_PERCENT]

    async def tell(self, items: Sequence[told.Item]) -> Told:
        """Tell all, and return what it came to."""
        await self.teller.tell(items, self._ask)
        outcome = await answers.outcome(self.teller.service)
        return Told(outcome, self.teller.counts, len(self._kept.kept), await self._kept.changed())

    async def _ask(self, share: float) -> None:
        if self._due and share >= self._due[0]:
            self._due.pop(0)
            await self._kept.ask(self._questions)


def any_way(world: World, rng: random.Random) -> list[told.Item]:
    """Return everything at random points: facts among shuffled pings in batches of any size, some of them twice."""
    facts = [*stated.plan(world.day, world.ends, world.trips), *stated.afterwards(world.ends, world.trips)]
    pings = told.batches(told.shuffled(world.pings, rng), lambda: rng.choice([1, 20, 100, 300]))
    return [*told.interleaved(facts, list(pings), rng), list(world.later)]
