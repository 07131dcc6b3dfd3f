"""Law L2 on the real database: order, batches and repetition of pings change nothing in the end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import databases
import ground
import hypothesis
import msgspec
import psycopg
import pytest
from hypothesis import strategies as st

from fleettrack.domain import fix, units
from fleettrack.services import places, planning
from fleettrack.services.track import delivery
from fleettrack.storage import ledger

TRACKERS = ("T1", "T2")
CLOSING_MS = 86_400_000  # when all silence has been heard

stays = st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from([30, 90, 240, 400])), min_size=2, max_size=3)
worlds = st.tuples(stays, stays, st.randoms(use_true_random=False))


async def test_a_day_in_order_moves_custody(database_url: str) -> None:
    ground.set_up(database_url, TRACKERS)
    async with ground.running(database_url) as world:
        day = ground.drive("T1", [("A", 600), ("B", 600), ("C", 600)])
        for chunk in range(0, len(day), 7):
            await world.feed(day[chunk : chunk + 7], day[-1].time_ms)
        moved = [(r[1], r[2], r[7], r[8], r[9], r[10]) for r in world.custody() if r[8] is not None]
    assert ("picked_up", "provisional", 1, 2, 1, 1) in moved
    assert ("transferred", "provisional", 2, 3, 2, 2) in moved
    assert ("transferred", "provisional", 2, 3, 3, 3) in moved


Parcels = Sequence[tuple[list[fix.Fix], int, delivery.Protocol]]


async def tell(
    url: str, parcels: Parcels, end_ms: int, *, asking: bool = False
) -> tuple[object, list[tuple[object, ...]], object]:
    """Feed parcels of (fixes, receive time, protocol); return what is known in the end.

    `asking`: after each of them the clock decides as if nothing came any more.
    """
    ground.set_up(url, TRACKERS)
    async with ground.running(url) as world:
        for fixes, received_ms, protocol in parcels:
            await world.feed(fixes, received_ms, protocol=protocol, history=True)
            if asking:
                await world.line.tick(end_ms)
        await world.line.tick(end_ms)
        return world.positions(), world.visits(), world.custody()


def chunks(fixes: list[fix.Fix], rng: random.Random) -> list[list[fix.Fix]]:
    """Cut into batches of any size."""
    out, rest = [], list(fixes)
    while rest:
        size = rng.choice([1, 2, 7, 50])
        out.append(rest[:size])
        rest = rest[size:]
    return out


@hypothesis.settings(max_examples=6, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(world=worlds)
def test_any_order_batching_and_repetition_end_the_same(template: dict[str, str], world) -> None:  # type: ignore[no-untyped-def]
    first, second, rng = world
    fixes = ground.spoil(ground.drive("T1", first), rng) + ground.spoil(
        ground.drive("T2", second, start_ms=ground.T0 + 5_000), rng
    )
    received = max((f.time_ms for f in fixes), default=0) + 1_000
    end_ms = received + CLOSING_MS
    protocol = {f: rng.choice([delivery.Protocol.NMEA, delivery.Protocol.JSON]) for f in fixes}

    def parcels(order: list[fix.Fix]) -> Parcels:
        return [(part, received, protocol[part[0]]) for part in chunks(order, rng)]

    by_one = [([f], received, protocol[f]) for f in sorted(fixes, key=lambda f: (f.time_ms, f.tracker or ""))]
    shuffled = [*fixes, *rng.choices(fixes, k=len(fixes) // 5)]
    rng.shuffle(shuffled)
    mixed = [([f], received, protocol[f]) for f in shuffled]
    newest_first = parcels(sorted(fixes, key=lambda f: -f.time_ms))
    with databases.fresh(template) as a, databases.fresh(template) as b:
        expected = asyncio.run(tell(a, by_one, end_ms, asking=True))
        assert asyncio.run(tell(b, mixed, end_ms)) == expected
    with databases.fresh(template) as c:
        found = asyncio.run(tell(c, newest_first, end_ms))
        assert found[1:] == expected[1:]


async def test_a_second_copy_that_proves_more_moves_what_the_first_could_only_propose(database_url: str) -> None:
    ground.set_up(database_url, TRACKERS)
    async with ground.running(database_url) as world:
        day = ground.drive("T1", [("A", 600), ("B", 600)])
        await world.feed(day, day[-1].time_ms, trust=fix.Trust.NONE)
        assert {r[2] for r in world.custody() if r[1] == "proposed"} == {"proposed"}
        await world.feed(day, day[-1].time_ms, trust=fix.Trust.API_KEY)
        assert [r[2] for r in world.custody() if r[1] == "transferred"] == ["provisional"]


async def test_data_older_than_72_hours_corrects_visits_and_only_proposes_custody(database_url: str) -> None:
    ground.set_up(database_url, TRACKERS)
    async with ground.running(database_url) as world:
        day = ground.drive("T1", [("A", 600), ("B", 600)])
        newest = ground.at("T1", day[-1].time_ms + 80 * 3_600_000, 46.0, 7.0, 20.0)
        await world.feed([newest], newest.time_ms)
        await world.feed(day, newest.time_ms)
        assert len(world.visits()) == 2
        assert world.custody() == []
        tasks = world.rows("SELECT kind, consignment_id, done_at FROM task")
        assert tasks == [("late_correction", 1, None)] * 2
        await world.feed(day[:1], newest.time_ms, history=True)  # a repeat changes nothing
        assert world.custody() == []


async def test_what_waits_for_a_person_is_not_let_through_by_what_comes_in_time(database_url: str) -> None:
    ground.set_up(database_url, TRACKERS)
    async with ground.running(database_url) as world:
        day = ground.drive("T1", [("A", 600), ("B", 600)])
        there, away = day[:-5], [msgspec.structs.replace(f, time_ms=f.time_ms + 20 * 3_600_000) for f in day[-5:]]
        newest = ground.at("T1", day[-1].time_ms + 80 * 3_600_000, 46.0, 7.0, 20.0)
        await world.feed([newest], newest.time_ms)
        await world.feed(there, newest.time_ms)
        await world.feed(away, newest.time_ms)
        told = world.rows("SELECT max(revision), bool_and(held) FROM visit_event GROUP BY visit_id ORDER BY visit_id")
        assert told == [(1, True), (2, True)]
        assert world.custody() == []


async def test_a_stay_that_began_before_the_checkpoint_is_told_once(database_url: str) -> None:
    """A late fix that arrives a stay which was only entered at the checkpoint changes that stay and makes no other."""
    ground.set_up(database_url, TRACKERS)
    entered, later = (ground.at("T1", ground.T0 + ms, *ground.PLACES["C"], 0.0) for ms in (0, 1_110_000))
    outlier = ground.at("T1", ground.T0 + 1_440_000, 46.0, 7.0, 0.0)
    async with ground.running(database_url) as world:
        for f in (outlier, entered, later):
            await world.feed([f], outlier.time_ms)
        assert [visit[6] for visit in world.visits()] == ["d"]


STOPPED = [(0, 0, 0), (60, 0, 0), (150, 0, 0)]


@pytest.mark.parametrize(
    ("way", "told"),
    [
        pytest.param([*STOPPED, (210, 300, 5), (270, 0, 5)], [("a", "is there")], id="outside for a moment"),
        pytest.param([(0, 0, 0), (10, 100, 10)], [(None, "is there")], id="not standing for long"),
        pytest.param(
            [*STOPPED, (210, 1_000, 25), (240, 0, 0), (270, 1_000, 25), (330, 2_500, 25)],
            [("a", "left"), (None, "left")],
            id="back for a moment",
        ),
    ],
)
async def test_what_the_clock_decided_is_taken_back_by_fixes_from_before_it(
    template: dict[str, str], way: list[tuple[int, int, int]], told: list[tuple[str | None, str]]
) -> None:
    """The way is of (seconds, metres north of A, m/s); each fix comes long after its silence was judged."""
    lat, lon = ground.PLACES["A"]
    end_ms = ground.T0 + CLOSING_MS
    fixes = [ground.at("T1", ground.T0 + 1000 * s, lat + m / 111_200, lon, mps) for s, m, mps in way]
    parcels = [([f], end_ms, delivery.Protocol.NMEA) for f in fixes]
    with databases.fresh(template) as a, databases.fresh(template) as b:
        expected = await tell(a, parcels, end_ms)
        assert await tell(b, parcels, end_ms, asking=True) == expected
    assert [(visit[6], "left" if visit[5] else "is there") for visit in expected[1]] == told


@pytest.mark.parametrize("asking", [True, False])
@pytest.mark.parametrize(
    ("known", "ahead", "later", "told"),
    [
        pytest.param([], (300, 0, 0), [], [], id="it was the only one"),
        pytest.param([], (300, 0, 0), [(2_000, 0, 0)], [("d", "is there")], id="others follow"),
        pytest.param([(-150, 0, 0), *STOPPED], (400, 1_000, 25), [], [("a", "is there")], id="others came before"),
    ],
)
async def test_a_fix_decides_nothing_any_more_once_an_earlier_copy_shows_that_its_clock_was_ahead(
    template: dict[str, str],
    known: list[tuple[int, int, int]],
    ahead: tuple[int, int, int],
    later: list[tuple[int, int, int]],
    told: list[tuple[str | None, str]],
    asking: bool,
) -> None:
    """The tracker is as it was before; where no other fix can decide, as if it had never been heard."""
    lat, lon = ground.PLACES["A"]
    end_ms = ground.T0 + CLOSING_MS

    def parcels(way: list[tuple[int, int, int]], received_ms: int) -> Parcels:
        fixes = [ground.at("T1", ground.T0 + 1000 * s, lat + m / 111_200, lon, mps) for s, m, mps in way]
        return [([f], received_ms, delivery.Protocol.NMEA) for f in fixes]

    early, late = parcels([ahead], ground.T0 + 150_000), parcels([ahead], end_ms)
    before, after = parcels(known, ground.T0 + 150_000), parcels(later, end_ms)
    with databases.fresh(template) as a, databases.fresh(template) as b:
        expected = await tell(a, [*before, *early, *late, *after], end_ms)
        assert await tell(b, [*before, *late, *early, *after], end_ms, asking=asking) == expected
    assert [(visit[6], "left" if visit[5] else "is there") for visit in expected[1]] == told


async def test_what_the_clock_decided_stands_and_goes_on_where_no_fix_says_otherwise(database_url: str) -> None:
    ground.set_up(database_url, ["T1"])
    there = ground.at("T1", ground.T0, *ground.PLACES["A"], 0.0)
    nowhere = ground.at("T1", ground.T0 + 30_000, 0.0, 0.0, 0.0)
    async with ground.running(database_url) as world:
        await world.feed([there], ground.T0)
        await world.line.tick(ground.T0 + CLOSING_MS)
        arrived = world.visits()
        assert [visit[6] for visit in arrived] == ["d"]
        await world.feed([nowhere], ground.T0 + CLOSING_MS)
        assert world.visits() == arrived
        editor, moment = planning.Planner(world.db, world.line), units.utc(ground.T0 + 2 * CLOSING_MS)
        await places.delete_fence(editor, 1, at=moment, now=moment)
        assert world.visits() == arrived
        await world.line.tick(ground.T0 + 3 * CLOSING_MS)
        assert [visit[5:7] for visit in world.visits()] == [(moment, "d")]


async def test_nothing_is_told_as_settled_while_a_visit_of_that_time_may_still_appear(database_url: str) -> None:
    ground.set_up(database_url, TRACKERS)
    async with ground.running(database_url) as world:
        with psycopg.connect(database_url, autocommit=True) as c:
            c.execute("INSERT INTO tracker (identity) VALUES ('T3')")  # that carries nothing: no journey runs
        day = ground.drive("T3", [("A", 600), ("B", 600)])
        who = delivery.Sender(protocol=delivery.Protocol.NMEA, source="test", trust=fix.Trust.API_KEY)
        parcel = delivery.Delivery(sender=who, messages=day, received_ms=day[-1].time_ms)
        async with world.db.transaction() as connection:
            await world.line.feed(connection, [parcel])
            cursor = await connection.execute("SELECT min(recorded_at) FROM visit_event")
            assert (told := await cursor.fetchone()) is not None
            async with world.db.connection() as other:
                assert await ledger.horizon(other) < told[0]
        async with world.db.connection() as other:
            assert await ledger.horizon(other) > told[0]
