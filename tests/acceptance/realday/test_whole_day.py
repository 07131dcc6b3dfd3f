"""A whole recorded day through the real service: the arrivals of the reference, custody, and law L2 in every manner."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import answers
import capmetro
import comparison
import databases
import days
import outcomes
import pytest
import stated
import told
from psycopg import conninfo

pytestmark = [pytest.mark.reference, pytest.mark.long]

ARRIVALS_LEAST = 500
SAME_LEAST = 0.98
STREAMS = 3
BACKLOG = 2_000  # pings in a batch of those that come newest first: each folds again all that is after it
QUESTIONS = 20  # trips asked about, each time


@dataclasses.dataclass(frozen=True)
class Whole:
    """The day as it came in order, with what people stated last; and the database as it was before the first ping."""

    world: days.World
    beside: comparison.Compared
    against_rule: list[str]
    expected: outcomes.Outcome
    planned: dict[str, str]
    ids: Mapping[str, int]


@pytest.fixture(scope="module")
async def whole(template: dict[str, str], reference: Path) -> AsyncIterator[Whole]:
    world = days.read(reference / "data" / "capmetro", "2016-11-25", "2016-12-16")
    with databases.fresh(template) as planned_url:
        async with days.running(planned_url) as service:
            teller = told.Teller(service)
            await teller.tell(stated.plan(world.day, world.ends, world.trips))
        planned = template | {"name": str(conninfo.conninfo_to_dict(planned_url)["dbname"])}
        with databases.fresh(planned) as url:
            async with days.running(url) as service:
                teller = told.Teller(service, ids=teller.ids)
                await teller.tell(list(told.batches(world.pings, lambda: days.BATCH)))
                assert teller.counts["accepted"] == len(world.pings)
                beside, outcome = await days.compared(service, world, reference / "evaluation" / "arrival_eval.py")
                against_rule = days.against_the_rule(world, outcome)
                await teller.tell(stated.afterwards(world.ends, world.trips))
                await teller.tell([list(world.later)])
                expected = await answers.outcome(service)
        yield Whole(world, beside, against_rule, expected, planned, teller.ids)


async def again(whole: Whole, manner: told.Manner, pings: Sequence[list[capmetro.Ping]]) -> days.Told:
    """Tell the pings in a manner of their own, after all that people state; return what it came to."""
    rng = random.Random(days.SEED)
    facts = stated.afterwards(whole.world.ends, whole.world.trips)
    with databases.fresh(whole.planned) as url:
        async with days.running(url) as service:
            run = days.Run(told.Teller(service, manner, whole.ids), whole.world, rng, QUESTIONS)
            found = await run.tell([*facts, *pings])
    check(whole, found)
    return found


def check(whole: Whole, found: days.Told) -> None:
    """Hold what a run came to against what the day came to in order, and its answers against themselves."""
    assert found.asked > QUESTIONS
    assert found.changed == []
    outcomes.assert_same(whole.expected, found.outcome)


def test_arrivals_are_those_of_the_reference(whole: Whole) -> None:
    print(whole.beside)
    assert whole.beside.unexplained == []
    assert whole.beside.ours >= ARRIVALS_LEAST
    assert whole.beside.share >= SAME_LEAST


def test_custody_follows_as_design_6_says(whole: Whole) -> None:
    assert len(whole.world.trips) > 1_000
    assert whole.against_rule == []


async def test_shuffled_within_half_an_hour_with_repeats(whole: Whole) -> None:
    pings = told.shuffled(whole.world.pings, random.Random(days.SEED))
    batches = told.batches(pings, lambda: days.BATCH)
    found = await again(whole, told.Manner(), [*batches, list(whole.world.later)])
    assert found.counts["duplicate"] == len(pings) - len(whole.world.pings) > 0


async def test_newest_first_with_history(whole: Whole) -> None:
    """All of the day is weeks older than the first ping told; without `history` custody would wait for a person."""
    batches = told.batches(whole.world.pings[::-1], lambda: BACKLOG)
    await again(whole, told.Manner(history=True), [list(whole.world.later), *batches])


async def test_each_ping_over_one_of_two_protocols(whole: Whole) -> None:
    batches = told.batches(whole.world.pings, lambda: days.BATCH)
    await again(whole, told.Manner(both=True), [*batches, list(whole.world.later)])


async def test_batches_of_other_sizes_side_by_side(whole: Whole) -> None:
    """Several streams at once, each with pings of every vehicle."""
    rng = random.Random(days.SEED)
    pings = whole.world.pings
    streams = [
        list(told.batches([p for p in pings if p.lot % STREAMS == i], lambda: rng.choice([1, 10, 100, 500])))
        for i in range(STREAMS)
    ]
    facts = stated.afterwards(whole.world.ends, whole.world.trips)
    with databases.fresh(whole.planned) as url:
        async with days.running(url) as service:
            await told.Teller(service, ids=whole.ids).tell(facts)
            await told.side_by_side(service, told.Manner(), streams)
            await told.Teller(service).tell([list(whole.world.later)])
            outcome = await answers.outcome(service)
    outcomes.assert_same(whole.expected, outcome)


async def test_everything_at_random_points(whole: Whole, template: dict[str, str]) -> None:
    """Trackers claimed after they have sent, fences, manifests, assignments and receipts amid shuffled pings."""
    rng = random.Random(days.SEED)
    with databases.fresh(template) as url:
        async with days.running(url) as service:
            run = days.Run(told.Teller(service, told.Manner(both=True)), whole.world, rng, QUESTIONS)
            found = await run.tell(days.any_way(whole.world, rng))
    assert min(found.counts[name] for name in ("accepted", "duplicate", "held")) > 0
    check(whole, found)
