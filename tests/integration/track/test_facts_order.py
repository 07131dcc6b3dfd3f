"""Laws L2 and L3 on the real database: all that people state and all that trackers send, in any order."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import random
from collections.abc import Sequence
from typing import Any

import databases
import fact_stories as stories
import ground
import hypothesis
import outcomes
import pytest

from fleettrack.domain import fix, units
from fleettrack.services import tracing
from fleettrack.services.tracing import lives
from fleettrack.services.track import delivery

TIMEOUT_S = 400  # many small databases, on cores that are shared
REPEATED = 0.2  # of the fixes come twice
SETTLED = 0.1  # so often the clock is asked after a step
ASKED = 0.15  # so often questions are asked after a step

Step = stories.Deed | list[fix.Fix]


@dataclasses.dataclass(frozen=True)
class Answer:
    """Of every object, at all event times of interest: who holds it by which entry, what it lies in, what stands."""

    known: dt.datetime
    told: dict[tuple[int, int], Any]


@dataclasses.dataclass(frozen=True)
class Told:
    """What a run came to."""

    outcome: outcomes.Outcome
    refused: frozenset[str]


async def tell(url: str, story: stories.Story, steps: Sequence[Step], rng: random.Random, *, asking: bool) -> Told:
    """Tell a story step by step; what was answered on the way must be answered the same in the end."""
    async with stories.world(url) as world:
        asked: list[Answer] = []
        for step in steps:
            if isinstance(step, stories.Deed):
                await step.tell(world)
            else:
                await _send(world, story, step)
            if asking and rng.random() < SETTLED:
                await world.line.tick(stories.END_MS)
            if asking and rng.random() < ASKED:
                asked.append(await _ask(world))
        while await world.line.tick(stories.END_MS):
            pass
        for answer in asked:
            assert await _ask(world, answer) == answer
    return Told(await outcomes.read(url), frozenset(world.refused))


async def _send(world: stories.World, story: stories.Story, fixes: Sequence[fix.Fix]) -> None:
    """Send fixes, each as its tracker does."""
    trusts = dict(zip(stories.TRACKERS, story["trusts"], strict=True))
    parcels = [
        delivery.Delivery(
            sender=delivery.Sender(protocol=protocol, source="story", trust=trusts[tracker]),
            messages=mine,
            received_ms=stories.RECEIVED_MS,
        )
        for tracker in stories.TRACKERS
        for protocol in (delivery.Protocol.NMEA, delivery.Protocol.JSON)
        if (mine := [f for f in fixes if f.tracker == tracker and _protocol(f) is protocol])
    ]
    await world.line.process(parcels)


def _protocol(f: fix.Fix) -> delivery.Protocol:
    """Choose by the fix: its copies come over the same protocol."""
    return delivery.Protocol.NMEA if (f.time_ms // 1000 + f.lat_e7) % 2 else delivery.Protocol.JSON


async def _ask(world: stories.World, before: Answer | None = None) -> Answer:
    """Ask about all there is, as known now; or again what was asked before, as known then."""
    async with world.db.connection() as connection:
        known = await tracing.settled(connection, before and before.known)
        if before is None:
            rows = await (await connection.execute("SELECT id FROM object")).fetchall()
            ids = {row[0] for row in rows}
        else:
            ids = {object_id for object_id, _ in before.told}
        found = await lives.load(connection, ids, known)
    told = {}
    for object_id, life in found.items():
        for minute in range(-600, 121, 15):
            at_ms = units.to_ms(stories.at(minute))
            holding = life.holding(at_ms)
            stands = tuple((w.id, w.entry) for w in life.in_force(at_ms))
            told[object_id, minute] = (holding and holding.id, life.up(at_ms), stands)
    return Answer(known, told)


def fixes_of(story: stories.Story, rng: random.Random) -> list[fix.Fix]:
    """Return what the trackers of a story send, in order of time."""
    made = [
        f
        for number, (tracker, (way, stays)) in enumerate(zip(stories.TRACKERS, story["drives"], strict=True))
        for f in ground.spoil(
            ground.drive(tracker, zip(way, stays, strict=False), start_ms=ground.T0 + 5_000 * number, every_s=60), rng
        )
    ]
    return sorted(made, key=lambda f: (f.time_ms, f.tracker or ""))


def chunks(fixes: Sequence[fix.Fix], sizes: Sequence[int], rng: random.Random) -> list[list[fix.Fix]]:
    """Cut into batches of any of these sizes."""
    rest, cut = list(fixes), []
    while rest:
        size = rng.choice(sizes)
        cut.append(rest[:size])
        rest = rest[size:]
    return cut


def mixed(deeds: Sequence[stories.Deed], batches: Sequence[list[fix.Fix]], rng: random.Random) -> list[Step]:
    """Return statements at random points among batches, each after those it has to follow."""
    points: list[tuple[float, Step]] = list(stories.interleave(deeds, rng))
    points += [(number / len(batches), batch) for number, batch in enumerate(batches)]
    return [step for _, step in sorted(points, key=lambda point: point[0])]


@pytest.mark.timeout(TIMEOUT_S)
@hypothesis.settings(max_examples=20, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(story=stories.stories, seed=hypothesis.strategies.integers(0, 2**32))
def test_facts_and_fixes_in_any_order_end_the_same(template: dict[str, str], story: stories.Story, seed: int) -> None:
    rng = random.Random(seed)
    deeds, fixes = stories.deeds(story), fixes_of(story, rng)
    in_order: list[Step] = [*deeds, *chunks(fixes, [10], rng)]
    anyhow = [*fixes, *rng.sample(fixes, round(len(fixes) * REPEATED))]
    rng.shuffle(anyhow)
    with databases.fresh(template) as a, databases.fresh(template) as b:
        expected = asyncio.run(tell(a, story, in_order, rng, asking=False))
        found = asyncio.run(tell(b, story, mixed(deeds, chunks(anyhow, [1, 5, 30], rng), rng), rng, asking=True))
    assert found.refused == expected.refused
    outcomes.assert_same(expected.outcome, found.outcome)


@pytest.mark.timeout(TIMEOUT_S)
@hypothesis.settings(max_examples=6, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(story=stories.stories, seed=hypothesis.strategies.integers(0, 2**32))
def test_facts_after_all_fixes_end_the_same(template: dict[str, str], story: stories.Story, seed: int) -> None:
    """Nothing is known when the fixes come: they are held, and adopted when the trackers are claimed."""
    rng = random.Random(seed)
    deeds, fixes = stories.deeds(story), fixes_of(story, rng)
    newest_first = chunks(fixes[::-1], [20], rng)
    last = [deed for _, deed in stories.interleave(deeds, rng)]
    with databases.fresh(template) as a, databases.fresh(template) as b:
        expected = asyncio.run(tell(a, story, [*deeds, *chunks(fixes, [3], rng)], rng, asking=True))
        found = asyncio.run(tell(b, story, [*newest_first, *last], rng, asking=False))
    assert found.refused == expected.refused
    outcomes.assert_same(expected.outcome, found.outcome)


def test_of_two_trackers_put_on_together_the_same_one_speaks_however_they_were_registered(
    template: dict[str, str],
) -> None:
    story: stories.Story = {
        "drives": (("AB", [420, 420]), ("AB", [420, 420])),
        "ways": ("AB", "AB"),
        "planned": (None, None),
        "on": ("C1", "C1"),
        "trusts": (fix.Trust.API_KEY, fix.Trust.API_KEY),
        "on_arrival": "transfer",
        "statements": [],
    }
    rng = random.Random(0)
    deeds, fixes = stories.deeds(story), fixes_of(story, rng)
    other_way = sorted(deeds, key=lambda deed: deed.name == "claim T1" or deed.name.startswith("on"))
    with databases.fresh(template) as a, databases.fresh(template) as b:
        expected = asyncio.run(tell(a, story, [*deeds, fixes], rng, asking=False))
        found = asyncio.run(tell(b, story, [*other_way, fixes], rng, asking=False))
    assert expected.refused == found.refused == frozenset()
    outcomes.assert_same(expected.outcome, found.outcome)
