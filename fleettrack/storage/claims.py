"""Trackers as people register them; how the pipeline reads them is in `trackers`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import msgspec

from fleettrack.storage import database, rows, sql

_SQL = sql.queries("claims")


class Tracker(msgspec.Struct, frozen=True, kw_only=True):
    """A tracker as kept; its secret is never told."""

    identity: str
    name: str
    carrier: str | None
    checksum: str
    minimum_trust: int
    has_secret: bool
    created_at: dt.datetime


async def create(
    connection: database.Connection,
    *,
    identity: str,
    name: str,
    carrier_id: int | None,
    checksum: str,
    minimum_trust: int,
    secret_sha256: bytes | None,
) -> None:
    """Keep a new tracker."""
    values = {"identity": identity, "name": name, "carrier_id": carrier_id, "checksum": checksum}
    await connection.execute(_SQL["create"], values | {"minimum_trust": minimum_trust, "secret_sha256": secret_sha256})


async def ids(connection: database.Connection, identities: Iterable[str | None]) -> dict[str, int]:
    """Return the id of each tracker named; NotFound where one is unknown."""
    return await rows.ids(connection, _SQL["ids"], identities, "tracker")


async def get(connection: database.Connection, identity: str) -> Tracker | None:
    """Return a tracker by its identity."""
    return await rows.one(connection, _SQL["page"], Tracker, after="", limit=1, carrier=None, identity=identity)


async def page(connection: database.Connection, carrier: str | None, after: str, limit: int) -> list[Tracker]:
    """Return trackers with a greater identity, in order; of one carrier where it is given."""
    asked = {"after": after, "limit": limit, "carrier": carrier, "identity": None}
    return await rows.many(connection, _SQL["page"], Tracker, **asked)


async def key_carriers(connection: database.Connection, key_ids: Iterable[int]) -> dict[int, int]:
    """Return by key the party it may post for, for carriers' keys."""
    return dict(await rows.plain(connection, _SQL["key_carriers"], ids=list(key_ids)))
