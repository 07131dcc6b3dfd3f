"""Where is it, who holds it, how do we know; as of an event time and a knowledge time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from fleettrack.domain import units
from fleettrack.services import checks
from fleettrack.services.forms import traced as forms
from fleettrack.services.forms import words
from fleettrack.services.tracing import lives, telling, whereabouts
from fleettrack.storage import database, ledger, objects, rows, tracing


async def trace(
    db: database.Database,
    serial: str,
    *,
    at: dt.datetime | None = None,
    known_at: dt.datetime | None = None,
    now: dt.datetime,
) -> forms.Trace:
    """Answer for a serial or unit, named by its canonical form, a link of any host, or its bare code.

    A `known_at` (now) later than what is settled is answered as of then; the answer says so.

    Raises:
        NotFound: there is no such serial.
        Ambiguous: the bare code fits more than one; facts['candidates'] lists them.
    """
    when = checks.moment(at, now)
    async with db.connection() as connection:
        known = await settled(connection, known_at)
        object_id = (await objects.find(connection, [serial]))[serial]
        life = (await lives.load(connection, [object_id], known))[object_id]
        at_ms = units.to_ms(when)
        holding = life.holding(at_ms)
        seen = await whereabouts.sighting(connection, life, when, known)
        place_id = _place(life, at_ms)
        if place_id is None and seen is not None and seen.tracker_id is not None:  # on the way, but halting somewhere
            place_id = await tracing.visited(connection, seen.tracker_id, when, known)
        shown = [w for w in life.meant if w.entry.event_ms <= at_ms]
        parents = life.up(at_ms)[1:]
        going = _going(life, at_ms)
        names = await telling.names(
            connection, shown, places=[place_id], consignments=[going], things=[object_id, *parents]
        )
        fixes = await tracing.evidence(connection, [w.id for w in shown])
    return forms.Trace(
        serial=names["object", object_id],
        at=when,
        known_at=known,
        holder=telling.holder(holding, names),
        place=names.get(("place", place_id)),
        position=None if seen is None else telling.position(seen, at_ms),
        parents=[names["object", p] for p in parents],
        consignment=names.get(("consignment", going)),
        evidence=[] if holding is None else telling.evidence(holding, fixes),
        history=telling.history(shown, names, fixes),
    )


async def contents(
    db: database.Database,
    consignment_ref: str,
    *,
    within: str | None = None,
    at: dt.datetime | None = None,
    known_at: dt.datetime | None = None,
    now: dt.datetime,
    after: str | None = None,
    limit: int = words.PAGE,
) -> forms.Contents:
    """List what lies directly in a consignment, or in a unit of it, with who holds each; `after` is the last `next`.

    Raises:
        NotFound: there is no such consignment or unit.
        Invalid: the unit does not go with the consignment then.
    """
    when = checks.moment(at, now)
    size = checks.limit(limit)
    async with db.connection() as connection:
        known = await settled(connection, known_at)
        id_ = checks.found(await tracing.consignment_id(connection, consignment_ref), "consignment", consignment_ref)
        found = await _listed(connection, id_, within, when, known, after or "", size)
        ids = [r[0] for r in found]
        inside = await tracing.contains(connection, set(ids), when, known)
        held = await lives.load(connection, ids, known)
        at_ms = units.to_ms(when)
        holding = {object_id: life.holding(at_ms) for object_id, life in held.items()}
        names = await telling.names(connection, [w for w in holding.values() if w is not None])
    return forms.Contents(
        consignment=consignment_ref,
        within=within,
        at=when,
        known_at=known,
        items=[
            forms.Content(
                ref=ref,
                kind=kind,
                gtin=gtin,
                lot=lot,
                from_stop=from_stop,
                to_stop=to_stop,
                contains=inside.get(object_id, 0),
                holder=telling.holder(holding[object_id], names),
            )
            for object_id, ref, kind, gtin, lot, from_stop, to_stop in found
        ],
        next=found[-1][1] if len(found) == size else None,
    )


async def _listed(
    connection: database.Connection,
    consignment_id: int,
    within: str | None,
    at: dt.datetime,
    known: dt.datetime,
    after: str,
    limit: int,
) -> Sequence[tuple[int, str, str, str | None, str | None, int, int]]:
    if within is None:
        return [
            (r[0], r[1], r[2], r[3], r[4], r[5], r[6])
            for r in await tracing.directly(connection, consignment_id, known, after, limit)
        ]
    unit_id = (await objects.find(connection, [within]))[within]
    unit = (await lives.load(connection, [unit_id], known))[unit_id]
    around = unit.up(units.to_ms(at))
    line = next((x for x in unit.lines if x.consignment_id == consignment_id and x.object_id in around), None)
    if line is None:
        raise checks.refusal("within", within, "it does not go with this consignment then")
    found = await tracing.inside(connection, unit_id, at, known, after, limit)
    return [(r[0], r[1], r[2], r[3], r[4], line.from_seq, line.to_seq) for r in found]


async def custody(
    db: database.Database,
    consignment_ref: str,
    *,
    at: dt.datetime | None = None,
    known_at: dt.datetime | None = None,
    now: dt.datetime,
) -> forms.ConsignmentCustody:
    """Tell who holds what of a consignment, items that fared alike together, and the entries that say so."""
    when = checks.moment(at, now)
    at_ms = units.to_ms(when)
    async with db.connection() as connection:
        known = await settled(connection, known_at)
        id_ = checks.found(await tracing.consignment_id(connection, consignment_ref), "consignment", consignment_ref)
        groups = await tracing.alike(connection, id_, known)
        held = await lives.load(connection, [object_id for _, _, object_id, _ in groups], known)
        holding = {object_id: life.holding(at_ms) for object_id, life in held.items()}
        written = await tracing.entries(connection, batch_ids=(), consignment_ids={id_}, list_ids=(), known=known)
        shown = [w for w in written if w.entry.event_ms <= at_ms]
        names = await telling.names(connection, [*shown, *(w for w in holding.values() if w is not None)])
        fixes = await tracing.evidence(connection, [w.id for w in shown])
    return forms.ConsignmentCustody(
        consignment=consignment_ref,
        at=when,
        known_at=known,
        held=_held([(a, b, count, telling.holder(holding[object_id], names)) for a, b, object_id, count in groups]),
        history=telling.history(shown, names, fixes),
    )


def _held(groups: Iterable[tuple[int, int, int, forms.Holder | None]]) -> list[forms.Held]:
    """Join what is held alike: that its lines were told apart later must not show in an answer about before (L3)."""
    items: dict[tuple[int, int, forms.Holder | None], int] = {}
    for from_stop, to_stop, count, holder in groups:
        items[from_stop, to_stop, holder] = items.get((from_stop, to_stop, holder), 0) + count
    return [
        forms.Held(from_stop=from_stop, to_stop=to_stop, items=count, holder=holder)
        for (from_stop, to_stop, holder), count in items.items()
    ]


async def held_by(connection: database.Connection, object_ids: Iterable[int], at: dt.datetime) -> dict[int, str | None]:
    """Return who held each object for certain at a time, as this transaction knows it; None where that is open."""
    ids = list(object_ids)
    held = await lives.load(connection, ids, await rows.clock(connection))
    holding = {object_id: life.holding(units.to_ms(at)) for object_id, life in held.items()}
    names = await telling.names(connection, [w for w in holding.values() if w is not None])
    return {
        object_id: None if w is None or w.entry.status != "confirmed" else names["party", w.entry.to_party]
        for object_id, w in holding.items()
    }


async def settled(connection: database.Connection, known_at: dt.datetime | None) -> dt.datetime:
    """Return the knowledge time to answer as of: the one asked for, but none that is still being written.

    Asked in a statement of its own, before what is read: what was committed until then is seen by what follows.
    """
    horizon = await ledger.horizon(connection)
    return horizon if known_at is None else min(known_at.astimezone(dt.UTC), horizon)


def _place(life: lives.Life, at_ms: int) -> int | None:
    """Return where the last entry that speaks of a place says it is; None on the way, or where it was missed."""
    spoken = [w.entry for w in life.in_force(at_ms) if w.entry.place_id is not None]
    if not spoken:
        return None
    last = [e for e in spoken if e.event_ms == spoken[-1].event_ms]
    return None if any(e.kind in lives.ABSENT for e in last) else last[-1].place_id


def _going(life: lives.Life, at_ms: int) -> int | None:
    """Return the consignment that last did something with it, or else one that it is an item of."""
    acted = [w.consignment_id for w in life.in_force(at_ms) if w.consignment_id is not None]
    lined = [line.consignment_id for line in life.lines if line.object_id in life.up(at_ms)]
    return next(iter(acted[::-1] + sorted(lined, reverse=True)), None)
