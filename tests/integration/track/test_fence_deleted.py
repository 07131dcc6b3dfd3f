"""A fence that is deleted while a truck stands there, and drawn anew: no departure, and no delivery lost."""

from __future__ import annotations

import ground

from fleettrack.domain import units
from fleettrack.services import places, planning
from fleettrack.services.forms import actors


async def test_a_pickup_fence_drawn_anew_sees_the_truck_leave(database_url: str) -> None:
    ground.set_up(database_url, ["T1"])
    day = ground.drive("T1", [("A", 1200), ("B", 600)])
    standing, rest = day[:24], day[24:]
    async with ground.running(database_url) as world:
        planner = planning.Planner(world.db, world.line)
        await world.feed(standing, standing[-1].time_ms)
        deleted = units.utc(standing[-1].time_ms + 1000)
        await places.delete_fence(planner, 1, at=deleted, now=deleted)
        lat, lon = ground.PLACES["A"]
        drawn = actors.NewFence(shape={"type": "Circle", "lat": lat, "lon": lon, "radius_m": 250})
        await places.add_fence(planner, "A", drawn, now=units.utc(rest[0].time_ms + 1000))
        await world.feed(rest[:1], rest[0].time_ms)
        assert [r[1] for r in world.custody()] == ["arrived"] * 2
        await world.feed(rest[1:], rest[-1].time_ms)
        told = [r[1] for r in world.custody()]
        assert (told.count("departed"), told.count("picked_up"), told.count("transferred")) == (3, 2, 1)
        assert "not_held_by_carrier" not in [kind for (kind,) in world.rows("SELECT kind FROM exception")]
