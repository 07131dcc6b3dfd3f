"""What asks for a person's attention: tasks, exceptions, and visits too old for custody to follow by itself."""

from __future__ import annotations

import datetime as dt

import msgspec

from fleettrack.storage import database, rows, sql

_SQL = sql.queries("attention")


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """Asks a person to look; nothing waits for it."""

    id: int
    kind: str
    consignment: str | None
    visit: int | None
    title: str
    created_at: dt.datetime
    done_at: dt.datetime | None
    done_by: str | None


class Exceptional(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not as planned, open until it no longer holds."""

    id: int
    consignment: str
    kind: str
    at: dt.datetime
    stop: int | None
    detail: str
    visit: int | None
    fact: int | None
    raised_at: dt.datetime
    cleared_at: dt.datetime | None


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """What the newest revision of a visit says, and over what time it and the last followed one lie."""

    kind: str
    held: bool
    since: dt.datetime
    until: dt.datetime | None  # of a stay that has not ended: None


async def tasks(connection: database.Connection, open_only: bool, after: int, limit: int) -> list[Task]:
    """Return tasks with a greater id, in order."""
    return await rows.many(connection, _SQL["tasks"], Task, open_only=open_only, after=after, limit=limit, id=None)


async def task(connection: database.Connection, task_id: int) -> Task | None:
    """Return one task."""
    return await rows.one(connection, _SQL["tasks"], Task, open_only=False, after=0, limit=1, id=task_id)


async def finish_task(connection: database.Connection, task_id: int, actor: str, at: dt.datetime) -> None:
    """Note who did a task."""
    await connection.execute(_SQL["task_done"], {"id": task_id, "actor": actor, "at": at})


async def finish_tasks_of_visit(connection: database.Connection, visit_id: int, actor: str, at: dt.datetime) -> None:
    """Note who did the tasks that a visit gave."""
    await connection.execute(_SQL["tasks_of_visit_done"], {"visit_id": visit_id, "actor": actor, "at": at})


async def exceptions(
    connection: database.Connection, consignment: str | None, open_only: bool, after: int, limit: int
) -> list[Exceptional]:
    """Return exceptions with a greater id, in order; of one consignment where it is given."""
    asked = {"consignment": consignment, "open_only": open_only, "after": after, "limit": limit}
    return await rows.many(connection, _SQL["exceptions"], Exceptional, **asked)


async def tracker_of(connection: database.Connection, visit_id: int) -> int | None:
    """Return the tracker of a visit."""
    found: int | None = await rows.value(connection, _SQL["visit"], visit_id=visit_id)
    return found


async def newest_revision(connection: database.Connection, visit_id: int) -> Revision:
    """Return what the newest revision of a visit says."""
    (found,) = await rows.plain(connection, _SQL["newest_revision"], visit_id=visit_id)
    kind, held, entered, exited, followed_from, followed_to = found
    open_ = exited is None or (followed_from is not None and followed_to is None)
    return Revision(
        kind=kind,
        held=held,
        since=min(entered, followed_from or entered),
        until=None if open_ else max(exited, followed_to or exited),
    )


async def accept(connection: database.Connection, visit_id: int) -> int:
    """Repeat the newest revision of a visit as one that custody follows; return its number."""
    revision: int = await rows.value(connection, _SQL["accept_visit"], visit_id=visit_id)
    return revision
