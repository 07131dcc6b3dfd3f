"""Law L6 on the real database: a hole in our heartbeat is an outage, and never a tracker's silence."""

from __future__ import annotations

import asyncio

import ground
import pytest

from fleettrack.domain import fix, units
from fleettrack.services import heartbeat, planning

DOWN_MS = ground.T0 + 2_640_000  # the truck stands at a light in B
UP_MS = DOWN_MS + 1_800_000
GRACE_MS = 600_000  # to come back, and then to be silent for long enough


def heart(world: ground.World) -> heartbeat.Heart:
    return heartbeat.Heart(world.db, planning.Planner(world.db, world.line))


def outages(world: ground.World) -> list[tuple[int, int]]:
    rows = world.rows("SELECT from_time, to_time FROM outage ORDER BY 1")
    return [(round(a.timestamp() * 1000), round(b.timestamp() * 1000)) for a, b in rows]


def epoch(world: ground.World) -> int:
    return int(world.rows("SELECT epoch FROM configuration")[0][0])


def arrivals(world: ground.World) -> set[str]:
    """Return the places where the truck was ever told to have arrived, even if that was taken back."""
    query = "SELECT p.ref FROM visit_event e JOIN visit v ON v.id = visit_id JOIN place p ON p.id = place_id"
    return {place for (place,) in world.rows(f"{query} WHERE kind = 'arrived'")}


async def beat_until(world: ground.World, end_ms: int) -> None:
    """Be alive for a minute, up to a time."""
    ours = heart(world)
    for now in range(end_ms - 60_000, end_ms + 1, heartbeat.BEAT_MS):
        await ours.beat(now)


async def test_a_steady_heart_notes_nothing(database_url: str) -> None:
    async with ground.running(database_url) as world:
        before = epoch(world)
        await beat_until(world, DOWN_MS)
        await heart(world).beat(DOWN_MS + heartbeat.HOLE_MS)  # of another process, or of the next one
        await heart(world).beat(DOWN_MS)  # whose clock is behind
        assert outages(world) == []
        assert epoch(world) == before


async def test_a_hole_is_noted_once_by_however_many(database_url: str) -> None:
    async with ground.running(database_url) as world:
        await beat_until(world, DOWN_MS)
        before = epoch(world)
        await asyncio.gather(*(heart(world).beat(UP_MS) for _ in range(3)))
        await beat_until(world, UP_MS + 60_000)
        assert outages(world) == [(DOWN_MS + heartbeat.BEAT_MS, UP_MS)]
        assert epoch(world) > before


def drive_through() -> list[fix.Fix]:
    """Return a truck's stop at A, its way through B with one slow fix there, and again half an hour later."""
    lat, lon = ground.PLACES["B"]

    def pass_by(light_ms: int) -> list[fix.Fix]:
        return [
            ground.at("T1", light_ms + 30_000 * i, lat + 0.005 * i, lon, 0.5 if i == 0 else 18.0)
            for i in range(-10, 11)
        ]

    return ground.drive("T1", [("A", 600)]) + pass_by(DOWN_MS) + pass_by(UP_MS + 60_000)


@pytest.mark.parametrize("device", ["keeps nothing", "keeps all"])
async def test_a_drive_through_is_no_arrival_though_we_were_away(database_url: str, device: str) -> None:
    """Neither when it is folded, nor by the clock, nor for a moment."""
    ground.set_up(database_url, ["T1"])
    fixes = drive_through()
    before = [f for f in fixes if f.time_ms <= DOWN_MS]
    during = [f for f in fixes if DOWN_MS < f.time_ms < UP_MS]
    after = [f for f in fixes if f.time_ms >= UP_MS + 60_000]
    async with ground.running(database_url) as world:
        await beat_until(world, DOWN_MS)
        await world.feed(before, DOWN_MS)
        await heart(world).beat(UP_MS)
        await world.line.tick(UP_MS + GRACE_MS - 60_000)
        for f in (during if device == "keeps all" else []) + after:
            await world.feed([f], UP_MS + 60_000)
            await world.line.tick(max(UP_MS, f.time_ms))
        assert arrivals(world) == {"A"}


async def test_a_stop_is_known_once_its_silence_was_heard(database_url: str) -> None:
    ground.set_up(database_url, ["T1"])
    before = [f for f in drive_through() if f.time_ms <= DOWN_MS]
    async with ground.running(database_url) as world:
        await beat_until(world, DOWN_MS)
        await world.feed(before, DOWN_MS)
        await heart(world).beat(UP_MS)
        await world.line.tick(UP_MS + GRACE_MS - heartbeat.BEAT_MS - 1)
        assert arrivals(world) == {"A"}
        await world.line.tick(UP_MS + GRACE_MS - heartbeat.BEAT_MS)
        *_, visit = world.visits()
        assert visit[6:] == ("d", units.utc(UP_MS + GRACE_MS - heartbeat.BEAT_MS))


@pytest.mark.parametrize("noted", ["before", "after"])
async def test_it_does_not_matter_when_the_outage_is_noted(database_url: str, noted: str) -> None:
    """What came in before we knew that we had been away is decided again."""
    ground.set_up(database_url, ["T1"])
    fixes = [f for f in drive_through() if not DOWN_MS < f.time_ms < UP_MS]
    async with ground.running(database_url) as world:
        await beat_until(world, DOWN_MS)
        if noted == "before":
            await heart(world).beat(UP_MS)
        await world.feed(fixes, UP_MS + 400_000)
        if noted == "after":
            assert arrivals(world) == {"A", "B"}
            assert "transferred" in {entry[1] for entry in world.custody()}
            await heart(world).beat(UP_MS)
        await world.line.tick(UP_MS + 86_400_000)
        assert [(visit[1], visit[6]) for visit in world.visits()] == [(1, "a"), (2, None), (2, None)]
        assert {entry[1] for entry in world.custody()} == {"arrived", "departed", "picked_up"}


@pytest.mark.parametrize("noted", ["before", "after"])
async def test_nor_does_it_matter_to_who_came_back_just_before(database_url: str, noted: str) -> None:
    """Of coming back soon nothing is told until it arrives or leaves: only the tracker's state knows of it."""
    ground.set_up(database_url, ["T1"])
    lat, lon = ground.PLACES["A"]

    def there(*seconds: int) -> list[fix.Fix]:
        return [ground.at("T1", ground.T0 + 1000 * s, lat, lon, 0.0) for s in seconds]

    def away(s: int) -> fix.Fix:
        return ground.at("T1", ground.T0 + 1000 * s, lat + 0.01, lon, 20.0)

    up_ms = ground.T0 + 390_000
    async with ground.running(database_url) as world:
        await beat_until(world, ground.T0 + 300_000)
        await world.feed([*there(0, 60, 120, 180), away(240), *there(300)], ground.T0 + 300_000)
        if noted == "before":
            await heart(world).beat(up_ms)
        await world.feed(there(395), up_ms)
        if noted == "after":
            await heart(world).beat(up_ms)
        await world.feed([*there(430), away(460)], up_ms)
        left = [(round(visit[5].timestamp() * 1000) - ground.T0, visit[6]) for visit in world.visits()]
        assert left == [(240_000, "a"), (460_000, None)]
