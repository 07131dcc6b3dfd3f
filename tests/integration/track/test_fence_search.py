"""Whom a new fence can concern: who was near it since it holds, and nobody who was there only before."""

from __future__ import annotations

import ground

from fleettrack.domain import units
from fleettrack.services import places, planning
from fleettrack.storage import visits


async def test_who_was_near_a_fence_since_it_holds_is_found(database_url: str) -> None:
    ground.set_up(database_url, ["T1", "T2"])
    async with ground.running(database_url) as world:
        now, before = (
            ground.drive("T1", [("A", 600)]),
            ground.drive("T2", [("A", 600)], start_ms=ground.T0 - units.DAY_MS),
        )
        await world.feed([*now, *before], ground.T0 + units.DAY_MS)
        lat, lon = ground.PLACES["A"]
        box, elsewhere = (lon - 0.01, lat - 0.01, lon + 0.01, lat + 0.01), (lon + 1, lat, lon + 2, lat + 1)
        async with world.db.connection() as connection:

            async def near(since_ms: int, where: tuple[float, float, float, float] = box) -> list[int]:
                no_place = 0  # so that only fixes tell
                return sorted(await visits.near_place(connection, no_place, since_ms, where))

            assert await near(0) == [1, 2]
            assert await near(now[0].time_ms) == [1]
            assert await near(now[0].time_ms + units.DAY_MS) == []
            assert await near(0, elsewhere) == []


async def test_who_came_back_to_a_fence_and_was_heard_no_more_is_found_when_it_ends(database_url: str) -> None:
    """Coming back soon is the same visit if it arrives: until then nothing is told of it."""
    ground.set_up(database_url, ["T1"])
    lat, lon = ground.PLACES["A"]
    stop = [ground.at("T1", ground.T0 + 60_000 * minute, lat, lon, 0.0) for minute in range(4)]
    away, back = (ground.at("T1", ground.T0 + 60_000 * m, lat + north, lon, 20.0) for m, north in ((4, 0.01), (5, 0.0)))
    moment = units.utc(ground.T0 + units.DAY_MS)
    async with ground.running(database_url) as world:
        await world.feed([*stop, away, back], back.time_ms)
        await places.delete_fence(planning.Planner(world.db, world.line), 1, at=moment, now=moment)
        await world.line.tick(ground.T0 + 2 * units.DAY_MS)
        assert [(visit[5], visit[6]) for visit in world.visits()] == [(units.utc(away.time_ms), "a"), (moment, None)]
