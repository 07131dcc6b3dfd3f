"""Assignments of trackers, and which consignments a tracker on a unit concerns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import msgspec

from fleettrack.domain import errors
from fleettrack.storage import database, rows, sql

_SQL = sql.queries("assignments")


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """An assignment as known now; a confirmed receipt of all goods ends it. Stated anew it keeps its id."""

    id: int
    tracker: str
    vehicle: str | None
    consignment: str | None
    unit: str | None
    valid_from: dt.datetime
    valid_to: dt.datetime | None
    recorded_at: dt.datetime


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Which tracker an assignment is of, and over what time."""

    tracker_id: int
    since: dt.datetime
    until: dt.datetime | None


async def create(
    connection: database.Connection,
    span: Span,
    *,
    vehicle_id: int | None,
    consignment_id: int | None,
    object_id: int | None,
    known: dt.datetime,
) -> int:
    """Keep a new assignment; return its id.

    Raises:
        Conflict: the tracker is assigned to something else in that time.
    """
    subject = {"vehicle_id": vehicle_id, "consignment_id": consignment_id, "object_id": object_id}
    when = {"from": span.since, "to": span.until, "known": known}
    made: int = await rows.value(connection, _SQL["create"], tracker_id=span.tracker_id, **subject, **when)
    return made


async def current(connection: database.Connection, assignment_id: int) -> Span:
    """Return tracker and time of an assignment as known now.

    Raises:
        NotFound: there is no such assignment.
    """
    found = await rows.one(connection, _SQL["current"], Span, id=assignment_id)
    if found is None:
        raise errors.NotFound(f"there is no assignment {assignment_id}", kind="assignment", unknown=[assignment_id])
    return found


async def restate(
    connection: database.Connection, assignment_id: int, until: dt.datetime | None, known: dt.datetime
) -> None:
    """State anew until when an assignment holds."""
    await connection.execute(_SQL["restate"], {"id": assignment_id, "to": until, "known": known})


async def set_received(
    connection: database.Connection, consignments: Iterable[int], received: Iterable[tuple[int, int, dt.datetime]]
) -> None:
    """Note as (consignment, tracker, since when) which trackers' goods are all received; of no others of these."""
    found = list(received)
    asked = {"consignments": list(consignments), "received": [r[0] for r in found]}
    await connection.execute(
        _SQL["set_received"], asked | {"trackers": [r[1] for r in found], "times": [r[2] for r in found]}
    )


async def release(connection: database.Connection, tracker_id: int, since: dt.datetime, known: dt.datetime) -> None:
    """End what a tracker was assigned to where all the goods had been received: from a time on it is free."""
    for assignment_id, received_at in await rows.plain(connection, _SQL["over"], tracker_id=tracker_id, since=since):
        await restate(connection, assignment_id, received_at, known)


async def link(connection: database.Connection, assignment_ids: Iterable[int]) -> None:
    """Note which consignments these assignments concern by way of the units they are on."""
    await connection.execute(_SQL["link"], {"ids": list(assignment_ids)})


async def link_within(connection: database.Connection, object_ids: Iterable[int]) -> None:
    """Do so for the trackers on these objects and on what lies in them: they became items, or were packed."""
    found = await rows.plain(connection, _SQL["within"], objects=list(object_ids))
    if found:
        await link(connection, [assignment_id for (assignment_id,) in found])


async def get(connection: database.Connection, assignment_id: int) -> Assignment | None:
    """Return an assignment as known now."""
    asked = {"after": 0, "limit": 1, "tracker": None, "id": assignment_id}
    return await rows.one(connection, _SQL["page"], Assignment, **asked)


async def page(connection: database.Connection, tracker: str | None, after: int, limit: int) -> list[Assignment]:
    """Return assignments with a greater id, in order; of one tracker where it is given."""
    asked = {"after": after, "limit": limit, "tracker": tracker, "id": None}
    return await rows.many(connection, _SQL["page"], Assignment, **asked)
