"""Rubbish fills no disk: of many rejects of a kind some are kept, and none for ever; all are counted and answered."""

from __future__ import annotations

from typing import Any

import ground
import pytest

from fleettrack import metrics
from fleettrack.domain import errors, fix, units
from fleettrack.services import aging, custody
from fleettrack.services.track import delivery, pipeline, refusals
from fleettrack.storage import database, trackers


async def test_a_flood_of_rubbish_is_counted_and_kept_in_part_and_ages(database_url: str) -> None:
    db = database.Database(database_url)
    await db.open()
    try:
        counters = metrics.Metrics()
        line = pipeline.Pipeline(db, custody.Custody(), counters)
        rubbish = [fix.Reject(reason="malformed", raw=b"x")] * 2_500
        sender = delivery.Sender(protocol=delivery.Protocol.NMEA, source="192.0.2.1")
        for day in (0, 40):
            parcel = delivery.Delivery(sender=sender, messages=rubbish, received_ms=ground.T0 + day * units.DAY_MS)
            (answer,) = await line.process([parcel])
            assert len(answer.rejects) == answer.count(delivery.Outcome.REJECTED) == 2_500
        kept = refusals.KEPT_PER_SENDER
        assert ground.World(database_url, db, line).rows("SELECT count(*) FROM reject") == [(2 * kept,)]
        unkept = counters.registry.get_sample_value("fleettrack_unkept_rejects_total")
        assert unkept == 2 * (2_500 - kept)

        for days_later, left in ((20, 2 * kept), (41, kept), (71, 0)):
            now_ms = ground.T0 + days_later * units.DAY_MS
            await aging.Aging(db, counters, lambda now_ms=now_ms: now_ms, reject_days=30, held_days=30).age_out()
            assert ground.World(database_url, db, line).rows("SELECT count(*) FROM reject") == [(left,)]
    finally:
        await db.close()


async def test_a_batch_that_begins_again_takes_room_and_counts_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse, calls = trackers.refuse, 0

    async def stale_at_first(*args: Any) -> None:
        nonlocal calls
        calls += 1
        await refuse(*args)
        if calls == 1:
            raise errors.StaleConfiguration

    monkeypatch.setattr(trackers, "refuse", stale_at_first)
    async with ground.running(database_url) as world:
        counters = metrics.Metrics()
        world.line = pipeline.Pipeline(world.db, custody.Custody(), counters)
        await world.feed([fix.Reject(reason="malformed", raw=b"x")] * (refusals.KEPT_PER_SENDER + 5), ground.T0)
        assert calls == 2
        assert world.rows("SELECT count(*) FROM reject") == [(refusals.KEPT_PER_SENDER,)]
        assert counters.registry.get_sample_value("fleettrack_unkept_rejects_total") == 5


async def kept_after_aging(world: ground.World, rejects: list[tuple[int, int | None]], now_ms: int) -> list[int]:
    """Keep rejects that came at these times (days) with these keys; return the days of those that age leaves."""
    async with world.db.connection() as connection:
        refused = [
            trackers.Refused(
                reject=fix.Reject(reason="malformed", raw=b"x"),
                received_ms=ground.T0 + day * units.DAY_MS,
                protocol=1,
                source="192.0.2.1",
                api_key_id=key,
            )
            for day, key in rejects
        ]
        await trackers.refuse(connection, refused)
    await aging.Aging(world.db, metrics.Metrics(), lambda: now_ms, reject_days=30, held_days=30).age_out()
    days = "(extract(epoch FROM received_at)::bigint * 1000 - %s) / 86400000"
    return [int(day) for (day,) in world.rows(f"SELECT {days} FROM reject ORDER BY id", ground.T0)]


async def test_a_reject_from_a_clock_that_was_ahead_holds_up_no_other(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aging, "PIECE_ROWS", 2)
    async with ground.running(database_url) as world:
        came = [(100, None), (100, None), (0, None), (1, None), (0, None)]
        assert await kept_after_aging(world, came, ground.T0 + 31 * units.DAY_MS) == [100, 100, 1]


async def test_of_rejects_without_a_key_the_newest_are_kept_up_to_a_bound(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aging, "PIECE_ROWS", 2)
    monkeypatch.setattr(aging, "REJECTS_WITHOUT_KEY", 3)
    ground.set_up(database_url, [])
    async with ground.running(database_url) as world:
        world.rows(
            "INSERT INTO api_key (name, role, prefix, sha256) VALUES ('k', 'dispatcher', 'k', '\\x01') RETURNING id"
        )
        came = [(1, None), (2, 1), *((day, None) for day in range(3, 10)), (10, 1)]
        assert await kept_after_aging(world, came, ground.T0) == [2, 7, 8, 9, 10]
        assert await kept_after_aging(world, [], ground.T0) == [2, 7, 8, 9, 10]
