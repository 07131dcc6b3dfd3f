"""Answers already given to an Idempotency-Key, each kept by the transaction that did what was asked."""

from __future__ import annotations

import datetime as dt

import msgspec

from fleettrack.domain import errors
from fleettrack.storage import database, locks, sql

_SQL = sql.queries("keys")

AGE = dt.timedelta(days=2)  # nobody repeats a request later than that


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked under a key, and the answer."""

    request_sha256: bytes
    status: int
    body: bytes


async def before(connection: database.Connection, api_key_id: int, key: str) -> Answered | None:
    """Return what was answered under this key; None makes this transaction the only one that may act under it.

    Raises:
        Conflict: another transaction acts under it just now.
    """
    given = {"api_key_id": api_key_id, "key": key, "lock": locks.IDEMPOTENCY_SPACE, "age": AGE}
    if await (await connection.execute(_SQL["alone"], given)).fetchone() != (True,):
        raise errors.Conflict("a request with this Idempotency-Key is being handled; ask again in a moment")
    row = await (await connection.execute(_SQL["answered"], given)).fetchone()
    if row is None:
        return None
    return Answered(request_sha256=row[0], status=row[1], body=msgspec.json.encode(row[2]))


async def keep(connection: database.Connection, api_key_id: int, key: str, answered: Answered) -> None:
    """Keep the answer."""
    await connection.execute(
        _SQL["answer"],
        {
            "api_key_id": api_key_id,
            "key": key,
            "sha256": answered.request_sha256,
            "status": answered.status,
            "body": answered.body.decode() or "null",
        },
    )


async def expire(connection: database.Connection, limit: int) -> int:
    """Let go of answers older than AGE, of at most `limit` oldest ones; return how many it were."""
    return (await connection.execute(_SQL["expire"], {"age": AGE, "limit": limit})).rowcount
