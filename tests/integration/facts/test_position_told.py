"""The position that a trace tells: of the tracker while it is on the goods, and none that its neighbours belie."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import worlds_of_goods as w

from fleettrack.domain import fix
from fleettrack.services import assignments, claims, tracing
from fleettrack.services.forms import actors as who
from fleettrack.services.forms import goods

PLANT_LAT = w.SITES["plant"][1]


async def tracked(world: w.World, **more: Any) -> None:
    """Ship a serial with a tracker of its own."""
    await world.consignment(items=[goods.NewItem(serial="S1", gtin=w.GTIN)])
    await claims.register(world.planner, who.NewTracker(identity="t1", carrier="fast"))
    form = who.NewAssignment(tracker="t1", consignment="C1", valid_from=w.hour(6.5), **more)
    await assignments.assign(world.planner, form, now=w.NOW)


async def told(world: w.World, at: dt.datetime) -> tuple[float, int] | None:
    """Where the goods are said to be: the latitude, and how many seconds ago."""
    found = (await tracing.trace(world.db, "S1", at=at, now=w.NOW)).position
    return found and (found.lat, found.age_s)


def moved(one: fix.Fix, north: float) -> fix.Fix:
    return msgspec.structs.replace(one, lat_e7=one.lat_e7 + fix.to_e7(north))


async def test_a_fix_at_the_end_of_an_assignment_is_not_of_it(database_url: str) -> None:
    async with w.world(database_url) as world:
        await tracked(world, valid_to=w.hour(8))
        *_, last = w.drive([("plant", 7, 8)])
        at_end = moved(msgspec.structs.replace(last, time_ms=last.time_ms + 60_000), 0.0001)
        await world.send([last, at_end])
        assert await told(world, w.hour(9)) == (PLANT_LAT, 3_660)


async def test_a_fix_at_the_time_asked_for_is_told(database_url: str) -> None:
    async with w.world(database_url) as world:
        await tracked(world)
        await world.send(w.drive([("plant", 7, 8)]))
        assert await told(world, w.hour(7.5)) == (PLANT_LAT, 0)


async def test_a_teleport_is_not_told_as_the_position(database_url: str) -> None:
    async with w.world(database_url) as world:
        await tracked(world)
        *stay, last = w.drive([("plant", 7, 8)])
        await world.send([*stay, moved(last, 0.3)])
        assert world.rows("SELECT count(*) FROM position_flag") != [(0,)]
        assert await told(world, w.hour(8)) == (PLANT_LAT, 120)
