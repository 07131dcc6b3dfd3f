"""Answers already given to an Idempotency-Key."""

from __future__ import annotations

import datetime as dt

import msgspec

from fleettrack.storage import database, sql

_SQL = sql.queries("keys")

LEASE = dt.timedelta(minutes=1)  # a request that began so long ago and is not answered has died
AGE = dt.timedelta(days=2)  # nobody repeats a request later than that


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked under a key, and the answer; status 0: not answered yet."""

    request_sha256: bytes
    status: int
    body: bytes


async def claim(connection: database.Connection, api_key_id: int, key: str, sha256: bytes) -> Answered | None:
    """Begin a request under this key; return what is there if it was begun before."""
    given = {"api_key_id": api_key_id, "key": key}
    begun = await (await connection.execute(_SQL["claim"], {**given, "sha256": sha256, "lease": LEASE})).fetchone()
    if begun is not None:
        return None
    row = await (await connection.execute(_SQL["answered"], given)).fetchone()
    if row is None:  # released between the two statements
        return await claim(connection, api_key_id, key, sha256)
    return Answered(request_sha256=row[0], status=row[1], body=msgspec.json.encode(row[2]))


async def answer(connection: database.Connection, api_key_id: int, key: str, status: int, body: str) -> None:
    """Keep the answer; let go of old ones."""
    await connection.execute(
        _SQL["answer"], {"api_key_id": api_key_id, "key": key, "status": status, "body": body or "null"}
    )
    await connection.execute(_SQL["expire"], {"age": AGE})


async def release(connection: database.Connection, api_key_id: int, key: str) -> None:
    """Forget a request that changed nothing."""
    await connection.execute(_SQL["release"], {"api_key_id": api_key_id, "key": key})
