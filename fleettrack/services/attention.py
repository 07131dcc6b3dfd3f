"""What asks for a person: tasks, exceptions, and visits too old for custody to follow them by itself (law L2)."""

from __future__ import annotations

import datetime as dt

from fleettrack.domain import errors, units
from fleettrack.services import checks, planning
from fleettrack.services.forms import words
from fleettrack.storage import attention, database, journeys, ledger, locks


async def tasks(
    db: database.Database, *, open_only: bool = True, after: int = 0, limit: int = words.PAGE
) -> list[attention.Task]:
    """Return tasks by id."""
    async with db.connection() as connection:
        return await attention.tasks(connection, open_only, after, checks.limit(limit))


async def finish_task(editor: planning.Planner, task_id: int, *, actor: str, now: dt.datetime) -> attention.Task:
    """Note that somebody did a task; NotFound where there is none. It stays with whoever did it first."""
    async with editor.edit() as edit:
        await attention.finish_task(edit.connection, task_id, actor, now)
        return checks.found(await attention.task(edit.connection, task_id), "task", task_id)


async def exceptions(
    db: database.Database,
    *,
    consignment: str | None = None,
    open_only: bool = True,
    after: int = 0,
    limit: int = words.PAGE,
) -> list[attention.Exceptional]:
    """Return exceptions by id; of one consignment where it is given."""
    async with db.connection() as connection:
        return await attention.exceptions(connection, consignment, open_only, after, checks.limit(limit))


async def accept_visit(editor: planning.Planner, visit_id: int, *, actor: str, now: dt.datetime) -> int:
    """Let custody follow a visit that was held; return the visit's new revision.

    Raises:
        NotFound: there is no such visit.
        Conflict: custody follows its newest revision already.
    """
    async with editor.edit() as edit:
        connection = edit.connection
        tracker_id = checks.found(await attention.tracker_of(connection, visit_id), "visit", visit_id)
        await locks.lock_trackers(connection, [tracker_id])
        newest = await attention.newest_revision(connection, visit_id)
        if not newest.held:
            raise errors.Conflict(f"custody follows visit {visit_id} already", visit=visit_id)
        await ledger.join_writers(connection)
        revision = await attention.accept(connection, visit_id)
        await attention.finish_tasks_of_visit(connection, visit_id, actor, now)
        until = units.FOREVER_MS if newest.until is None else units.to_ms(newest.until)
        span = (tracker_id, units.to_ms(newest.since), until)
        edit.touch_consignments(await journeys.affected(connection, [span]))
        return revision
