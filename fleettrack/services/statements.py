"""What all statements about custody share, and those that change no containment: handovers and corrections."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from fleettrack.domain import consignment as plans
from fleettrack.domain import errors
from fleettrack.services import checks, editing, planning, takeovers, tracing
from fleettrack.services.forms import facts as forms
from fleettrack.services.forms import words
from fleettrack.storage import consignments, containment, database, facts, ledger, objects, parties, rows


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Where and when a statement stands."""

    consignment: consignments.Locked
    stop: int | None
    stop_party_id: int | None
    event_at: dt.datetime
    effective_at: dt.datetime | None

    @property
    def happened_at(self) -> dt.datetime:
        """When it took effect, as far as it says so itself."""
        return self.effective_at or self.event_at


async def begin(
    edit: editing.Edit,
    consignment: str,
    stop: int | None,
    event_at: dt.datetime | None,
    effective_at: dt.datetime | None,
    now: dt.datetime,
    *,
    whenever: bool = False,
) -> Told:
    """Lock a consignment and check where a statement about it stands; `whenever` lets it be of any time.

    Raises:
        NotFound: there is no such consignment.
        Invalid: it is of the future, of before the consignment, of after its end, or of a stop that there is not.
    """
    await ledger.join_writers(edit.connection)
    locked = (await consignments.lock(edit.connection, [consignment]))[consignment]
    at = checks.past("event_at", event_at, now)
    effective = None if effective_at is None else checks.past("effective_at", effective_at, now)
    for place, when in (("event_at", at), ("effective_at", effective)):
        if when is not None and when < locked.effective_from and not whenever:
            since = locked.effective_from.isoformat()
            raise checks.refusal(place, when.isoformat(), f"this is before the consignment, which counts from {since}")
    if locked.closed_at is not None and at > locked.closed_at and not whenever:
        raise checks.refusal("event_at", at.isoformat(), f"it was closed at {locked.closed_at.isoformat()}")
    found = Told(consignment=locked, stop=None, stop_party_id=None, event_at=at, effective_at=effective)
    return await at_stop(edit, found, stop)


async def at_stop(edit: editing.Edit, told: Told, stop: int | None) -> Told:
    """Return the statement as one about a stop; Invalid where there is no such stop."""
    if stop is None:
        return told
    try:
        halt = await consignments.stop(edit.connection, told.consignment.id, stop)
    except errors.NotFound as exc:
        raise checks.refusal("stop", stop, str(exc)) from exc
    return msgspec.structs.replace(told, stop=stop, stop_party_id=halt.party_id)


async def find(
    connection: database.Connection, told: Told, names: Collection[str], carrier: str | None
) -> dict[str, int]:
    """Return the ids of the objects that a statement names; for a carrier there are only those of the consignment.

    Raises:
        NotFound: some are unknown; facts['unknown'] lists them.
        Ambiguous: a bare code fits more than one.
    """
    if not names:
        return {}
    among = None if carrier is None else await takeovers.goods(connection, told.consignment.id, told.event_at)
    return await objects.find(connection, names, among=among)


async def check_commissioned(connection: database.Connection, object_ids: Iterable[int], at: dt.datetime) -> None:
    """Refuse objects that were not there yet."""
    wanted = list(object_ids)
    younger = await objects.younger(connection, wanted, at) if wanted else []
    if younger:
        raise checks.offending("objects", younger, "it was commissioned later")


async def party(connection: database.Connection, ref: str | None) -> int | None:
    """Return the id of a party named in a statement."""
    return None if ref is None else (await parties.ids(connection, [ref]))[ref]


async def record(
    edit: editing.Edit,
    told: Told,
    *,
    kind: facts.Kind,
    level: forms.LevelName,
    actor: str,
    note: str,
    from_party: int | None = None,
    to_party: int | None = None,
    only_listed: bool = False,
    target_fact_id: int | None = None,
    objects: Mapping[plans.Outcome, Sequence[int]] | None = None,
) -> int:
    """Keep a statement, and have the consignment's journey decided again; return its id."""
    new = facts.NewFact(
        consignment_id=told.consignment.id,
        kind=kind,
        event_at=told.event_at,
        level=plans.Level[level.upper()],
        actor=actor,
        note=note,
        stop_seq=told.stop,
        effective_at=told.effective_at,
        from_party=from_party,
        to_party=to_party,
        only_listed=only_listed,
        target_fact_id=target_fact_id,
    )
    fact_id = await facts.create(edit.connection, new, objects or {}, await rows.clock(edit.connection))
    edit.touch_consignments([told.consignment.id])
    return fact_id


async def told(edit: editing.Edit, consignment: str, fact_id: int) -> facts.Fact:
    """Return a statement as recorded."""
    return checks.found(await facts.get(edit.connection, consignment, fact_id), "fact", fact_id)


async def hand_over(
    editor: planning.Planner,
    consignment: str,
    form: forms.NewHandover,
    *,
    actor: str,
    now: dt.datetime,
    carrier: str | None = None,
) -> facts.Fact:
    """Record a change of possession of listed objects, or of all that is due at a stop or under way.

    `carrier`: who states it, where that is a carrier; see `takeovers`.

    Raises:
        NotFound: there is no such consignment or party, or an object is unknown.
        Invalid: it is illegal where it stands; the offending serials are listed.
    """
    async with editor.edit() as edit:
        connection = edit.connection
        stated = await begin(edit, consignment, form.stop, form.event_at, form.effective_at, now)
        taking = None if carrier is None else await takeovers.at(connection, consignment, carrier, form.stop)
        if taking is not None:
            stated = await at_stop(edit, stated, taking.stop)
        ids = await find(connection, stated, form.objects or (), carrier)
        if form.objects is not None and not ids:
            raise checks.refusal("objects", None, "name at least one, or leave them out for all")
        await check_commissioned(connection, ids.values(), stated.happened_at)
        ways = await facts.ways(connection, stated.consignment.id, sorted(set(ids.values())), stated.event_at)
        absent = [name for name, object_id in ids.items() if not ways[object_id]]
        if absent:
            raise checks.offending("objects", absent, "it is not part of the consignment then")
        if taking is not None:
            takeovers.check_from(taking, form.from_party)
            takeovers.check_going_on(taking, ids, ways)
            taken = await facts.taken(connection, stated.consignment.id, taking.stop, ids.values(), stated.happened_at)
            await takeovers.check_givers(connection, taking, taken, stated.happened_at)
        if form.from_party is not None:
            await _check_holders(connection, ids, form.from_party, stated.happened_at)
        fact_id = await record(
            edit,
            stated,
            kind="handover",
            level=form.level,
            from_party=await party(connection, form.from_party),
            to_party=await party(connection, form.to_party),
            only_listed=bool(ids),
            objects={"handed_over": sorted(set(ids.values()))},
            actor=actor,
            note=form.note,
        )
        return await told(edit, consignment, fact_id)


async def _check_holders(
    connection: database.Connection, ids: Mapping[str, int], from_party: str, at: dt.datetime
) -> None:
    """Refuse objects that somebody else holds for certain then: nobody hands over what he has not."""
    held = await tracing.held_by(connection, ids.values(), at)
    others = {name: held[o] for name, o in ids.items() if held[o] is not None and held[o] != from_party}
    if others:
        first = next(iter(others.values()))
        raise checks.offending("objects", others, f"it is held by {first} then, not by {from_party}")


async def correct(
    editor: planning.Planner, consignment: str, form: forms.NewCorrection, *, actor: str, now: dt.datetime
) -> facts.Fact:
    """Record that a stop was skipped or completed, or that a fact was wrong.

    Raises:
        NotFound: there is no such consignment, or it has no such fact.
        Invalid: the stop or the fact is not named.
        Conflict: the fact was voided before.
    """
    voids = form.kind == "void_fact"
    if (form.stop is None) != voids or (form.fact is None) == voids:
        raise checks.refusal("stop, fact", None, "name the fact to be voided, or else the stop, and only that")
    # without a receipt the journey may wait for fixes again, also for those of a batch that does not know of it
    async with editor.plan() if voids else editor.edit() as edit:
        stated = await begin(edit, consignment, form.stop, form.event_at, None, now, whenever=voids)
        if form.fact is not None:
            await _void(edit, stated.consignment.id, form.fact)
        fact_id = await record(
            edit,
            stated,
            kind=form.kind,
            level="scan",
            target_fact_id=form.fact,
            actor=actor,
            note=form.note,
        )
        return await told(edit, consignment, fact_id)


async def _void(edit: editing.Edit, consignment_id: int, fact_id: int) -> None:
    """Check that a fact can be voided, and take back what it did to containment."""
    standing = checks.found(await facts.standing(edit.connection, consignment_id, fact_id), "fact", fact_id)
    if standing.kind == "void_fact":
        raise checks.refusal("fact", fact_id, "a voided fact stays voided: state it again")
    if standing.voided:
        raise errors.Conflict(f"fact {fact_id} was voided before", fact=fact_id)
    moved = await containment.undo(edit.connection, fact_id, await rows.clock(edit.connection))
    edit.touch_consignments(await containment.concerned(edit.connection, moved))


async def page(db: database.Database, consignment: str, *, after: int = 0, limit: int = words.PAGE) -> list[facts.Fact]:
    """Return the statements about a consignment by id; NotFound where there is none."""
    async with db.connection() as connection:
        checks.found(await consignments.get(connection, consignment), "consignment", consignment)
        return await facts.page(connection, consignment, after, checks.limit(limit))
