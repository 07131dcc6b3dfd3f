"""Whom a new fence can concern: who was near it since it holds, and nobody who was there only before."""

from __future__ import annotations

from collections.abc import Mapping

import ground
import pytest

from fleettrack.domain import units
from fleettrack.services import places, planning
from fleettrack.services.forms import actors
from fleettrack.services.track import delivery
from fleettrack.storage import database, visits


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


async def test_who_came_back_to_where_a_fence_was_to_be_is_found_when_it_is_drawn_elsewhere(database_url: str) -> None:
    """No visit tells of coming back soon, and the fence it came back to is nowhere any more."""
    ground.set_up(database_url, ["T1"])
    lat, lon = ground.PLACES["A"]

    def moment(minutes: float) -> int:
        return round(ground.T0 + 60_000 * minutes)

    async with ground.running(database_url) as world:
        editor = planning.Planner(world.db, world.line)

        async def draw(north: float, minutes: float) -> None:
            shape = {"type": "Circle", "lat": lat + north, "lon": lon, "radius_m": 200}
            form = actors.NewFence(name="A", shape=shape, valid_from=units.utc(moment(minutes)))
            await places.change_fence(editor, 1, form, now=units.utc(moment(11)))

        await draw(0.03, 9)
        stop = [ground.at("T1", moment(minute), lat, lon, 0.0) for minute in range(4)]
        away, back = (ground.at("T1", moment(m), lat + north, lon, 20.0) for m, north in ((5, 0.012), (10, 0.03)))
        await world.feed([*stop, away, back], moment(10))
        await draw(0.5, 7)
        answer = await world.feed([ground.at("T1", moment(12), lat + 0.03, lon, 0.0)], moment(12))
        assert answer.outcomes == [delivery.Outcome.ACCEPTED]
        await world.line.tick(moment(60 * 24))
        assert [(visit[5], visit[6]) for visit in world.visits()] == [(units.utc(away.time_ms), "a")]


async def test_a_fence_edit_that_rolls_back_leaves_the_fences_as_they_were(database_url: str) -> None:
    class Broken(Exception):
        pass

    ground.set_up(database_url, ["T1", "T2"])
    async with ground.running(database_url) as world:

        class Breaks:
            async def refold_places(self, connection: database.Connection, places: Mapping[int, int]) -> set[int]:
                await world.line.refold_places(connection, places)
                raise Broken

        await world.feed(ground.drive("T1", [("A", 600)]), ground.T0 + units.DAY_MS)
        editor = planning.Planner(world.db, Breaks())  # type: ignore[arg-type]  # nothing else is asked of it here
        shape = {"type": "Circle", "lat": 1, "lon": 1, "radius_m": 200}
        form = actors.NewFence(name="A", shape=shape, valid_from=units.utc(ground.T0))
        with pytest.raises(Broken):
            await places.change_fence(editor, 1, form, now=units.utc(ground.T0))
        await world.feed(ground.drive("T2", [("A", 600)]), ground.T0 + units.DAY_MS)
        ours, theirs = ([visit[2:] for visit in world.visits() if visit[0] == tracker] for tracker in (1, 2))
        assert ours
        assert theirs == ours
