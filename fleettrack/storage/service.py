"""What the service remembers of itself: its heartbeat, and when it was not listening."""

from __future__ import annotations

from fleettrack.domain import units
from fleettrack.storage import database, sql

_SQL = sql.queries("service")


async def beat(db: database.Database, now_ms: int) -> None:
    """Note that we are alive."""
    async with db.connection() as connection:
        await connection.execute(_SQL["beat"], {"now": units.utc(now_ms)})


async def note_outage(db: database.Database, now_ms: int, longer_than_ms: int) -> tuple[int, int] | None:
    """Keep the span since the last heartbeat as an outage if it is longer than this; return it."""
    async with db.transaction() as connection:
        row = await (await connection.execute(_SQL["last_beat"])).fetchone()
        if row is None:
            return None
        since = units.to_ms(row[0])
        if now_ms - since <= longer_than_ms:
            return None
        await connection.execute(_SQL["note_outage"], {"from": row[0], "to": units.utc(now_ms)})
        return since, now_ms


async def outages(db: database.Database) -> list[tuple[int, int]]:
    """Return the spans (from ms, to ms) in which we were not listening."""
    async with db.connection() as connection:
        rows = await (await connection.execute(_SQL["outages"])).fetchall()
    return [(units.to_ms(a), units.to_ms(b)) for a, b in rows]
