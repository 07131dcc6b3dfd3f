"""Law L5 on the real database: a sender that proves nothing moves no custody, whatever it says about a tracker."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import databases
import ground
import hypothesis
import msgspec
import psycopg
from hypothesis import strategies as st

from fleettrack.domain import fix
from fleettrack.services.track import delivery

UNPROVEN = {"trust": fix.Trust.NONE, "protocol": delivery.Protocol.JSON}
HELD = [("transferred", "provisional", 3)]

Copy = tuple[fix.Fix, fix.Trust, delivery.Protocol, int]
"""A copy of one fix, the trust and protocol it comes with, and when."""

SPOT = ground.at("T1", ground.T0, 47.0, 8.0, 0.0)
copies = st.tuples(
    st.builds(
        lambda more, flags: msgspec.structs.replace(SPOT, **more, flags=flags),
        st.fixed_dictionaries(
            {
                "speed_cms": st.none() | st.integers(0, 2),
                "accuracy_dm": st.sampled_from((None, 40, 9_000)),
                "battery_pct": st.none() | st.integers(0, 1),
                "attributes": st.none() | st.sampled_from(({"a": 1}, {"b": 2})),
            }
        ),
        st.sampled_from((0, int(fix.Flag.MOCK))),
    ),
    st.sampled_from((fix.Trust.NONE, fix.Trust.SOURCE, fix.Trust.API_KEY)),
    st.sampled_from((delivery.Protocol.NMEA, delivery.Protocol.JSON)),
    st.integers(ground.T0, ground.T0 + 2),
)


def moved(world: ground.World) -> list[tuple[object, ...]]:
    """Return what the geofence made of the drop."""
    return [(r[1], r[2], r[8]) for r in world.custody() if r[1] == "transferred"]


def put_on_goods(url: str) -> None:
    """Let the tracker ride on the goods, not on the truck: then its leaving takes a delivery back."""
    with psycopg.connect(url, autocommit=True) as c:
        c.execute("UPDATE assignment SET vehicle_id = NULL, consignment_id = 1 WHERE tracker_id = 1")


async def test_copies_without_proof_do_not_blur_the_fixes_that_decided(database_url: str) -> None:
    ground.set_up(database_url, ["T1"])
    async with ground.running(database_url) as world:
        day = ground.drive("T1", [("A", 600), ("B", 600)])
        received = day[-1].time_ms
        await world.feed(day, received)
        told, custody = world.visits(), world.custody()
        assert moved(world) == HELD
        blurred = [msgspec.structs.replace(f, accuracy_dm=9_000, flags=int(fix.Flag.MOCK)) for f in day]
        await world.feed(blurred, received, **UNPROVEN)
        assert (world.visits(), world.custody()) == (told, custody)
        assert world.rows("SELECT DISTINCT accuracy_dm, flags, trust FROM position") == [(None, 0, 3)]


def test_a_fix_without_proof_does_not_hold_up_the_departure_that_others_prove(template: dict[str, str]) -> None:
    doubtful = [ground.at("T1", ground.T0, 47.03, 8.0, 15.0)]
    way = [ground.at("T1", ground.T0 + 30_000 * i, 47.03 + 0.003 * i, 8.0 + 0.006 * i, 15.0) for i in range(1, 12)]
    way += ground.drive("T1", [("B", 600)], start_ms=ground.T0 + 3_600_000)[:-5]
    told = []
    for doubted_at in (0, 3, len(way)):
        with databases.fresh(template) as url:
            told.append(asyncio.run(_inferred(url, doubtful, way, doubted_at)))
    assert told[0] == told[1] == told[2]
    assert [row[1:3] for row in told[0] if row[1] == "picked_up"] == [("picked_up", "provisional")] * 2
    assert [(row[1], row[2], row[8]) for row in told[0] if row[1] == "transferred"] == HELD


async def _inferred(
    url: str, doubtful: Sequence[fix.Fix], way: Sequence[fix.Fix], doubted_at: int
) -> list[tuple[object, ...]]:
    """Feed the way one by one, and the doubtful ones somewhere among it."""
    ground.set_up(url, ["T1"])
    put_on_goods(url)
    async with ground.running(url) as world:
        for i in range(len(way) + 1):
            if i == doubted_at:
                await world.feed(doubtful, way[-1].time_ms, **UNPROVEN)
            await world.feed(way[i : i + 1], way[-1].time_ms)
        return world.custody()


async def test_fixes_without_proof_do_not_drive_goods_away(database_url: str) -> None:
    ground.set_up(database_url, ["T1"])
    put_on_goods(database_url)
    async with ground.running(database_url) as world:
        day = ground.drive("T1", [("A", 600), ("B", 600)])
        there, away = day[:-5], day[-5:]
        await world.feed(there, day[-1].time_ms)
        assert moved(world) == HELD
        await world.feed(away, day[-1].time_ms, **UNPROVEN)
        assert moved(world) == HELD
        assert world.rows("SELECT trust, exit_trust FROM visit WHERE place_id = 2") == [(3, 0)]
        await world.feed(away, day[-1].time_ms)  # now somebody proves it
        assert world.rows("SELECT trust, exit_trust FROM visit WHERE place_id = 2") == [(3, 3)]
        assert moved(world) == []


def coming_back(world_end_ms: int, place: str) -> list[fix.Fix]:
    """Return fixes that stand at a place again, soon after it was left."""
    return [ground.at("T1", world_end_ms + 150_000 + 30_000 * k, *ground.PLACES[place], 0.0) for k in range(6)]


async def test_fixes_without_proof_do_not_bring_goods_back_to_the_drop(database_url: str) -> None:
    ground.set_up(database_url, ["T1"])
    put_on_goods(database_url)
    async with ground.running(database_url) as world:
        day = ground.drive("T1", [("A", 600), ("B", 600)])
        back = coming_back(day[-1].time_ms, "B")
        await world.feed(day, back[-1].time_ms)
        turned_away = world.custody()
        assert moved(world) == []
        await world.feed(back, back[-1].time_ms, **UNPROVEN)
        assert world.rows("SELECT exited_at, trust FROM visit WHERE place_id = 2") == [(None, 3)]
        assert world.custody() == turned_away
        await world.feed(back, back[-1].time_ms)  # now somebody proves it
        assert moved(world) == HELD


async def test_fixes_without_proof_do_not_bring_goods_back_to_the_pickup(database_url: str) -> None:
    ground.set_up(database_url, ["T1"])
    async with ground.running(database_url) as world:
        day = ground.drive("T1", [("A", 600)])
        back = coming_back(day[-1].time_ms, "A")
        await world.feed(back, back[-1].time_ms, **UNPROVEN)  # in any order
        await world.feed(day, back[-1].time_ms)
        assert [r[1] for r in world.custody()].count("picked_up") == 2
        await world.feed(back, back[-1].time_ms)
        assert [r[1] for r in world.custody()] == ["arrived"] * 2


@hypothesis.settings(max_examples=10, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(said=st.lists(copies, min_size=2, max_size=6), rng=st.randoms(use_true_random=False))
def test_copies_of_any_trust_in_any_order_make_one_fix(template: dict[str, str], said: list[Copy], rng) -> None:  # type: ignore[no-untyped-def]
    async def stored(url: str, order: Sequence[Copy], at_once: bool) -> object:
        ground.set_up(url, ["T1"])
        async with ground.running(url) as world:
            parcels = [
                delivery.Delivery(
                    sender=delivery.Sender(protocol=protocol, source="test", trust=trust),
                    messages=[told],
                    received_ms=received,
                )
                for told, trust, protocol, received in order
            ]
            for together in [parcels] if at_once else [[p] for p in parcels]:
                await world.line.process(together)
            return world.positions()

    again = [*said, rng.choice(said)]
    rng.shuffle(again)
    best = max(trust for _, trust, _, _ in said)
    heard = [told for told, trust, _, _ in said if trust == best]
    with databases.fresh(template) as a, databases.fresh(template) as b:
        found = asyncio.run(stored(a, said, at_once=False))
        assert asyncio.run(stored(b, again, at_once=len({str(t.attributes) for t in heard}) == 1)) == found
