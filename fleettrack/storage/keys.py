"""API keys: digests only, the key itself is never stored."""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec

from fleettrack.domain import errors
from fleettrack.storage import database, sql

_SQL = sql.queries("keys")

Role = Literal["admin", "dispatcher", "carrier"]

USED_FRESH = dt.timedelta(minutes=1)  # last use is noted no finer than this: a write per request would cost more


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks: the key, and what it may do."""

    key_id: int
    name: str
    role: Role
    party_id: int | None = None
    party: str | None = None

    @property
    def actor(self) -> str:
        """How facts and the ledger name who stated them."""
        return f"key:{self.key_id}"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A key as listed."""

    id: int
    prefix: str
    name: str
    role: Role
    party: str | None
    created_at: dt.datetime
    expires_at: dt.datetime | None
    revoked_at: dt.datetime | None
    last_used_at: dt.datetime | None


async def create(
    connection: database.Connection,
    *,
    prefix: str,
    sha256: bytes,
    name: str,
    role: Role,
    party: str | None,
    expires_at: dt.datetime | None,
) -> tuple[int, dt.datetime]:
    """Keep a new key; return its id and the time of its making.

    Raises:
        NotFound: there is no such party.
    """
    party_id = None
    if party is not None:
        row = await (await connection.execute(_SQL["party"], {"ref": party})).fetchone()
        if row is None:
            raise errors.NotFound(f"there is no party {party!r}", kind="party", unknown=[party])
        party_id = row[0]
    made = await (
        await connection.execute(
            _SQL["create"],
            {
                "prefix": prefix,
                "sha256": sha256,
                "name": name,
                "role": role,
                "party_id": party_id,
                "expires_at": expires_at,
            },
        )
    ).fetchone()
    assert made is not None
    return made[0], made[1]


async def by_digest(connection: database.Connection, sha256: bytes) -> Caller | None:
    """Return whose key this is, unless it is unknown, expired or revoked; and note that it was used."""
    row = await (await connection.execute(_SQL["by_digest"], {"sha256": sha256, "fresh": USED_FRESH})).fetchone()
    if row is None:
        return None
    if row[4]:
        await connection.execute(_SQL["used"], {"id": row[0]})
    return Caller(key_id=row[0], name=row[1], role=row[2], party_id=row[3], party=row[5])


async def revoke(connection: database.Connection, name: str) -> int:
    """End a key, named by its number or prefix; return its number.

    Raises:
        NotFound: there is no such key.
        Ambiguous: the prefix fits more than one.
    """
    rows = await (await connection.execute(_SQL["revoke"], {"name": name})).fetchall()
    if not rows:
        raise errors.NotFound(f"there is no key {name!r}", kind="key", unknown=[name])
    if len(rows) > 1:
        raise errors.Ambiguous(f"{name!r} is more than one key", candidates=[str(r[0]) for r in rows])
    return int(rows[0][0])


async def page(connection: database.Connection, after: int, limit: int) -> list[Row]:
    """Return keys with a greater id, in order."""
    rows = await (await connection.execute(_SQL["page"], {"after": after, "limit": limit})).fetchall()
    return [Row(**dict(zip(Row.__struct_fields__, row, strict=True))) for row in rows]
