"""Putting objects into units and taking them out. What an object lies in is its history, kept by the object."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from fleettrack.domain import errors
from fleettrack.services import checks, editing, planning
from fleettrack.services.forms import goods as forms
from fleettrack.storage import assignments, consignments, containment, database, ledger, objects, rows


async def pack(editor: planning.Planner, unit: str, form: forms.NewPacking, *, now: dt.datetime) -> forms.Packed:
    """Put objects into a unit from a time on; backdated, until they are known to lie in something again.

    Raises:
        NotFound: the unit or an object is unknown.
        Invalid: an object lies elsewhere then or was commissioned later (each is listed), it is no unit, the unit
            would come to lie in itself, or more than ten levels deep.
    """
    at = checks.past("at", form.at, now)
    async with editor.plan() as edit:
        connection = edit.connection
        parent, children = await _find(connection, unit, form)
        await _check_commissioned(connection, [parent, *children], at)
        if parent not in await objects.units(connection, [parent]):
            raise checks.offending("unit", [unit], "only a logistic unit can contain something")
        inside = await containment.elsewhere(connection, children, at)
        if inside:
            raise checks.offending("objects", [f"{o} (in {u})" for o, u in inside.items()], "it lies in a unit then")
        await check_shape(connection, children, parent, at, unit)
        await _lock(edit, children)
        await containment.open_(connection, children, parent, at, known=await rows.clock(connection))
        await assignments.link_within(connection, children)
        edit.touch_consignments(await containment.concerned(connection, children))
    return forms.Packed(unit=unit, count=len(children))


async def unpack(editor: planning.Planner, unit: str, form: forms.NewPacking, *, now: dt.datetime) -> forms.Packed:
    """Take objects out of a unit at a time.

    Raises:
        NotFound: the unit or an object is unknown.
        Invalid: an object does not lie in it then (each is listed).
    """
    at = checks.past("at", form.at, now)
    async with editor.plan() as edit:
        connection = edit.connection
        parent, children = await _find(connection, unit, form)
        missing = await containment.missing(connection, children, parent, at)
        if missing:
            raise checks.offending("objects", missing, f"it does not lie in {unit} then")
        await _lock(edit, children)
        closed = await containment.close(
            connection, children, at, at, parent=parent, known=await rows.clock(connection)
        )
        if len(closed) != len(children):
            unmoved = await objects.refs(connection, set(children) - closed)
            raise checks.offending("objects", sorted(unmoved.values()), "it was put in at that very time")
        edit.touch_consignments(await containment.concerned(connection, children))
    return forms.Packed(unit=unit, count=len(children))


async def check_shape(
    connection: database.Connection, children: Sequence[int], parent: int, at: dt.datetime, unit: str
) -> None:
    """Refuse cycles and more than ten levels, at any time from `at` on."""
    above, levels = await containment.above(connection, parent, at)
    inside_out = sorted((await objects.refs(connection, above & set(children))).values())
    if inside_out:
        raise checks.offending("objects", inside_out, f"{unit} lies in it: nothing contains itself")
    deep = levels + 1 + await containment.height(connection, children, at)
    if deep > containment.DEPTH_MAX:
        raise errors.Invalid(
            f"units lie at most {containment.DEPTH_MAX} deep in each other, this would make {deep}",
            problems=[{"place": "unit", "value": unit, "reason": "too deep"}],
        )


async def _find(connection: database.Connection, unit: str, form: forms.NewPacking) -> tuple[int, list[int]]:
    if not form.objects:
        raise checks.refusal("objects", None, "name at least one")
    await ledger.join_writers(connection)
    found = await objects.find(connection, [unit, *form.objects])
    return found[unit], sorted({found[name] for name in form.objects})


async def _check_commissioned(connection: database.Connection, ids: Sequence[int], at: dt.datetime) -> None:
    younger = await objects.younger(connection, ids, at)
    if younger:
        raise checks.offending("objects", younger, "it was commissioned later")


async def _lock(edit: editing.Edit, children: Sequence[int]) -> None:
    await consignments.lock_ids(edit.connection, await containment.concerned(edit.connection, children))
