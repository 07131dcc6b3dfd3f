"""Receipts: what the receiver confirms. Handovers and corrections are in `statements`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

import msgspec

from fleettrack.domain import consignment as plans
from fleettrack.services import checks, editing, planning, shortfall, statements, takeovers
from fleettrack.services.forms import facts as forms
from fleettrack.storage import assignments, containment, database, facts, rows

INSTANT = dt.timedelta(milliseconds=1)
"""What a receipt changes about containment holds from the next instant on: at its own time all lies as it came."""

Outcomes = dict[int, plans.Outcome]


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """The objects of a receipt by id."""

    received: frozenset[int] | None  # None: no listing of what was there
    outcomes: Outcomes  # what differs
    found_in: Mapping[int, int]  # over → the unit it was found in
    names: Mapping[int, str]


async def receive(
    editor: planning.Planner,
    consignment: str,
    form: forms.NewReceipt,
    *,
    actor: str,
    now: dt.datetime,
    carrier: str | None = None,
) -> facts.Fact:
    """Record a receipt; what it does not name, though it was due, was received, or is short where it lists what was.

    `carrier`: who states it, where that is a carrier; see `takeovers`.

    Raises:
        NotFound: there is no such consignment, or an object is unknown.
        Invalid: the receipt is illegal where it stands: before the goods were made, of what is not due there, …; the
            offending serials are listed. One that only contradicts later facts is taken.
    """
    async with editor.plan() if _may_move(form) else editor.edit() as edit:
        told = await statements.begin(edit, consignment, form.stop, form.event_at, form.effective_at, now)
        taking = None
        if carrier is not None:
            taking = await takeovers.at(edit.connection, consignment, carrier, form.stop, ends=True)
            told = await statements.at_stop(edit, told, taking.stop)
        if told.stop is None:
            ends = await facts.ends(edit.connection, told.consignment.id)
            told = await statements.at_stop(edit, told, ends[0] if len(ends) == 1 else None)
        listed = await _find(edit.connection, form, told, carrier)
        await statements.check_commissioned(edit.connection, listed.names, told.happened_at)
        outcomes = await _outcomes(edit.connection, told, listed, form.rest_follows)
        if taking is not None:
            await _check_takeover(edit.connection, taking, told, listed, outcomes)
        to_party = await statements.party(edit.connection, form.to_party)
        fact_id = await statements.record(
            edit,
            told,
            kind="receipt",
            level=form.level,
            to_party=to_party or told.stop_party_id,
            only_listed=form.rest_follows and listed.received is not None,
            objects=_by_outcome(outcomes),
            actor=actor,
            note=form.note,
        )
        await _repack(edit, fact_id, told.event_at, outcomes, listed.found_in)
        return await statements.told(edit, consignment, fact_id)


def _may_move(form: forms.NewReceipt) -> bool:
    """Say whether something may be short or over: that moves it, which other consignments may ask about.

    They are known, and locked, only after this one; `plan` keeps away whoever would lock them in order (storage.locks).
    """
    return form.received is not None or any(line.outcome not in ("damaged", "refused") for line in form.lines)


async def _find(
    connection: database.Connection, form: forms.NewReceipt, told: statements.Told, carrier: str | None
) -> Listed:
    named = [*(form.received or ()), *(line.object for line in form.lines)]
    units = {line.object: line.found_in for line in form.lines if line.found_in is not None}
    ids = await statements.find(connection, told, [*named, *units.values()], carrier)
    received = None if form.received is None else {ids[name] for name in form.received}
    outcomes: Outcomes = {}
    twice = []
    for line in form.lines:
        object_id = ids[line.object]
        if outcomes.setdefault(object_id, line.outcome) != line.outcome:
            twice.append(line.object)
        if line.outcome == "received":
            received = (received or set()) | {object_id}
    if twice:
        raise checks.offending("lines", twice, "it is listed with two outcomes")
    astray = [name for name in units if outcomes[ids[name]] != "over"]
    if astray:
        raise checks.offending("lines", astray, "only what is over was found somewhere else than it should be")
    return Listed(
        received=None if received is None else frozenset(received),
        outcomes={o: outcome for o, outcome in outcomes.items() if outcome != "received"},
        found_in={ids[name]: ids[unit] for name, unit in units.items()},
        names={object_id: name for name, object_id in ids.items()},
    )


async def _outcomes(
    connection: database.Connection, told: statements.Told, listed: Listed, rest_follows: bool
) -> Outcomes:
    """Return what became of each object that has to be named."""
    outcomes = dict(listed.outcomes)
    if listed.received is None:
        await _check_due(connection, told, listed)
        return outcomes
    due = await facts.due(connection, told.consignment.id, told.event_at, told.stop)
    members = {member for member, _ in due}
    _refuse_astray(listed, members)
    over = listed.received - members
    if rest_follows:
        outcomes |= dict.fromkeys(listed.received - outcomes.keys(), "received")
    else:
        there = listed.received | outcomes.keys()
        outcomes |= dict.fromkeys(shortfall.missing(due, there), "short")
    return outcomes | dict.fromkeys(over, "over")


async def _check_takeover(
    connection: database.Connection,
    taking: takeovers.Takeover,
    told: statements.Told,
    listed: Listed,
    outcomes: Outcomes,
) -> None:
    """Refuse what a carrier may not state of goods that end at its stop, or not of these."""
    await takeovers.check_outcomes(connection, outcomes)
    id_, at = told.consignment.id, told.happened_at
    everything = {member for member, _ in await facts.due(connection, id_, at, taking.stop)}
    if listed.names:  # what is due by now may not have been then
        everything |= await facts.taken(connection, id_, taking.stop, listed.names, at)
    await takeovers.check_givers(connection, taking, everything, at)


async def _check_due(connection: database.Connection, told: statements.Told, listed: Listed) -> None:
    ways = await facts.ways(connection, told.consignment.id, list(listed.outcomes), told.event_at)
    due = {o for o, ends in ways.items() if any(told.stop in (None, end) for _, end in ends)}
    _refuse_astray(listed, due)


def _refuse_astray(listed: Listed, due: Iterable[int]) -> None:
    members = frozenset(due)
    absent = [listed.names[o] for o, outcome in listed.outcomes.items() if outcome != "over" and o not in members]
    if absent:
        raise checks.offending("lines", absent, "it is not due at this stop")
    expected = [listed.names[o] for o, outcome in listed.outcomes.items() if outcome == "over" and o in members]
    if expected:
        raise checks.offending("lines", expected, "it is due at this stop, so it is not over")


def _by_outcome(outcomes: Outcomes) -> dict[plans.Outcome, list[int]]:
    found: dict[plans.Outcome, list[int]] = {}
    for object_id, outcome in sorted(outcomes.items()):
        found.setdefault(outcome, []).append(object_id)
    return found


async def _repack(
    edit: editing.Edit, fact_id: int, at: dt.datetime, outcomes: Outcomes, found_in: Mapping[int, int]
) -> None:
    """What is short or over no longer lies where it should; what is over lies where it was found."""
    moved = sorted(o for o, outcome in outcomes.items() if outcome in ("short", "over"))
    if not moved:
        return
    connection = edit.connection
    known = await rows.clock(connection)
    await containment.close(connection, moved, at, at + INSTANT, known=known, fact_id=fact_id)
    for object_id, unit_id in sorted(found_in.items()):
        await containment.open_(connection, [object_id], unit_id, at + INSTANT, known=known, fact_id=fact_id)
    if found_in:
        await assignments.link_within(connection, found_in)
    edit.touch_consignments(await containment.concerned(connection, moved))
