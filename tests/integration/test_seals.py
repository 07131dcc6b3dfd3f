"""The seal takes what waits for it, in order, and does not read the ledger to find it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import commissioned
import psycopg
import pytest

from fleettrack.storage import database, ledger, seals, sql

SEALED = 3_000


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[database.Database]:
    made = database.Database(database_url)
    await made.open()
    yield made
    await made.close()


async def append(db: database.Database, count: int) -> None:
    async with db.transaction() as connection:
        await ledger.append(connection, await commissioned.additions(connection, count))


async def plan(db: database.Database, name: str, **asked: Any) -> str:
    """How a query of the seal was executed."""
    async with db.connection() as connection:
        explained = await connection.execute(
            "EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off, BUFFERS off) " + sql.queries("seals")[name], asked
        )
        return "\n".join(line for (line,) in await explained.fetchall())


async def seal_all(db: database.Database) -> int:
    """Seal until nothing waits; other databases of this server have transactions that hold a seal up for a moment."""
    count = 0
    while (await seals.unsealed(db))[0]:
        count += await seals.seal(db)
        await asyncio.sleep(0)
    return count


async def test_sealed_entries_are_not_read_again(db: database.Database) -> None:
    await append(db, SEALED)
    assert await seal_all(db) == SEALED
    async with db.connection() as connection:
        await connection.execute("ANALYZE")
    await append(db, 2)
    assert "ledger_entry" not in await plan(db, "pending", limit=seals.BATCH)
    assert "Seq Scan on ledger_entry" not in await plan(db, "unsealed")
    assert "Seq Scan on ledger_entry" not in await plan(db, "bodies", entries=[SEALED + 1, SEALED + 2])


async def test_what_is_appended_waits_until_it_is_sealed(db: database.Database) -> None:
    await append(db, 3)
    assert (await seals.unsealed(db))[0] == (await seals.verify(db)).unsealed == 3
    assert await seal_all(db) == 3
    assert await seals.unsealed(db) == (0, 0.0)
    verdict = await seals.verify(db)
    assert (verdict.sealed, verdict.unsealed, verdict.broken) == (3, 0, None)


async def test_what_an_open_transaction_may_still_precede_waits(db: database.Database, database_url: str) -> None:
    with psycopg.connect(database_url) as other:
        other.execute("SELECT pg_current_xact_id()")  # open, and older than what is appended now
        await append(db, 1)
        assert await seals.seal(db) == 0
        assert (await seals.unsealed(db))[0] == 1
    assert await seal_all(db) == 1


async def test_what_waited_when_its_database_was_dumped_is_sealed_in_the_new_one(db: database.Database) -> None:
    await append(db, 3)
    async with db.connection() as connection:  # as a restored row is: of a transaction that this server is not yet at
        await connection.execute("UPDATE ledger_unsealed SET txid = '9000000000000000000'")
    await append(db, 1)
    async with asyncio.timeout(20):
        assert await seal_all(db) == 4
    verdict = await seals.verify(db)
    assert (verdict.sealed, verdict.unsealed, verdict.broken) == (4, 0, None)


async def test_an_entry_that_was_not_queued_is_found_by_the_check(db: database.Database) -> None:
    await append(db, 3)
    async with db.connection() as connection:
        await connection.execute("DELETE FROM ledger_unsealed WHERE entry_id = 2")
    assert await seal_all(db) == 2
    verdict = await seals.verify(db)
    assert (verdict.sealed, verdict.unsealed) == (2, 0)
    assert verdict.broken is not None
    assert (verdict.broken.seq, verdict.broken.entry_id) == (None, 2)
