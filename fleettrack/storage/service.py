"""What the service remembers of itself: its heartbeat, and when it was not listening."""

from __future__ import annotations

from fleettrack.domain import units
from fleettrack.storage import database, sql

_SQL = sql.queries("service")


async def beat(connection: database.Connection, now_ms: int) -> None:
    """Note that we are alive."""
    await connection.execute(_SQL["beat"], {"now": units.utc(now_ms)})


async def last_beat(connection: database.Connection) -> int | None:
    """Return when we noted last that we are alive (ms); None if never."""
    row = await (await connection.execute(_SQL["last_beat"])).fetchone()
    return None if row is None else units.to_ms(row[0])


async def note_outage(connection: database.Connection, from_ms: int, to_ms: int) -> None:
    """Keep a span in which we were not listening."""
    await connection.execute(_SQL["note_outage"], {"from": units.utc(from_ms), "to": units.utc(to_ms)})


async def outages(connection: database.Connection) -> list[tuple[int, int]]:
    """Return the spans (from ms, to ms) in which we were not listening."""
    rows = await (await connection.execute(_SQL["outages"])).fetchall()
    return [(units.to_ms(a), units.to_ms(b)) for a, b in rows]
