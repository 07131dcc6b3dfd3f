"""Vehicles: what carries goods over the road."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import msgspec

from fleettrack.storage import database, rows, sql

_SQL = sql.queries("vehicles")


class Vehicle(msgspec.Struct, frozen=True, kw_only=True):
    """A vehicle as kept."""

    ref: str
    giai: str | None
    carrier: str | None
    created_at: dt.datetime


async def create(connection: database.Connection, ref: str, giai: str | None, carrier_id: int | None) -> None:
    """Keep a new vehicle."""
    await connection.execute(_SQL["create"], {"ref": ref, "giai": giai, "carrier_id": carrier_id})


async def ids(connection: database.Connection, refs: Iterable[str | None]) -> dict[str, int]:
    """Return the id of each vehicle named; NotFound where one is unknown."""
    return await rows.ids(connection, _SQL["ids"], refs, "vehicle")


async def known(connection: database.Connection, refs: Iterable[str]) -> dict[str, int]:
    """Return the id of each vehicle that there is."""
    return dict(await rows.plain(connection, _SQL["ids"], refs=list(refs)))


async def get(connection: database.Connection, ref: str) -> Vehicle | None:
    """Return a vehicle by its reference."""
    return await rows.one(connection, _SQL["page"], Vehicle, after="", limit=1, carrier=None, ref=ref)


async def page(connection: database.Connection, carrier: str | None, after: str, limit: int) -> list[Vehicle]:
    """Return vehicles with a greater reference, in order; of one carrier where it is given."""
    return await rows.many(connection, _SQL["page"], Vehicle, after=after, limit=limit, carrier=carrier, ref=None)
