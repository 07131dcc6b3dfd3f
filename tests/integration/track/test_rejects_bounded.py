"""Rubbish fills no disk: of many rejects of a kind some are kept, and none for ever; all are counted and answered."""

from __future__ import annotations

import ground

from fleettrack import metrics
from fleettrack.domain import fix, units
from fleettrack.services import aging, custody
from fleettrack.services.track import delivery, pipeline, refusals
from fleettrack.storage import database


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
