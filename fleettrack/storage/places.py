"""Places and the versions of their fences; a version replaced stays, with the time until which it was believed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from psycopg.types import json

from fleettrack.domain import errors
from fleettrack.storage import database, rows, sql

_SQL = sql.queries("places")

ALL = 2**31 - 1


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A place as kept."""

    ref: str
    name: str
    party: str
    timezone: str
    class_: str = msgspec.field(name="class")
    created_at: dt.datetime


class Fence(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a fence; `id` is the fence's and stays, `version` is this statement's."""

    id: int
    version: int
    place: str
    name: str
    shape: dict[str, Any]
    rules: dict[str, Any]
    valid_from: dt.datetime
    valid_to: dt.datetime | None


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan needs of a place."""

    id: int
    party_id: int
    timezone: str


async def create(
    connection: database.Connection, *, ref: str, name: str, party_id: int, timezone: str, class_: str
) -> int:
    """Keep a new place; return its id."""
    values = {"ref": ref, "name": name, "party_id": party_id, "timezone": timezone, "class": class_}
    place_id: int = await rows.value(connection, _SQL["create"], **values)
    return place_id


async def known(connection: database.Connection, refs: Iterable[str]) -> dict[str, Site]:
    """Return those places that there are, by reference."""
    found = await rows.plain(connection, _SQL["known"], refs=list(set(refs)))
    return {ref: Site(id=i, party_id=party, timezone=zone) for ref, i, party, zone in found}


async def get(connection: database.Connection, ref: str) -> Place | None:
    """Return a place by its reference."""
    return await rows.one(connection, _SQL["page"], Place, after="", limit=1, ref=ref)


async def page(connection: database.Connection, after: str, limit: int) -> list[Place]:
    """Return places with a greater reference, in order."""
    return await rows.many(connection, _SQL["page"], Place, after=after, limit=limit, ref=None)


async def add_fence(connection: database.Connection, place_id: int, name: str) -> int:
    """Keep a new fence, without a shape yet; return its id."""
    fence_id: int = await rows.value(connection, _SQL["fence_create"], place_id=place_id, name=name)
    return fence_id


async def lock_fence(connection: database.Connection, fence_id: int) -> int:
    """Be the only one to edit a fence; return its place's id.

    Raises:
        NotFound: there is no such fence.
    """
    place_id: int | None = await rows.value(connection, _SQL["fence_place"], fence_id=fence_id)
    if place_id is None:
        raise errors.NotFound(f"there is no geofence {fence_id}", kind="geofence", unknown=[fence_id])
    return place_id


async def end_fence(
    connection: database.Connection, fence_id: int, since: dt.datetime, known: dt.datetime
) -> tuple[int, dt.datetime | None]:
    """Let no version of a fence hold from a time on; return how many did, and since when the earliest of them."""
    parameters = {"fence_id": fence_id, "from": since, "known": known}
    ((count, earliest),) = await rows.plain(connection, _SQL["fence_end"], **parameters)
    return count, earliest


async def add_version(
    connection: database.Connection,
    *,
    fence_id: int,
    place_id: int,
    shape: dict[str, Any],
    rules_: dict[str, Any],
    since: dt.datetime,
    known: dt.datetime,
) -> None:
    """State what a fence looks like from a time on."""
    values = {"fence_id": fence_id, "place_id": place_id, "shape": json.Jsonb(shape), "rules": json.Jsonb(rules_)}
    await connection.execute(_SQL["fence_version"], values | {"from": since, "known": known})


async def fences(
    connection: database.Connection,
    *,
    places: Sequence[str] | None = None,
    fence_id: int | None = None,
    after: int = 0,
    limit: int = ALL,
) -> list[Fence]:
    """Return the versions in force or to come, of these places or this fence where given."""
    asked = {"places": places, "fence_id": fence_id, "after": after, "limit": limit}
    return await rows.many(connection, _SQL["fences"], Fence, **asked)
