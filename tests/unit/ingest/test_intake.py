from __future__ import annotations

import asyncio

import pytest
from recording import Door, parcel, ping, until

from fleettrack.domain import errors, fix
from fleettrack.ingest import intake
from fleettrack.services.track import delivery

Outcome = delivery.Outcome


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(intake, "RETRY_S", 0.001)


async def test_a_kept_delivery_is_answered_by_the_pipeline_and_counted(tmp_path):
    async with Door(tmp_path) as door:
        door.pipeline.unknown = {"stranger"}
        reject = fix.Reject(reason="checksum", raw=b"$x")
        messages = (ping(n=1), ping(n=1), ping("stranger"), reject, fix.Status(tracker="t1", kind="void"))
        answer = await door.intake.keep(parcel(*messages), b"raw")
        assert answer.outcomes == [
            Outcome.ACCEPTED, Outcome.DUPLICATE, Outcome.HELD, Outcome.REJECTED, Outcome.STATUS,
        ]  # fmt: skip
        for outcome in ("accepted", "duplicate", "held", "rejected", "status"):
            assert door.count("messages_total", protocol="nmea", outcome=outcome) == 1
        assert door.count("rejects_total", reason="checksum") == 1


async def test_what_finds_the_database_away_waits_on_disk_and_is_stored_in_order_when_it_is_back(tmp_path):
    async with Door(tmp_path) as door:
        door.pipeline.away = True
        answers = [await door.intake.keep(parcel(ping(n=i)), b"raw") for i in range(30)]
        assert [a.outcomes for a in answers] == [[Outcome.PENDING]] * 30
        assert door.count("spooled_messages_total") == 30
        assert door.pipeline.deliveries == []
        door.pipeline.away = False
        await until(lambda: not door.spool.holding)
        assert [f.lon_e7 for f in door.pipeline.fixes] == [ping(n=i).lon_e7 for i in range(30)]
        assert door.count("drained_messages_total") == 30
        assert door.count("messages_total", protocol="nmea", outcome="accepted") == 30


async def test_newer_data_does_not_overtake_what_waits(tmp_path):
    async with Door(tmp_path) as door:
        door.pipeline.away = True
        await door.intake.keep(parcel(ping(n=0)), b"")
        door.pipeline.gate.clear()
        door.pipeline.away = False
        newer = [await door.intake.keep(parcel(ping(n=i)), b"") for i in (1, 2)]
        assert [a.outcomes for a in newer] == [[Outcome.PENDING]] * 2
        door.pipeline.gate.set()
        await until(lambda: not door.spool.holding)
        answer = await door.intake.keep(parcel(ping(n=3)), b"")
        assert answer.outcomes == [Outcome.ACCEPTED]
        assert [f.lon_e7 for f in door.pipeline.fixes] == [ping(n=i).lon_e7 for i in range(4)]


async def test_what_waits_is_stored_by_the_next_process(tmp_path):
    async with Door(tmp_path) as door:
        door.pipeline.away = True
        await door.intake.keep(parcel(ping("a")), b"")
    async with Door(tmp_path) as door:
        await until(lambda: door.pipeline.deliveries)
        assert door.pipeline.fixes == [ping("a")]


async def test_a_sender_that_can_come_again_is_told_so(tmp_path):
    async with Door(tmp_path) as door:
        door.pipeline.away = True
        with pytest.raises(errors.DatabaseAway):
            await door.intake.submit(parcel())
        assert not door.spool.holding
        door.pipeline.away = False
        assert (await door.intake.submit(parcel())).outcomes == [Outcome.ACCEPTED]


async def test_only_one_delivery_at_a_time_asks_for_a_database_that_is_away(tmp_path):
    async with Door(tmp_path) as door:
        door.pipeline.away = True
        with pytest.raises(errors.DatabaseAway):
            await door.intake.submit(parcel())
        door.pipeline.gate.clear()
        asked = door.pipeline.asked
        probe = asyncio.create_task(door.intake.submit(parcel()))
        await asyncio.sleep(0)
        for _ in range(5):
            with pytest.raises(errors.DatabaseAway):
                await door.intake.submit(parcel())
        assert door.pipeline.asked == asked + 1
        door.pipeline.away = False
        door.pipeline.gate.set()
        await probe
        assert not door.intake.away


async def test_a_full_spool_makes_some_wait_and_drops_others_and_counts_both(tmp_path):
    async with Door(tmp_path, spool_bytes=1000) as door:
        door.pipeline.away = True
        await door.intake.keep(parcel(ping("first")), bytes(2000))
        assert await door.intake.keep(parcel(ping("udp")), b"", wait=False) is None
        assert door.count("dropped_messages_total", reason="spool_full") == 1
        waiting = asyncio.create_task(door.intake.keep(parcel(ping("tcp")), b""))
        await until(lambda: door.count("stalled_reads_total", reason="spool_full"))
        assert not waiting.done()
        door.pipeline.away = False
        answer = await waiting
        assert answer is not None
        await until(lambda: not door.spool.holding)
        assert [f.tracker for f in door.pipeline.fixes] == ["first", "tcp"]


async def test_the_oldest_that_is_not_stored_yet_is_known_on_its_way_and_on_disk(tmp_path):
    async with Door(tmp_path) as door:
        assert door.intake.oldest_ms is None
        door.pipeline.gate.clear()
        kept = asyncio.create_task(door.intake.keep(parcel(ping("a"), received_ms=50), b""))
        asked = asyncio.create_task(door.intake.submit(parcel(ping("b"), received_ms=40)))
        await asyncio.sleep(0)
        assert door.intake.oldest_ms == 40
        door.pipeline.away = True
        door.pipeline.gate.set()
        with pytest.raises(errors.DatabaseAway):
            await asked
        await kept
        assert door.intake.oldest_ms == 50
        door.pipeline.away = False
        await until(lambda: door.intake.oldest_ms is None)


async def test_a_delivery_the_pipeline_cannot_take_is_set_aside_and_harms_no_other(tmp_path):
    async with Door(tmp_path) as door:
        door.pipeline.poison = {"bad"}
        answer = await door.intake.keep(parcel(ping("bad")), b"")
        assert answer.outcomes == [Outcome.PENDING]
        assert (door.spool.aside, door.spool.waiting) == (1, 0)
        assert door.count("failed_deliveries_total") == 1
        assert (await door.intake.keep(parcel(ping("good")), b"")).outcomes == [Outcome.ACCEPTED]
        with pytest.raises(ArithmeticError):
            await door.intake.submit(parcel(ping("bad")))
    async with Door(tmp_path) as door:  # the next version may be able to take it
        await until(lambda: door.pipeline.deliveries)
        assert door.pipeline.fixes == [ping("bad")]


async def test_poison_in_the_spool_is_set_aside_too(tmp_path):
    async with Door(tmp_path) as door:
        door.pipeline.away = True
        for name in ("a", "bad", "b"):
            await door.intake.keep(parcel(ping(name)), b"")
        door.pipeline.poison = {"bad"}
        door.pipeline.away = False
        await until(lambda: not door.spool.holding)
        assert [f.tracker for f in door.pipeline.fixes] == ["a", "b"]
        assert door.spool.aside == 1


async def test_a_disk_that_fails_while_emptying_does_not_end_the_emptying(tmp_path, monkeypatch):
    async with Door(tmp_path) as door:
        door.pipeline.away = True
        await door.intake.keep(parcel(ping("a")), b"")
        real, failures = door.spool.first, [OSError("disk")]

        async def first(messages):
            if failures:
                raise failures.pop()
            return await real(messages)

        monkeypatch.setattr(door.spool, "first", first)
        door.pipeline.away = False
        await until(lambda: not door.spool.holding)
        assert door.pipeline.fixes == [ping("a")]
