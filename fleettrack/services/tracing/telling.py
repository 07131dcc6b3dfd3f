"""Entries in words: names instead of ids, evidence by what it is called."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

from fleettrack.domain import consignment, units
from fleettrack.services.forms import traced as forms
from fleettrack.services.tracing import whereabouts
from fleettrack.storage import database, tracing

Names = Mapping[tuple[str, int | None], str]
"""By ('party' | 'place' | 'consignment' | 'object', id)."""


async def names(
    connection: database.Connection,
    written: Iterable[tracing.Written],
    *,
    places: Iterable[int | None] = (),
    consignments: Iterable[int | None] = (),
    things: Iterable[int | None] = (),
) -> Names:
    """Return what everything in these entries, and what else is asked for, is called."""
    entries = list(written)
    return await tracing.names(
        connection,
        parties=[p for w in entries for p in (w.entry.from_party, w.entry.to_party)],
        places=[*(w.entry.place_id for w in entries), *places],
        consignments=[*(w.consignment_id for w in entries), *consignments],
        objects=things,
    )


def holder(w: tracing.Written | None, names: Names) -> forms.Holder | None:
    """Tell who holds it by the entry that decides."""
    if w is None:
        return None
    return forms.Holder(
        party=names["party", w.entry.to_party], status=w.entry.status, since=units.utc(w.entry.event_ms)
    )


def position(seen: whereabouts.Sighting, at_ms: int) -> forms.Position:
    """Tell where it was seen, and how long before the time asked for."""
    return forms.Position(lat=seen.lat, lon=seen.lon, time=units.utc(seen.time_ms), age_s=(at_ms - seen.time_ms) / 1000)


def evidence(w: tracing.Written, fixes: Mapping[int, list[tuple[str, dt.datetime]]]) -> list[forms.Evidence]:
    """Return what decided an entry first, then what speaks for it too, then the fixes kept with it."""
    level = f"E{int(w.entry.level)}"
    kind = consignment.Level(w.entry.level).name.lower()
    seen = [f"{identity}@{time.isoformat(timespec='milliseconds')}" for identity, time in fixes.get(w.id, ())]
    if w.entry.fact_id is not None:
        first = f"fact:{w.entry.fact_id}"
    elif w.entry.visit_id is not None:
        first = f"visit:{w.entry.visit_id}"
    elif w.batch_id is not None:
        first = f"batch:{w.batch_id}"
    else:
        first = seen[-1] if seen else f"entry:{w.id}"  # an inferred departure: the fix that was far away
    also = [c for c in w.entry.corroborated_by if c != first and not c.startswith("tracker:")]  # the fixes name it
    return [
        forms.Evidence(level=level, kind=kind, id=first),
        *(forms.Evidence(level=level, kind="corroboration", id=c) for c in also),
        *(forms.Evidence(level="E0", kind="fix", id=name) for name in seen),
    ]


def history(
    written: Iterable[tracing.Written], names: Names, fixes: Mapping[int, list[tuple[str, dt.datetime]]]
) -> list[forms.Event]:
    """Tell entries in event order, each with how it was corrected."""
    ordered = sorted(written, key=lambda w: (w.entry.event_ms, w.recorded_at, w.id))
    return [
        forms.Event(
            kind=w.entry.kind,
            status="voided" if w.voided else w.entry.status,
            event_at=units.utc(w.entry.event_ms),
            event_from=None if w.entry.lo_ms is None else units.utc(w.entry.lo_ms),
            event_to=None if w.entry.hi_ms is None else units.utc(w.entry.hi_ms),
            recorded_at=w.recorded_at,
            ended_at=w.ended_at,
            from_party=names.get(("party", w.entry.from_party)),
            to_party=names.get(("party", w.entry.to_party)),
            place=names.get(("place", w.entry.place_id)),
            consignment=names.get(("consignment", w.consignment_id)),
            stop=w.entry.stop_seq,
            evidence=evidence(w, fixes),
        )
        for w in ordered
    ]
