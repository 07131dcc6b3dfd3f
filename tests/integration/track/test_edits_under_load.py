"""People edit while batches queue up behind each other: neither may ever wait for the other in a ring."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import ground
import pytest
from recording import until

from fleettrack import metrics
from fleettrack.domain import fix
from fleettrack.services import custody, planning
from fleettrack.services.track import batcher, delivery, pipeline
from fleettrack.storage import database

LIMIT_S = 60  # nothing here takes a second, a ring takes for ever
SENDER = delivery.Sender(protocol=delivery.Protocol.JSON, source="192.0.2.1", trust=fix.Trust.API_KEY)


@contextlib.asynccontextmanager
async def world(url: str) -> AsyncIterator[tuple[database.Database, pipeline.Pipeline, planning.Planner]]:
    ground.set_up(url, ["t1"])
    db = database.Database(url)
    await db.open()
    try:
        line = pipeline.Pipeline(db, custody.Custody(), metrics.Metrics())
        yield db, line, planning.Planner(db, line)
    finally:
        await db.close()


def parcel(start: int, size: int = 5, tracker: str = "t1") -> delivery.Delivery:
    fixes = [ground.at(tracker, ground.T0 + (start + i) * 1000, 47.05, 8.1, 20.0) for i in range(size)]
    return delivery.Delivery(sender=SENDER, messages=fixes, received_ms=ground.T0 + 10_000_000)


async def edit(editor: planning.Planner) -> None:
    async with editor.edit(configuration=True):
        pass


async def test_an_edit_passes_a_batch_that_waits_for_the_one_before_it(database_url: str) -> None:
    async with world(database_url) as (db, line, editor), asyncio.timeout(LIMIT_S):
        through = asyncio.Event()
        second = asyncio.create_task(line.process([parcel(100)], through))
        await until(lambda: ground.World(database_url, db, line).rows(IN_TRANSACTION))
        await edit(editor)
        (answer,) = await line.process([parcel(0)])
        assert answer.count(delivery.Outcome.ACCEPTED) == 5
        assert not second.done()
        through.set()
        (answer,) = await second  # though the epoch that it was made ready for is over
        assert answer.count(delivery.Outcome.ACCEPTED) == 5


IN_TRANSACTION = """SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND state = 'idle in transaction' AND query LIKE '%%COPY position_stage%%'"""


async def test_full_load_with_poison_and_edits_without_a_pause_come_to_an_end(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batcher, "BATCH_MESSAGES", 10)
    async with world(database_url) as (_, line, editor):
        gather = batcher.Batcher(line)
        running = asyncio.create_task(gather.run())
        try:
            async with asyncio.timeout(LIMIT_S):
                parcels = [parcel(i * 5, tracker="poison\0" if i % 10 == 9 else "t1") for i in range(60)]
                edits = asyncio.create_task(edit_for_ever(editor))
                results = await asyncio.gather(*(gather.submit(p) for p in parcels), return_exceptions=True)
                edits.cancel()
                await asyncio.wait([edits])
        finally:
            running.cancel()
            await asyncio.wait([running])
        stored = sum(r.count(delivery.Outcome.ACCEPTED) for r in results if isinstance(r, delivery.Answer))
        assert stored == 54 * 5


async def edit_for_ever(editor: planning.Planner) -> None:
    while True:
        await edit(editor)


async def test_a_tracker_that_is_registered_while_its_pings_wait_for_their_turn_is_known(database_url: str) -> None:
    async with world(database_url) as (db, line, editor), asyncio.timeout(LIMIT_S):
        through = asyncio.Event()
        waiting = asyncio.create_task(line.process([parcel(0), parcel(100, tracker="new")], through))
        await until(lambda: ground.World(database_url, db, line).rows(IN_TRANSACTION))
        async with editor.edit(configuration=True) as open_edit:
            await open_edit.connection.execute("INSERT INTO tracker (identity) VALUES ('new')")
        through.set()
        answers = await waiting
        assert [a.count(delivery.Outcome.ACCEPTED) for a in answers] == [5, 5]


async def test_who_is_not_known_makes_no_partitions(database_url: str) -> None:
    months = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'position'::regclass"
    async with world(database_url) as (db, line, _):
        asked = ground.World(database_url, db, line)
        (before,) = asked.rows(months)
        await line.process([parcel(-20_000_000, tracker="stranger"), parcel(-40_000_000, tracker="stranger")])
        assert asked.rows(months) == [before]
        (answer,) = await line.process([parcel(-20_000_000)])
        assert answer.count(delivery.Outcome.ACCEPTED) == 5
