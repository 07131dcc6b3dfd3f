"""Advisory locks: their numbers, and the order in which they are taken (always downwards in this list).

1. IDEMPOTENCY_SPACE of keys of requests: tried for, never waited for
   rows of `position`: a batch that meets the same fix in the one before waits for it here (services.track.turns)
2. CONFIGURATION     shared by batches, exclusive for edits of fences and assignments
3. PARTITION_SPACE   of trackers, ascending
4. LEDGER_WRITERS    shared by all who append, so that readers see who is under way; nobody waits for it
5. consignments by `SELECT … FOR UPDATE`, ascending by id

Alone in their transactions, so that they come before and after nothing: SEALER, tried for; a new partition of
positions, by the hash of its name; and the migration's (storage.migrations).
"""

from __future__ import annotations

from collections.abc import Iterable

from fleettrack.storage import database, sql

_SQL = sql.queries("trackers")

CONFIGURATION = 0x666C0001
PARTITION_SPACE = 0x666C0002
LEDGER_WRITERS = 0x666C0003
SEALER = 0x666C0004
IDEMPOTENCY_SPACE = 0x666C0005  # tried for, never waited for
PARTITIONS = 16

PATIENCE = "60s"  # edits take seconds; after that what waits is better off with its sender, or on disk


async def epoch(connection: database.Connection) -> int:
    """Return the epoch of fences and assignments; it may end at any moment unless the transaction shares their lock."""
    row = await (await connection.execute(_SQL["epoch"])).fetchone()
    assert row is not None
    return int(row[0])


async def share_configuration(connection: database.Connection) -> int:
    """Hold fences and assignments still for this transaction; return their epoch.

    Raises:
        DatabaseAway: at the end of the block, when somebody kept this or a further lock from us for PATIENCE.
    """
    await connection.execute(_SQL["share_configuration"], {"lock": CONFIGURATION, "patience": PATIENCE})
    return await epoch(connection)


async def edit_configuration(connection: database.Connection) -> int:
    """Be the only editor of fences and assignments until this transaction ends; return the new epoch."""
    row = await (await connection.execute(_SQL["edit_configuration"], {"lock": CONFIGURATION})).fetchone()
    assert row is not None
    return int(row[0])


async def lock_trackers(connection: database.Connection, tracker_ids: Iterable[int]) -> None:
    """Be the only one to decide about these trackers until this transaction ends."""
    partitions = sorted({tracker_id % PARTITIONS for tracker_id in tracker_ids})
    await connection.execute(_SQL["lock_partitions"], {"space": PARTITION_SPACE, "partitions": partitions})
