"""Which stop a visit is an arrival at (design 6)."""

from __future__ import annotations

from fleettrack.domain import consignment
from fleettrack.domain.journey import passage


def match(trip: passage.Passage, place_id: int, at_ms: int) -> consignment.Stop | None:
    """Return the first uncompleted stop at a place; where it was a stop before, only once all between are passed."""
    for stop in trip.stops:
        if stop.place_id != place_id or stop.seq in trip.done or trip.closed_by_person(stop.seq, at_ms):
            continue
        before = trip.seen.route.earlier_at_same_place(stop)
        if before is None or all(passed(trip, s, at_ms) for s in trip.stops if before < s.seq < stop.seq):
            return stop
        return None
    return None


def passed(trip: passage.Passage, stop: consignment.Stop, at_ms: int) -> bool:
    """Tell whether a stop counts as served, or as skipped by a person, for what comes after it at an earlier place.

    A drop of other goods that travel along is served once any of them has passed hands there.
    """
    seen = trip.seen
    if stop.seq in seen.skipped or stop.seq in seen.completed:
        return True
    if seen.route.is_delivery(stop) and stop.seq != trip.last:
        return seen.delivered.get(stop.seq, at_ms + 1) <= at_ms
    return stop.seq in trip.done


def passed_over(trip: passage.Passage, stop: consignment.Stop) -> list[int]:
    """Return the stops before this one that nobody has seen the goods at, completed or skipped."""
    seen = trip.seen
    return [
        s.seq
        for s in trip.stops
        if s.seq < stop.seq
        and s.seq not in trip.arrived
        and s.seq not in trip.done
        and s.seq not in seen.skipped
        and s.seq not in seen.completed
    ]
