"""Law L2 where goods are found far from a pickup that nobody saw them at: cases in which the order once mattered."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import databases
import fact_stories as stories
import ground
import outcomes
import test_facts_order as law

from fleettrack.domain import fix

OUTSIDE, BEYOND, AWAY = 0.005, 0.02, 0.1  # degrees north of A: about 0.5, 2 and 11 km
PLAIN: stories.Story = {
    "ways": ("AB", "AB"),
    "planned": (None, None),
    "on": ("C1", "C2"),
    "trusts": (fix.Trust.API_KEY, fix.Trust.API_KEY),
    "on_arrival": "transfer",
    "statements": [],
}


def seen(minute: float, north: float) -> fix.Fix:
    lat, lon = ground.PLACES["A"]
    return ground.at("T1", ground.T0 + round(minute * stories.MINUTE_MS), lat + north, lon, 15.0)


def left(template: dict[str, str], story: stories.Story, first: Sequence[Any], last: Sequence[Any]) -> list[Any]:
    """Tell the same in two orders, which have to end the same; return when the goods of C1 left, from and to."""
    rng = random.Random(0)
    with databases.fresh(template) as a, databases.fresh(template) as b:
        expected = asyncio.run(law.tell(a, story, first, rng, asking=False))
        found = asyncio.run(law.tell(b, story, last, rng, asking=False))
    assert found.refused == expected.refused == frozenset()
    outcomes.assert_same(expected.outcome, found.outcome)
    rows = [row for row in expected.outcome.custody if (row[0], row[2]) == ("C1", "departure_inferred")]
    return [tuple((moment - stories.at(0)).total_seconds() / 60 for moment in row[5:7]) for row in rows]


def test_a_late_fix_near_the_pickup_narrows_the_departure(template: dict[str, str]) -> None:
    deeds, near, far = stories.deeds(PLAIN), seen(20, OUTSIDE), seen(30, AWAY)
    assert left(template, PLAIN, [*deeds, [near], [far]], [*deeds, [far], [near]]) == [(20, 30)]


def test_a_late_fix_that_contradicts_the_far_one(template: dict[str, str]) -> None:
    deeds, near, far = stories.deeds(PLAIN), seen(30, OUTSIDE), seen(30, AWAY)
    assert left(template, PLAIN, [*deeds, [near], [far]], [*deeds, [far], [near]]) == []


def test_a_second_load_on_the_vehicle_is_watched_as_well(template: dict[str, str]) -> None:
    loads = [("load", "C1", minute, vehicle, None) for minute, vehicle in ((0, "V1"), (10, "V2"), (20, "V1"))]
    story = PLAIN | {"on": ("V1", "C2"), "statements": loads}
    deeds, far = stories.deeds(story), seen(30, AWAY)
    assert left(template, story, [*deeds, [far]], [[far], *deeds]) == [(20, 30)]


def test_a_fence_of_the_pickup_drawn_wider_afterwards(template: dict[str, str]) -> None:
    story = PLAIN | {"statements": [("draw", "A", 0, 1_500)]}
    *deeds, wider = stories.deeds(story)
    fixes = [[seen(5, BEYOND)], [seen(30, AWAY)]]
    assert left(template, story, [*deeds, wider, *fixes], [*deeds, *fixes, wider]) == [(5, 30)]


def test_a_late_fix_of_the_vehicle_far_from_where_the_goods_arrived(template: dict[str, str]) -> None:
    """The goods' own tracker arrives; that the vehicle was elsewhere is known later, and told all the same."""
    story = PLAIN | {"planned": ("V1", None), "on": ("C1", "V1")}
    deeds, way = stories.deeds(story), ground.drive("T1", [("A", 300), ("B", 420)])
    vehicle = ground.drive("T2", [("A", 300)])
    arrived = next(f for f in way if (f.lat_e7, f.lon_e7) == (471_000_000, 82_000_000))
    elsewhere = ground.at("T2", arrived.time_ms - stories.MINUTE_MS, 47.05, 8.3, 15.0)
    assert left(template, story, [*deeds, [*vehicle, *way, elsewhere]], [*deeds, [*vehicle, *way], [elsewhere]]) == []
