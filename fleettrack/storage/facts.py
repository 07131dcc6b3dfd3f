"""What people stated about custody, as they stated it; a fact is never changed, only voided by another."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from fleettrack.domain import consignment
from fleettrack.storage import database, rows, sql

_SQL = sql.queries("facts")

Kind = consignment.FactKind


class NewFact(msgspec.Struct, frozen=True, kw_only=True):
    """A fact by ids, to be kept."""

    consignment_id: int
    kind: Kind
    event_at: dt.datetime
    level: consignment.Level
    actor: str
    note: str
    stop_seq: int | None = None
    effective_at: dt.datetime | None = None
    from_party: int | None = None
    to_party: int | None = None
    only_listed: bool = False
    target_fact_id: int | None = None


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """A fact as recorded. `level` names one of domain.consignment.Level; `outcomes` counts the objects it lists."""

    id: int
    consignment: str
    kind: Kind
    stop: int | None
    event_at: dt.datetime
    effective_at: dt.datetime | None
    level: str
    from_party: str | None
    to_party: str | None
    only_listed: bool
    target_fact: int | None
    actor: str
    note: str
    recorded_at: dt.datetime
    outcomes: dict[str, int]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a fact still stands."""

    id: int
    kind: Kind
    voided: bool


def _fact(*, level: int, **columns: Any) -> Fact:
    return Fact(level=consignment.Level(level).name.lower(), **columns)


async def create(
    connection: database.Connection,
    fact: NewFact,
    objects: Mapping[consignment.Outcome, Sequence[int]],
    known: dt.datetime,
) -> int:
    """Keep a new fact with the objects it lists; return its id."""
    values = msgspec.structs.asdict(fact) | {"level": int(fact.level), "known": known}
    fact_id: int = await rows.value(connection, _SQL["create"], **values)
    for outcome, listed in objects.items():
        if listed:
            values = {"fact_id": fact_id, "outcome": outcome, "objects": list(listed)}
            await connection.execute(_SQL["list_objects"], values)
    return fact_id


async def standing(connection: database.Connection, consignment_id: int, fact_id: int) -> Standing | None:
    """Return whether a fact of a consignment still stands; None where it has no such fact."""
    return await rows.one(connection, _SQL["get"], Standing, id=fact_id, consignment_id=consignment_id)


async def get(connection: database.Connection, consignment_ref: str, fact_id: int) -> Fact | None:
    """Return a fact of a consignment."""
    asked = {"consignment": consignment_ref, "after": 0, "limit": 1, "id": fact_id}
    return await rows.one(connection, _SQL["page"], _fact, **asked)


async def page(connection: database.Connection, consignment_ref: str, after: int, limit: int) -> list[Fact]:
    """Return the facts of a consignment with a greater id, in order."""
    asked = {"consignment": consignment_ref, "after": after, "limit": limit, "id": None}
    return await rows.many(connection, _SQL["page"], _fact, **asked)


async def due(
    connection: database.Connection, consignment_id: int, at: dt.datetime, stop: int | None
) -> list[tuple[int, int | None]]:
    """Return (object, what it lies in) of all that is due at a stop, or of a whole consignment; parents first."""
    asked = {"consignment_id": consignment_id, "at": at, "stop": stop}
    return [(member, parent) for member, parent in await rows.plain(connection, _SQL["due"], **asked)]


async def ways(
    connection: database.Connection, consignment_id: int, object_ids: Sequence[int], at: dt.datetime
) -> dict[int, set[tuple[int, int]]]:
    """Return from which stop to which each object goes with a consignment at a time; empty for one that does not."""
    found: dict[int, set[tuple[int, int]]] = {object_id: set() for object_id in object_ids}
    asked = {"consignment_id": consignment_id, "objects": list(object_ids), "at": at}
    for object_id, from_seq, to_seq in await rows.plain(connection, _SQL["ways"], **asked):
        found[object_id].add((from_seq, to_seq))
    return found


async def taken(
    connection: database.Connection, consignment_id: int, stop: int, listed: Iterable[int], at: dt.datetime
) -> set[int]:
    """Return what a handover at a stop takes along: listed objects, or else all that goes on; with what is in them."""
    asked = {"consignment_id": consignment_id, "stop": stop, "objects": list(listed), "at": at}
    return {member for (member,) in await rows.plain(connection, _SQL["taken"], **asked)}


async def ends(connection: database.Connection, consignment_id: int) -> list[int]:
    """Return the stops at which items of a consignment end."""
    return sorted(seq for (seq,) in await rows.plain(connection, _SQL["ends"], consignment_id=consignment_id))
