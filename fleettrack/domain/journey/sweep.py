"""The second fold over one cohort: everything that happened to it, in the order of event time."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator

import msgspec

from fleettrack.domain import consignment
from fleettrack.domain.journey import arrivals, cohorts, departures, passage, slots, statements, world

_DEPARTS, _FAR, _ARRIVES, _STATED = range(4)
"""At one moment goods leave one place before they are at the next, and statements have the last word."""


_About = consignment.Visit | consignment.Beyond | slots.Deed


class _Agenda:
    """What is still to happen, the earliest first; of one moment by phase, then by what it is about."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, tuple[int, ...], int, _About]] = []
        self._numbers = itertools.count()  # so that two of the same are never compared themselves

    def add(self, at_ms: int, phase: int, order: tuple[int, ...], about: _About) -> None:
        heapq.heappush(self._heap, (at_ms, phase, order, next(self._numbers), about))

    def visit(self, at_ms: int, phase: int, visit: consignment.Visit) -> None:
        self.add(at_ms, phase, world.in_order(visit), visit)

    def __iter__(self) -> Iterator[tuple[int, int, _About]]:
        while self._heap:
            at_ms, phase, _, _, about = heapq.heappop(self._heap)
            yield at_ms, phase, about


def sweep(cohort: cohorts.Cohort, seen: world.World) -> passage.Passage:
    """Run a cohort through its plan and return its passage."""
    trip = passage.Passage(cohort, seen)
    agenda = _Agenda()
    trackers = _trackers(trip)
    for tracker_id in trackers:
        for visit in seen.visits.get(tracker_id, ()):
            for at_ms in _starts(trip, visit):
                agenda.visit(at_ms, _ARRIVES, visit)
            if visit.exit_ms is not None and not visit.cut_off:
                agenda.visit(visit.exit_ms, _DEPARTS, visit)
    for far in seen.known.beyond:
        if far.tracker_id in trackers:
            agenda.add(_far_ms(far, seen), _FAR, (far.tracker_id, far.since_ms, far.before_ms, far.time_ms), far)
    for number, deed in enumerate(trip.slots.deeds):
        agenda.add(world.stated_ms(deed.fact), _STATED, (number,), deed)
    for at_ms, phase, about in agenda:
        if isinstance(about, slots.Deed):
            statements.take_effect(trip, about, at_ms)
        elif at_ms <= seen.closed_ms:  # once a person has closed it, nothing more is taken from geofences
            _moves(trip, agenda, at_ms, phase, about)
    _corroborate(trip)
    return trip


def _moves(
    trip: passage.Passage, agenda: _Agenda, at_ms: int, phase: int, about: consignment.Visit | consignment.Beyond
) -> None:
    under_way = trip.left, trip.ride
    if isinstance(about, consignment.Beyond):
        departures.infer(trip, about, at_ms)
    elif phase == _DEPARTS:
        departures.depart(trip, about, at_ms)
    else:
        arrivals.arrive(trip, about, at_ms)
        return
    if (trip.left, trip.ride) != under_way:
        for visit in _going_on(trip, at_ms):  # the goods are now where their tracker or vehicle already is
            agenda.visit(at_ms, _ARRIVES, visit)


def _going_on(trip: passage.Passage, at_ms: int) -> Iterator[consignment.Visit]:
    """Return the visits that trackers on the cohort have begun and not ended."""
    for tracker_id in {watch.tracker_id for watch in trip.watchers.on(at_ms, trip.ride)}:
        for visit in trip.seen.visits.get(tracker_id, ()):
            if visit.enter_ms < at_ms < world.end(visit.exit_ms) and visit.id not in trip.matched:
                yield visit


def _trackers(trip: passage.Passage) -> set[int]:
    """Return every tracker that can come to speak for the cohort."""
    seen = trip.seen
    found = {watch.tracker_id for watch in trip.watchers.fixed}
    for stop in trip.stops:
        leg = seen.route.leg_out(stop.seq)
        if leg is not None and leg.vehicle_id is not None and trip.changes_at(stop.seq):
            found.update(a.tracker_id for a in seen.on_vehicle.get(leg.vehicle_id, ()))
    return found


def _starts(trip: passage.Passage, visit: consignment.Visit) -> set[int]:
    """Return when a visit may begin to count: its own start, or that of an assignment, a load or a plan meanwhile."""
    seen = trip.seen
    starts = {w.from_ms for w in trip.watchers.fixed if w.tracker_id == visit.tracker_id}
    on_vehicle = seen.vehicles_of.get(visit.tracker_id, ())
    starts.update(a.from_ms for a in on_vehicle)
    if on_vehicle:
        starts.update(seen.route.plan_from_ms(stop.seq) for stop in trip.stops if stop.place_id == visit.place_id)
    end_ms = world.end(visit.exit_ms)
    return {max(visit.enter_ms, start) for start in starts if start < end_ms}


def _far_ms(far: consignment.Beyond, seen: world.World) -> int:
    """Return when the goods were first known to be gone: at the far fix, or already where its own visit began."""
    entered = [
        v.enter_ms
        for v in seen.visits.get(far.tracker_id, ())
        if far.before_ms <= v.enter_ms <= far.time_ms and v.place_id != far.place_id
    ]
    return min(entered, default=far.time_ms)


def _corroborate(trip: passage.Passage) -> None:
    """Name beside each arrival the overlapping visits of other trackers on the same goods."""
    met = trip.met.values()
    if len(met) < 2:
        return
    for slot, entry in trip.book.items():
        if entry.kind not in ("arrived", "transferred", "proposed") or entry.visit_id not in trip.met:
            continue
        own = trip.met[entry.visit_id]
        also = [
            f"visit:{v.id}"
            for v in met
            if v.place_id == own.place_id
            and v.tracker_id != own.tracker_id
            and v.enter_ms <= world.end(own.exit_ms)
            and own.enter_ms <= world.end(v.exit_ms)
        ]
        if also:
            trip.book[slot] = msgspec.structs.replace(entry, corroborated_by=tuple(sorted(also)))
