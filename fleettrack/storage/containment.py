"""What contains what, over time; what was believed about it before stays readable."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from fleettrack.storage import database, rows, sql

_SQL = sql.queries("containment")

DEPTH_MAX = 10  # levels of containment (design 7)


async def elsewhere(connection: database.Connection, children: Sequence[int], at: dt.datetime) -> dict[str, str]:
    """Return at most 100 of these objects that lie in some unit at a time, by reference, with that unit's."""
    return dict(await rows.plain(connection, _SQL["elsewhere"], children=list(children), at=at))


async def missing(connection: database.Connection, children: Sequence[int], parent: int, at: dt.datetime) -> list[str]:
    """Return at most 100 of these objects that do not lie directly in a unit at a time."""
    found = await rows.plain(connection, _SQL["missing"], children=list(children), parent=parent, at=at)
    return [ref for (ref,) in found]


async def open_(
    connection: database.Connection,
    children: Sequence[int],
    parent: int,
    at: dt.datetime,
    *,
    known: dt.datetime,
    fact_id: int | None = None,
) -> None:
    """Put objects into a unit from a time on.

    Raises:
        Conflict: one of them lies in another unit then.
    """
    values = {"children": list(children), "parent": parent, "at": at, "known": known, "fact_id": fact_id}
    await connection.execute(_SQL["open"], values)


async def close(
    connection: database.Connection,
    children: Sequence[int],
    at: dt.datetime,
    until: dt.datetime,
    *,
    known: dt.datetime,
    parent: int | None = None,
    fact_id: int | None = None,
) -> set[int]:
    """End at `until` where these objects lie at `at`, in one unit or in any; return those that lay somewhere."""
    asked = {"children": list(children), "parent": parent, "at": at, "until": until, "known": known}
    return {r[0] for r in await rows.plain(connection, _SQL["close"], **asked, fact_id=fact_id)}


async def undo(connection: database.Connection, fact_id: int, known: dt.datetime) -> list[int]:
    """Take back what a fact did to containment; return the objects that lie elsewhere now."""
    moved = []
    for step in ("undo_opened", "undo_ended"):
        changed = await (await connection.execute(_SQL[step], {"fact_id": fact_id, "known": known})).fetchall()
        moved += [child for (child,) in changed]
    return moved


async def above(connection: database.Connection, object_id: int, since: dt.datetime) -> tuple[set[int], int]:
    """Return what contains an object at any time from `since` on (itself among them), and how many levels there are."""
    asked = {"object": object_id, "from": since, "limit": DEPTH_MAX}
    found = await rows.plain(connection, _SQL["above"], **asked)
    return {member for member, _ in found}, max(depth for _, depth in found)


async def height(connection: database.Connection, object_ids: Sequence[int], since: dt.datetime) -> int:
    """Return how many levels lie below these objects at any time from `since` on, at most one more than allowed."""
    asked = {"objects": list(object_ids), "from": since, "limit": DEPTH_MAX}
    found: int | None = await rows.value(connection, _SQL["height"], **asked)
    return found or 0


async def depth(connection: database.Connection, object_ids: Sequence[int], since: dt.datetime) -> int:
    """Return how many levels lie above these objects at any time from `since` on, at most one more than allowed."""
    asked = {"objects": list(object_ids), "from": since, "limit": DEPTH_MAX}
    found: int | None = await rows.value(connection, _SQL["depth"], **asked)
    return found or 0


async def concerned(connection: database.Connection, object_ids: Sequence[int]) -> set[int]:
    """Return the consignments whose journeys ask where one of these objects, or something in it, lies."""
    found = await rows.plain(connection, _SQL["concerned"], objects=list(object_ids))
    return {consignment_id for (consignment_id,) in found}
