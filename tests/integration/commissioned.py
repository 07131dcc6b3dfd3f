"""The least that the ledger can hold: commissionings, which no consignment has to be made for."""

from __future__ import annotations

from fleettrack.domain import consignment, custody
from fleettrack.storage import database, ledger


async def additions(connection: database.Connection, count: int) -> list[ledger.Addition]:
    """Make a party and a batch of its own; return so many entries of that batch, to be appended."""
    await connection.execute("INSERT INTO party (ref, name) VALUES ('P', 'P') ON CONFLICT DO NOTHING")
    made = await connection.execute(
        "INSERT INTO batch (issuer_id, commissioned_at, source) SELECT id, now(), 'test' FROM party RETURNING id"
    )
    row = await made.fetchone()
    assert row is not None
    entry = custody.Entry(
        key="commissioned",
        kind="commissioned",
        scope=custody.Scope(item_set_id=None),
        event_ms=0,
        status="confirmed",
        level=consignment.Level.SCAN,
    )
    return [ledger.Addition(entry=entry, batch_id=int(row[0]))] * count
