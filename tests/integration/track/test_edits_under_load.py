"""People edit while batches queue up behind each other: neither may ever wait for the other in a ring."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import ground
import psycopg
import pytest
from recording import until

from fleettrack import metrics
from fleettrack.domain import errors, fix
from fleettrack.services import custody, planning
from fleettrack.services.track import batcher, delivery, pipeline, turns
from fleettrack.storage import database, locks

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


def parcel(start: int, size: int = 5, tracker: str = "t1", **more: Any) -> delivery.Delivery:
    fixes = [ground.at(tracker, ground.T0 + (start + i) * 1000, 47.05, 8.1, 20.0, **more) for i in range(size)]
    return delivery.Delivery(sender=SENDER, messages=fixes, received_ms=ground.T0 + 10_000_000)


async def edit(editor: planning.Planner) -> None:
    async with editor.edit(configuration=True):
        pass


async def test_an_edit_passes_a_batch_that_waits_for_the_one_before_it(database_url: str) -> None:
    async with world(database_url) as (db, line, editor), asyncio.timeout(LIMIT_S):
        first = turns.Turn()
        second = asyncio.create_task(line.process([parcel(100)], turns.Turn(first)))
        await until(lambda: ground.World(database_url, db, line).rows(IN_TRANSACTION))
        await edit(editor)
        (answer,) = await line.process([parcel(0)])
        assert answer.count(delivery.Outcome.ACCEPTED) == 5
        assert not second.done()
        first.end()
        (answer,) = await second  # though the epoch that it was made ready for is over
        assert answer.count(delivery.Outcome.ACCEPTED) == 5


IN_TRANSACTION = """SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND state = 'idle in transaction' AND query LIKE '%%COPY position_stage%%'"""


async def test_a_batch_that_begins_anew_passes_the_next_one_that_has_stored_the_same_fixes(database_url: str) -> None:
    async with world(database_url) as (db, line, editor), asyncio.timeout(LIMIT_S):
        asked = ground.World(database_url, db, line)
        first = turns.Turn()
        first.stored()
        second = asyncio.create_task(line.process([parcel(0), parcel(100)], turns.Turn(first)))
        await until(lambda: asked.rows(IN_TRANSACTION.replace("COPY position_stage", "INSERT INTO position")))
        await edit(editor)
        assert not second.done()
        first.begin_anew()
        (answer,) = await line.process([parcel(0)], first)
        assert answer.count(delivery.Outcome.ACCEPTED) == 5
        assert not second.done()
        first.end()
        repeated, fresh = await second
        assert repeated.count(delivery.Outcome.DUPLICATE) == 5
        assert fresh.count(delivery.Outcome.ACCEPTED) == 5


async def test_a_batch_waits_in_the_database_for_the_one_before_it_that_holds_the_same_fixes(
    database_url: str,
) -> None:
    async with world(database_url) as (_, line, _), asyncio.timeout(LIMIT_S):
        first = turns.Turn()
        both = line.process([parcel(0)], first), line.process([parcel(0), parcel(100)], turns.Turn(first))
        one = asyncio.create_task(both[0])
        one.add_done_callback(lambda _: first.end())
        repeated, fresh = await both[1]
        assert (await one)[0].count(delivery.Outcome.ACCEPTED) == 5
        assert repeated.count(delivery.Outcome.DUPLICATE) == 5
        assert fresh.count(delivery.Outcome.ACCEPTED) == 5


async def test_full_load_with_poison_and_edits_without_a_pause_come_to_an_end(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batcher, "BATCH_MESSAGES", 10)
    async with world(database_url) as (_, line, editor):
        gather = batcher.Batcher(line)
        running = asyncio.create_task(gather.run())
        try:
            async with asyncio.timeout(LIMIT_S):
                # each tells a part of what the one before told
                parcels = [parcel(i * 4, attributes={"no": "\0 in jsonb"} if i % 10 == 9 else None) for i in range(60)]
                edits = asyncio.create_task(edit_for_ever(editor))
                results = await asyncio.gather(*(gather.submit(p) for p in parcels), return_exceptions=True)
                edits.cancel()
                await asyncio.wait([edits])
        finally:
            running.cancel()
            await asyncio.wait([running])
        stored = sum(r.count(delivery.Outcome.ACCEPTED) for r in results if isinstance(r, delivery.Answer))
        told = {i * 4 + n for i in range(60) if i % 10 != 9 for n in range(5)}
        assert stored == len(told)


async def edit_for_ever(editor: planning.Planner) -> None:
    while True:
        await edit(editor)


async def test_a_tracker_that_is_registered_while_its_pings_wait_for_their_turn_is_known(database_url: str) -> None:
    async with world(database_url) as (db, line, editor), asyncio.timeout(LIMIT_S):
        first = turns.Turn()
        waiting = asyncio.create_task(line.process([parcel(0), parcel(100, tracker="new")], turns.Turn(first)))
        await until(lambda: ground.World(database_url, db, line).rows(IN_TRANSACTION))
        async with editor.edit(configuration=True) as open_edit:
            await open_edit.connection.execute("INSERT INTO tracker (identity) VALUES ('new')")
        first.end()
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


async def test_who_waits_too_long_for_an_edit_is_told_to_come_again(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "PATIENCE", "20ms")
    async with world(database_url) as (_, line, editor), editor.edit(configuration=True):
        with pytest.raises(errors.DatabaseAway):
            await line.process([parcel(0)])


async def test_an_identity_that_is_none_is_refused_and_its_companions_are_not(database_url: str) -> None:
    async with world(database_url) as (db, line, _):
        names = ["x" * 3800, "nul\0", "half a pair \ud800", "t1"]
        answers = await line.process([parcel(i * 10, tracker=name) for i, name in enumerate(names)])
        assert [a.count(delivery.Outcome.REJECTED) for a in answers] == [5, 5, 5, 0]
        assert answers[3].count(delivery.Outcome.ACCEPTED) == 5
        kept = ground.World(database_url, db, line).rows("SELECT DISTINCT reason, identity FROM reject")
        assert kept == [("encoding", None)]


@pytest.mark.parametrize("state", ["54000", "57014", "23514", "58P01"])
def test_a_fault_of_what_was_asked_is_not_the_databases_absence(state: str) -> None:
    assert database.translate(psycopg.errors.lookup(state)()) is None


@pytest.mark.parametrize("state", ["08006", "53100", "53300", "57P01", "57P03"])
def test_a_server_that_serves_nobody_is_away(state: str) -> None:
    assert isinstance(database.translate(psycopg.errors.lookup(state)()), errors.DatabaseAway)


def test_a_lost_connection_is_an_absence() -> None:
    assert isinstance(database.translate(psycopg.OperationalError("the connection is lost")), errors.DatabaseAway)
