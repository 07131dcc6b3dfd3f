"""Which files were imported, known by their digest."""

from __future__ import annotations

import datetime as dt
from typing import Any

from psycopg.types import json

from fleettrack.storage import database, rows, sql

_SQL = sql.queries("manifests")


async def claim(connection: database.Connection, sha256: bytes, name: str, at: dt.datetime) -> bool:
    """Be the one who imports a file; False where it was imported before."""
    return await rows.value(connection, _SQL["claim"], sha256=sha256, name=name, at=at) is not None


async def report(connection: database.Connection, sha256: bytes) -> dict[str, Any]:
    """Return what an imported file brought."""
    found: dict[str, Any] = await rows.value(connection, _SQL["report"], sha256=sha256)
    return found


async def keep_report(connection: database.Connection, sha256: bytes, found: dict[str, Any]) -> None:
    """Keep what a file brought."""
    await connection.execute(_SQL["keep_report"], {"sha256": sha256, "report": json.Jsonb(found)})
