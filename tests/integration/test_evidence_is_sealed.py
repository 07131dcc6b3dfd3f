"""Whatever is changed in the fixes that an entry rests on, the check of the ledger finds it."""

from __future__ import annotations

import asyncio
import datetime as dt

import commissioned
import pytest
from psycopg import sql

from fleettrack.storage import database, ledger, positions, seals

CHANGES = {
    "entry_id": "entry_id + 1",
    "ordinal": "ordinal + 5",
    "tracker_id": "tracker_id + 1",
    "fix_time": "fix_time + interval '1 ms'",
    "lat_e7": "lat_e7 + 1",
    "lon_e7": "lon_e7 - 1",
    "received_at": "received_at - interval '1 us'",
    "speed_cms": "9999",
    "accuracy_dm": "NULL",
    "flags": "flags + 1",
    "trust": "0",
    "salt": "'\\x00'",
}


@pytest.fixture
async def db(database_url):
    made = database.Database(database_url)
    await made.open()
    yield made
    await made.close()


def fix(number):
    return positions.Evidence(
        tracker_id=1,
        time_ms=1_700_000_000_000 + number,
        lat_e7=480_000_000,
        lon_e7=110_000_000,
        received_at=dt.datetime(2024, 5, 1, 12, 0, 0, 123_456, dt.UTC),
        speed_cms=10,
        accuracy_dm=50,
        flags=0,
        trust=3,
    )


async def keep(connection):
    additions = await commissioned.additions(connection, 2)
    await ledger.append(connection, additions, [[fix(0), fix(1), fix(2)], []])


async def test_every_column_of_the_evidence_is_sealed(db):
    async with db.transaction() as connection:
        await keep(connection)
    async with asyncio.timeout(20):
        while (await seals.unsealed(db))[0]:
            await seals.seal(db)
            await asyncio.sleep(0)
    assert (await seals.verify(db)).broken is None
    async with db.connection() as connection:
        columns = await connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'ledger_evidence'"
        )
        assert {name for (name,) in await columns.fetchall()} == CHANGES.keys()
    assert [column for column in CHANGES if not await found(db, column)] == []


async def found(db, column):
    """Change one fix's column, and tell whether the check finds it; then change it back."""
    change = sql.SQL("UPDATE ledger_evidence SET {} = {} WHERE ordinal = 1").format(
        sql.Identifier(column), sql.SQL(CHANGES[column])
    )
    async with db.connection() as connection:
        await connection.execute("CREATE TABLE before AS TABLE ledger_evidence")
        await connection.execute(change)
        verdict = await seals.verify(db)
        await connection.execute("TRUNCATE ledger_evidence")
        await connection.execute("INSERT INTO ledger_evidence TABLE before")
        await connection.execute("DROP TABLE before")
    return verdict.broken is not None and "evidence" in verdict.broken.reason
