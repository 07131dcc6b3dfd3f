"""Trackers on vehicles, consignments and units. Backdating is allowed: what it changes is decided again."""

from __future__ import annotations

import datetime as dt

from fleettrack.domain import units
from fleettrack.services import checks, editing, planning
from fleettrack.services.forms import actors as forms
from fleettrack.services.forms import words
from fleettrack.storage import assignments, claims, consignments, database, journeys, ledger, objects, rows, vehicles


async def assign(editor: planning.Planner, form: forms.NewAssignment, *, now: dt.datetime) -> assignments.Assignment:
    """Put a tracker on a vehicle, a consignment or a unit.

    Raises:
        Conflict: it is on something else in that time.
        NotFound: there is no such tracker, vehicle, consignment or unit.
        Invalid: not exactly one subject is named, or it ends before it begins.
    """
    _check(form)
    async with editor.edit(configuration=True) as edit:
        made = await _create(edit, form, checks.moment(form.valid_from, now))
        return await _told(edit, made)


async def end(editor: planning.Planner, assignment_id: int, at: dt.datetime) -> assignments.Assignment:
    """State until when an assignment held, or that it holds until then.

    Raises:
        NotFound: there is no such assignment.
        Invalid: it began later.
        Conflict: made longer, it would overlap with the next one.
    """
    async with editor.edit(configuration=True) as edit:
        await _end(edit, assignment_id, checks.moment(at, at))
        return await _told(edit, assignment_id)


async def move(
    editor: planning.Planner, assignment_id: int, form: forms.NewAssignment, *, now: dt.datetime
) -> assignments.Assignment:
    """End an assignment where the given one of the same tracker begins; return the new one."""
    _check(form)
    async with editor.edit(configuration=True) as edit:
        since = checks.moment(form.valid_from, now)
        before = await assignments.current(edit.connection, assignment_id)
        trackers = await claims.ids(edit.connection, [form.tracker])
        if trackers[form.tracker] != before.tracker_id:
            raise checks.refusal("tracker", form.tracker, f"assignment {assignment_id} is of another tracker")
        await _end(edit, assignment_id, since)
        return await _told(edit, await _create(edit, form, since))


async def page(
    db: database.Database, *, tracker: str | None = None, after: int = 0, limit: int = words.PAGE
) -> list[assignments.Assignment]:
    """Return assignments as known now by id; of one tracker where it is given."""
    async with db.connection() as connection:
        return await assignments.page(connection, tracker, after, checks.limit(limit))


def _check(form: forms.NewAssignment) -> None:
    if sum(subject is not None for subject in (form.vehicle, form.consignment, form.unit)) != 1:
        raise checks.refusal(
            "vehicle, consignment, unit", None, "name exactly one: the vehicle, the consignment or the unit"
        )


async def _create(edit: editing.Edit, form: forms.NewAssignment, since: dt.datetime) -> int:
    connection = edit.connection
    until = None if form.valid_to is None else checks.moment(form.valid_to, form.valid_to)
    if until is not None and until <= since:
        raise checks.refusal("valid_to", until.isoformat(), f"it ends before it begins ({since.isoformat()})")
    tracker_id = (await claims.ids(connection, [form.tracker]))[form.tracker]
    vehicle = await vehicles.ids(connection, [form.vehicle])
    unit = {} if form.unit is None else await objects.find(connection, [form.unit])
    plan = {} if form.consignment is None else await consignments.lock(connection, [form.consignment])
    await ledger.join_writers(connection)
    known = await rows.clock(connection)
    await assignments.release(connection, tracker_id, since, known)
    made = await assignments.create(
        connection,
        assignments.Span(tracker_id=tracker_id, since=since, until=until),
        vehicle_id=vehicle.get(form.vehicle or ""),
        consignment_id=plan[form.consignment].id if form.consignment is not None else None,
        object_id=unit.get(form.unit or ""),
        known=known,
    )
    await assignments.link(connection, [made])
    await _touch(edit, tracker_id, since, until)
    return made


async def _end(edit: editing.Edit, assignment_id: int, at: dt.datetime) -> None:
    span = await assignments.current(edit.connection, assignment_id)
    if at <= span.since:
        raise checks.refusal("valid_to", at.isoformat(), f"the assignment began at {span.since.isoformat()}")
    await ledger.join_writers(edit.connection)
    await _touch(edit, span.tracker_id, span.since, span.until)
    await assignments.restate(edit.connection, assignment_id, at, await rows.clock(edit.connection))
    await _touch(edit, span.tracker_id, span.since, at)


async def _touch(edit: editing.Edit, tracker_id: int, since: dt.datetime, until: dt.datetime | None) -> None:
    """Note the consignments that the tracker concerns in that time, as it is assigned just now."""
    span = (tracker_id, units.to_ms(since), units.FOREVER_MS if until is None else units.to_ms(until))
    edit.touch_consignments(await journeys.affected(edit.connection, [span]))


async def _told(edit: editing.Edit, assignment_id: int) -> assignments.Assignment:
    return checks.found(await assignments.get(edit.connection, assignment_id), "assignment", assignment_id)
