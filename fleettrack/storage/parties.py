"""Parties: who owns, holds, sends or carries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import msgspec

from fleettrack.storage import database, rows, sql

_SQL = sql.queries("parties")


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """A party as kept."""

    ref: str
    name: str
    gln: str | None
    created_at: dt.datetime


async def create(connection: database.Connection, ref: str, name: str, gln: str | None) -> None:
    """Keep a new party."""
    await connection.execute(_SQL["create"], {"ref": ref, "name": name, "gln": gln})


async def ids(connection: database.Connection, refs: Iterable[str | None]) -> dict[str, int]:
    """Return the id of each party named; NotFound where one is unknown."""
    return await rows.ids(connection, _SQL["ids"], refs, "party")


async def known(connection: database.Connection, refs: Iterable[str]) -> dict[str, int]:
    """Return the id of each party that there is."""
    return dict(await rows.plain(connection, _SQL["ids"], refs=list(refs)))


async def get(connection: database.Connection, ref: str) -> Party | None:
    """Return a party by its reference."""
    return await rows.one(connection, _SQL["get"], Party, ref=ref)


async def page(connection: database.Connection, after: str, limit: int) -> list[Party]:
    """Return parties with a greater reference, in order."""
    return await rows.many(connection, _SQL["page"], Party, after=after, limit=limit)
