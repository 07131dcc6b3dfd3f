"""Consignments as people make them one by one; many come by manifest."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

from fleettrack.domain import errors
from fleettrack.services import checks, editing, planning
from fleettrack.services.forms import goods as forms
from fleettrack.services.forms import words
from fleettrack.services.shipping import drafts, items, plans, writing
from fleettrack.services.shipping.problems import Problems, Said
from fleettrack.storage import consignments, database, staging


async def create(editor: planning.Planner, form: forms.NewConsignment, *, now: dt.datetime) -> forms.Consignment:
    """Keep a consignment with its plan and items; what is new among the items is commissioned.

    Raises:
        Conflict: the reference is taken.
        Invalid: facts['problems'] lists all that is wrong, each with its place in the form.
    """
    problems = Problems()
    draft = _draft(form)
    async with editor.plan(fresh=True) as edit:
        connection = edit.connection
        known_since = await writing.clock(connection)
        looked_up = await plans.look_up(connection, [draft])
        if looked_up.taken:
            raise errors.Conflict("a consignment with this reference exists already", consignment=form.ref)
        plan = plans.resolve(draft, looked_up, checks.moment(None, now), problems)
        if plan is None:
            raise _refused(problems)
        ids = await writing.create(connection, {0: plan}, known_since)
        await _add_items(edit, form.items, plan, ids, list(draft.stops), known_since)
        return await _told(connection, form.ref)


async def add_items(
    editor: planning.Planner, ref: str, new: Sequence[forms.NewItem], *, now: dt.datetime
) -> forms.Consignment:
    """Add items to a consignment.

    Raises:
        NotFound: there is no such consignment.
        Conflict: it is closed.
        Invalid: facts['problems'] lists all that is wrong, each with its place in the form.
    """
    async with editor.plan() as edit:
        connection = edit.connection
        locked = (await consignments.lock(connection, [ref]))[ref]
        if locked.closed_at is not None:
            raise errors.Conflict(f"consignment {ref!r} is closed", closed_at=locked.closed_at.isoformat())
        known_since = await writing.clock(connection)
        head = checks.found(await consignments.get(connection, ref), "consignment", ref)
        stops, _, _ = await consignments.plan(connection, ref)
        pickups = [s.seq for s in stops if s.role == "pickup"]
        halts = [await consignments.stop(connection, locked.id, s.seq) for s in stops]
        plan = plans.Plan(
            new=consignments.NewConsignment(
                ref=ref,
                consignor_id=locked.consignor_id,
                consignee_id=locked.consignee_id,
                effective_from=locked.effective_from,
                stops=(),
                legs=(),
            ),
            consignor=head.consignor,
            origins={s.seq: (s.party_id, s.place_id) for s in halts},
            first_seq=pickups[0],
            last_seq=max(s.seq for s in stops if s.role == "drop"),
        )
        await _add_items(edit, new, plan, {0: locked.id}, [s.seq for s in stops], known_since)
        return await _told(connection, ref)


async def close(editor: planning.Planner, ref: str, at: dt.datetime, *, now: dt.datetime) -> forms.Consignment:
    """Note that a person closed a consignment: what its trackers do later is no longer its concern.

    Raises:
        NotFound: there is no such consignment.
        Conflict: it is closed already.
    """
    when = checks.past("at", at, now)
    async with editor.plan() as edit:
        locked = (await consignments.lock(edit.connection, [ref]))[ref]
        if locked.closed_at is not None:
            raise errors.Conflict(f"consignment {ref!r} is closed", closed_at=locked.closed_at.isoformat())
        await consignments.close(edit.connection, locked.id, when)
        edit.touch_consignments([locked.id])
        return await _told(edit.connection, ref)


async def get(db: database.Database, ref: str) -> forms.Consignment:
    """Return a consignment with its plan; NotFound where there is none."""
    async with db.connection() as connection:
        return await _told(connection, ref)


async def page(
    db: database.Database, *, carrier: str | None = None, after: str = "", limit: int = words.PAGE
) -> list[consignments.Consignment]:
    """Return consignments without their plans, by reference; of one carrier where it is given."""
    async with db.connection() as connection:
        return await consignments.page(connection, carrier, after, checks.limit(limit))


async def _told(connection: database.Connection, ref: str) -> forms.Consignment:
    head = checks.found(await consignments.get(connection, ref), "consignment", ref)
    stops, legs, sets = await consignments.plan(connection, ref)
    return forms.Consignment(
        ref=head.ref,
        consignor=head.consignor,
        consignee=head.consignee,
        effective_from=head.effective_from,
        closed_at=head.closed_at,
        stops=tuple(stops),
        legs=tuple(legs),
        items=tuple(sets),
    )


def _draft(form: forms.NewConsignment) -> drafts.Draft:
    draft = drafts.Draft(ref=form.ref, where="")
    draft.said = _said({"consignor": form.consignor, "consignee": form.consignee}, "")
    if form.effective_from is not None:
        draft.effective_from = checks.moment(form.effective_from, form.effective_from)
    for i, stop in enumerate(form.stops):
        seq = i + 1 if stop.seq is None else stop.seq
        if seq in draft.stops:
            raise checks.refusal(f"stops[{i}].seq", seq, "two stops have this number")
        said = {
            "place": stop.place,
            "role": stop.role,
            "party": stop.party,
            "on_arrival": stop.on_arrival,
            "window_from": _text(stop.window_from),
            "window_to": _text(stop.window_to),
        }
        where = f"stops[{i}]"
        draft.stops[seq] = drafts.DraftStop(seq=seq, where=where, said=_said(said, where))
    draft.legs = _legs(form, sorted(draft.stops))
    return draft


def _legs(form: forms.NewConsignment, stops: Sequence[int]) -> list[drafts.DraftLeg]:
    carrier = _said({"carrier": form.carrier, "vehicle": form.vehicle}, "")
    if not form.legs:
        return [
            drafts.DraftLeg(
                from_seq=a, to_seq=b, where="", carrier=carrier.get("carrier"), vehicle=carrier.get("vehicle")
            )
            for a, b in itertools.pairwise(stops)
        ]
    made = []
    for i, leg in enumerate(form.legs):
        said = _said({"carrier": leg.carrier, "vehicle": leg.vehicle}, f"legs[{i}]")
        made.append(
            drafts.DraftLeg(
                from_seq=leg.from_stop,
                to_seq=leg.to_stop,
                where=f"legs[{i}]",
                carrier=said.get("carrier"),
                vehicle=said.get("vehicle"),
            )
        )
    return made


def _said(values: dict[str, str | None], where: str) -> dict[str, Said]:
    return {column: Said(value=v, where=[where]) for column, v in values.items() if v is not None}


def _text(moment: dt.datetime | None) -> str | None:
    return None if moment is None else checks.moment(moment, moment).isoformat()


async def _add_items(
    edit: editing.Edit,
    new: Sequence[forms.NewItem],
    plan: plans.Plan,
    ids: Mapping[int, int],
    stops: Sequence[int],
    known: dt.datetime,
) -> None:
    connection = edit.connection
    problems = Problems()
    gathered = items.Items(problems)
    staged = [row for i, item in enumerate(new) if (row := gathered.add(_item(item, i, plan.consignor)))]
    gathered.check_units()
    if problems.count:
        raise _refused(problems)
    ends = {0: (plan.first_seq, plan.last_seq)}
    await staging.create(connection)
    await staging.copy(connection, _once([*staged, *gathered.unit_rows(ends)]))
    await writing.check_ways(connection, gathered, {0: stops}, ends, _place, problems)
    await staging.set_plans(connection, writing.plan_rows({0: plan}, known))
    await staging.set_consignments(connection, ids)
    await staging.settle(connection)
    await writing.check_goods(connection, _place, problems)
    if problems.count:
        raise _refused(problems)
    await writing.write(edit, {0: plan}, ids, "people", known)


def _item(form: forms.NewItem, index: int, consignor: str) -> items.Item:
    return items.Item(
        where=f"items[{index}]",
        line=index,
        plan=0,
        consignor=consignor,
        unit=form.unit or "",
        parent_unit=form.parent_unit or "",
        gtin=form.gtin or "",
        serial=form.serial or "",
        lot=form.lot or "",
        expiry="" if form.expiry is None else form.expiry.isoformat(),
        from_stop=form.from_stop,
        to_stop=form.to_stop,
    )


def _place(line: int) -> str:
    return f"items[{line}]"


async def _once(staged: Iterable[str]) -> AsyncIterator[Iterable[str]]:
    yield staged


def _refused(problems: Problems) -> errors.Invalid:
    told = [
        {"place": f"{p.where}.{p.column}".strip("."), "value": p.value, "reason": p.reason} for p in problems.told()
    ]
    return errors.Invalid(f"{told[0]['place']}: {told[0]['reason']}", problems=told, more=problems.more)
