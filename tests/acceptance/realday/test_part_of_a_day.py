"""A part of a recorded day, from pings to custody; the whole of it is in test_whole_day.py."""

from __future__ import annotations

import random
from pathlib import Path

import answers
import databases
import days
import outcomes
import pytest
import stated
import told

pytestmark = pytest.mark.reference

EVERY = 16  # so many-th vehicle of the day


async def test_arrivals_custody_and_their_order(template: dict[str, str], reference: Path) -> None:
    """The arrivals of the reference, the custody of design 6; and the same again when all comes in any order."""
    world = days.read(reference / "data" / "capmetro", "2016-11-25", "2016-12-16", EVERY)
    with databases.fresh(template) as url:
        async with days.running(url) as service:
            teller = told.Teller(service)
            await teller.tell(stated.plan(world.day, world.ends, world.trips))
            await teller.tell(list(told.batches(world.pings, lambda: days.BATCH)))
            assert teller.counts["accepted"] == len(world.pings)
            beside, outcome = await days.compared(service, world, reference / "evaluation" / "arrival_eval.py")
            assert beside.unexplained == []
            assert beside.reference > 100
            assert beside.share > 0.95
            assert days.against_the_rule(world, outcome) == []
            await teller.tell(stated.afterwards(world.ends, world.trips))
            await teller.tell([list(world.later)])
            expected = await answers.outcome(service)
    with databases.fresh(template) as url:
        async with days.running(url) as service:
            rng = random.Random(days.SEED)
            run = days.Run(told.Teller(service, told.Manner(both=True)), world, rng, questions=8)
            found = await run.tell(days.any_way(world, rng))
    assert min(found.counts[name] for name in ("accepted", "duplicate", "held")) > 0
    assert found.asked > 100
    assert found.changed == []
    outcomes.assert_same(expected, found.outcome)
