"""Where an object was seen: the trackers that spoke for it, the most specific that is not silent first (design 2)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

from fleettrack.domain import fix, units
from fleettrack.services.known import SILENT_MS
from fleettrack.services.tracing.lives import DEPARTED, Life
from fleettrack.storage import database, tracing

CONSIGNMENT, VEHICLE = 1_000, 2_000
"""Ranks; those below are levels of containment, from the inside out."""

CONFIRMED = frozenset(("received", "damaged", "over", "handed_over"))
DELIVERED = CONFIRMED | {"transferred", "short"}


class Spoke(NamedTuple):
    """A tracker that spoke for an object over [from_ms, to_ms); None is without end."""

    rank: int
    tracker_id: int
    from_ms: int
    to_ms: int | None


class Sighting(NamedTuple):
    """A fix, and the tracker if it still speaks for the object at the time asked for."""

    lat: float
    lon: float
    time_ms: int
    tracker_id: int | None


async def sighting(connection: database.Connection, life: Life, at: dt.datetime, known: dt.datetime) -> Sighting | None:
    """Return the last usable fix of the tracker that governs at a time, or else of the last that did."""
    at_ms = units.to_ms(at)
    spoke = [s for s in await _spoke(connection, life, at_ms, known) if s.from_ms <= at_ms]
    if not spoke:
        return None
    upto = at_ms + 1  # ends are excluded, the time asked for is not
    spans = [(s.tracker_id, s.from_ms, upto if s.to_ms is None else min(upto, s.to_ms)) for s in spoke]
    fixes = await tracing.last_fixes(connection, spans, known)
    if not fixes:
        return None

    def preference(i: int) -> tuple[bool, bool, int, int]:
        gone = spoke[i].to_ms is not None and (spoke[i].to_ms or 0) <= at_ms
        silent = at_ms - fixes[i][2] > SILENT_MS
        return gone, silent, -fixes[i][2] if gone or silent else spoke[i].rank, spoke[i].rank

    best = min(fixes, key=preference)
    gone = preference(best)[0]
    lat, lon, time_ms = fixes[best]
    return Sighting(lat / fix.E7, lon / fix.E7, time_ms, None if gone else spoke[best].tracker_id)


async def _spoke(connection: database.Connection, life: Life, at_ms: int, known: dt.datetime) -> list[Spoke]:
    consignments = {line.consignment_id for line in life.lines}
    rides = await tracing.rides(connection, consignments, known) if consignments else []
    watching = await tracing.watching(
        connection,
        objects={span.member for span in life.spans},
        consignments=consignments,
        vehicles={r.vehicle_id for r in rides},
        known=known,
    )
    found = []
    for w in watching:
        for rank, since, until in _spans(w, life, rides, at_ms):
            start = max(units.to_ms(w.from_at), since if since is not None else 0)
            ends = [e for e in (None if w.to_at is None else units.to_ms(w.to_at), until) if e is not None]
            if not ends or start < min(ends):
                found.append(Spoke(rank, w.tracker_id, start, min(ends, default=None)))
    return found


def _spans(
    w: tracing.Watching, life: Life, rides: list[tracing.Ride], at_ms: int
) -> Iterator[tuple[int, int | None, int | None]]:
    """Yield (rank, from ms, to ms) of what makes an assignment one to the object."""
    if w.object_id is not None:
        for span in life.spans:
            if span.member == w.object_id:
                yield span.depth, span.from_ms, span.to_ms
    elif w.consignment_id is not None:
        yield CONSIGNMENT, None, _end(life, w.consignment_id, CONFIRMED, 0)
    else:
        for ride in rides:
            if ride.vehicle_id == w.vehicle_id:
                yield from _on_board(ride, life, at_ms)


def _on_board(ride: tracing.Ride, life: Life, at_ms: int) -> Iterator[tuple[int, int | None, int | None]]:
    """Yield when the object was on a vehicle: while scanned onto it, or from a planned departure to the delivery."""
    if ride.from_at is not None:
        since = units.to_ms(ride.from_at)
        if ride.object_id is None or ride.object_id in life.up(since):
            yield VEHICLE, since, None if ride.to_at is None else units.to_ms(ride.to_at)
        return
    for w in life.in_force(at_ms):
        leaves = w.entry.kind in DEPARTED and w.consignment_id == ride.consignment_id
        stop = w.entry.stop_seq
        if leaves and stop is not None and (ride.from_seq or 0) <= stop < (ride.to_seq or 0):
            since = w.entry.event_ms
            yield VEHICLE, since, _end(life, ride.consignment_id, DELIVERED, since)


def _end(life: Life, consignment_id: int, kinds: frozenset[str], after_ms: int) -> int | None:
    """Return when the object's way with a consignment ended, seen from a time."""
    ends = [
        w.entry.event_ms + 1
        for w in life.meant
        if w.ended_at is None
        and w.consignment_id == consignment_id
        and w.entry.kind in kinds
        and w.entry.event_ms >= after_ms
    ]
    return min(ends, default=None)
