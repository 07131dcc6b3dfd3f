"""Scanned loads: what was on which vehicle over what time."""

from __future__ import annotations

import datetime as dt

import msgspec

from fleettrack.domain import errors
from fleettrack.storage import database, rows, sql

_SQL = sql.queries("loads")


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """A load as known now. Its id stays when its end is stated anew."""

    id: int
    vehicle: str
    consignment: str
    object: str | None
    loaded_from: dt.datetime
    loaded_until: dt.datetime | None


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A load by ids."""

    id: int
    vehicle_id: int
    consignment_id: int
    since: dt.datetime
    until: dt.datetime | None


async def create(
    connection: database.Connection,
    *,
    vehicle_id: int,
    consignment_id: int,
    object_id: int | None,
    since: dt.datetime,
    until: dt.datetime | None,
    known: dt.datetime,
) -> int:
    """Keep a new load; return its id."""
    what = {"vehicle_id": vehicle_id, "consignment_id": consignment_id, "object_id": object_id}
    made: int = await rows.value(connection, _SQL["create"], **what, **{"from": since, "to": until, "known": known})
    return made


async def of_object(connection: database.Connection, consignment_id: int, object_id: int | None) -> list[Span]:
    """Return the loads of one object of a consignment, or of the whole of it, in order."""
    return await rows.many(connection, _SQL["of_object"], Span, consignment_id=consignment_id, object_id=object_id)


async def current(connection: database.Connection, load_id: int) -> Span:
    """Return a load as known now.

    Raises:
        NotFound: there is no such load.
    """
    found = await rows.one(connection, _SQL["current"], Span, id=load_id)
    if found is None:
        raise errors.NotFound(f"there is no load {load_id}", kind="load", unknown=[load_id])
    return found


async def restate(connection: database.Connection, load_id: int, until: dt.datetime, known: dt.datetime) -> None:
    """State anew until when a load lasts."""
    await connection.execute(_SQL["restate"], {"id": load_id, "to": until, "known": known})


async def get(connection: database.Connection, load_id: int) -> Load | None:
    """Return a load as known now."""
    asked = {"after": 0, "limit": 1, "consignment": None, "vehicle": None, "id": load_id}
    return await rows.one(connection, _SQL["page"], Load, **asked)


async def page(
    connection: database.Connection, consignment: str | None, vehicle: str | None, after: int, limit: int
) -> list[Load]:
    """Return loads with a greater id, in order; of one consignment or vehicle where given."""
    asked = {"after": after, "limit": limit, "consignment": consignment, "vehicle": vehicle, "id": None}
    return await rows.many(connection, _SQL["page"], Load, **asked)
