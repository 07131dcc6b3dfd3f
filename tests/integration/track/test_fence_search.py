"""Whom a new fence can concern: who was near it since it holds, and nobody who was there only before."""

from __future__ import annotations

import ground

from fleettrack.domain import units
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
