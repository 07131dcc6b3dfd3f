"""The passage of one cohort through its plan: where it is, who holds it, and what has been written about it.

The sweep drives it forward in event time; `arrivals`, `departures` and `statements` say what each event means.
"""

from __future__ import annotations

from typing import NamedTuple

from fleettrack.domain import consignment, custody, fix
from fleettrack.domain.journey import cohorts, governing, slots, world

Level = consignment.Level
_NO_SCOPE = custody.Scope()  # given once cohorts that fared alike are joined


class Arrival(NamedTuple):
    """The last arrival of a cohort at the stop where it is."""

    seq: int
    at_ms: int
    visit: consignment.Visit
    on_goods: bool


class Standing(NamedTuple):
    """What a visiting tracker is to the cohort: whether it speaks for it, and whether it rides on the goods."""

    governs: bool
    on_goods: bool


class Interval(NamedTuple):
    """Between when and when an estimated event happened."""

    lo_ms: int
    hi_ms: int


class Passage:
    """The state of one cohort at the sweep's present moment."""

    def __init__(self, cohort: cohorts.Cohort, seen: world.World) -> None:
        item_set = cohort.item_set
        self.cohort = cohort
        self.seen = seen
        self.slots = slots.Slots(cohort, seen)
        self.watchers = governing.Watchers(cohort, seen)
        self.first: int | None = item_set.from_seq if item_set else None
        self.last: int | None = item_set.to_seq if item_set else None
        self.stops = seen.route.span(item_set.from_seq, item_set.to_seq) if item_set else []

        start = seen.route.stops.get(item_set.from_seq) if item_set else None
        self.holder = start.party_id if start else seen.plan.consignor_id if item_set else None
        self.level = Level.GEOFENCE  # of the evidence by which the holder holds
        self.before = self.holder, self.level  # the last move
        self.moved_ms: int | None = None

        self.at: int | None = self.first  # the stop where the goods are, None on the way
        self.arrival: Arrival | None = None  # at that stop; None at the first one until a tracker is seen there
        self.left: tuple[int, int] | None = None  # the stop last left, and when
        self.ride: governing.Ride | None = None
        self.done: dict[int, int] = {}  # completed stops, and since when
        self.settled: slots.Deed | None = None  # the receipt that ended the passage
        self.settled_ms = 0

        self.book: dict[str, custody.Entry] = {}  # in order, by slot
        self.problems: dict[str, custody.Problem] = {}
        self.met: dict[int, consignment.Visit] = {}  # visits of trackers on the cohort, governing or not
        self.matched: set[int] = set()  # visits taken as arrivals
        self.arrived: dict[int, int] = {}  # stop -> first arrival
        self.departed: dict[int, int] = {}  # stop -> last departure
        self.spoken: set[int] = set()  # facts that found something to say

    def move(
        self,
        slot: str,
        kind: custody.EntryKind,
        to_party: int | None,
        at_ms: int,
        *,
        seq: int | None = None,
        level: Level = Level.GEOFENCE,
        visit: consignment.Visit | None = None,
        fact: consignment.Fact | None = None,
        also: tuple[str, ...] = (),
        between: Interval | None = None,
    ) -> None:
        """Pass the goods on. Two moves of the same goods at one moment are set 1 ms apart, so that time orders them."""
        if self.moved_ms is not None and at_ms <= self.moved_ms:
            at_ms = self.moved_ms + 1
        self.write(
            slot,
            kind,
            at_ms,
            seq=seq,
            to_party=to_party,
            level=level,
            visit=visit,
            fact=fact,
            also=also,
            between=between,
        )
        self.before = self.holder, self.level
        self.holder, self.level, self.moved_ms = to_party, level, at_ms

    def write(
        self,
        slot: str,
        kind: custody.EntryKind,
        at_ms: int,
        *,
        seq: int | None = None,
        to_party: int | None = None,
        level: Level = Level.GEOFENCE,
        status: custody.Status | None = None,
        visit: consignment.Visit | None = None,
        fact: consignment.Fact | None = None,
        also: tuple[str, ...] = (),
        between: Interval | None = None,
    ) -> None:
        """Write an entry, from the present holder; it moves nothing by itself."""
        stop = self.seen.route.stops.get(seq) if seq is not None else None
        self.book[slot] = custody.Entry(
            key=slot,
            kind=kind,
            scope=_NO_SCOPE,
            event_ms=at_ms,
            lo_ms=between.lo_ms if between else None,
            hi_ms=max(between.hi_ms, at_ms) if between else None,
            status=status or slots.status(level),
            level=level,
            stop_seq=seq,
            from_party=self.holder,
            to_party=to_party,
            place_id=stop.place_id if stop else None,
            visit_id=visit.id if visit else None,
            fact_id=fact.id if fact else None,
            corroborated_by=also,
        )

    def problem(
        self,
        kind: str,
        at_ms: int,
        detail: str,
        *,
        seq: int | None = None,
        visit: consignment.Visit | None = None,
        fact: consignment.Fact | None = None,
        also: str = "",
    ) -> None:
        """Note an exception; the same one of several cohorts is told once."""
        words = [f"stop:{seq}"] if seq is not None else []
        words.append(kind)
        words += [f"visit:{visit.id}"] if visit else []
        words += [f"fact:{fact.id}"] if fact else []
        words += [also] if also else []
        key = "/".join(words)
        self.problems[key] = custody.Problem(
            key=key,
            kind=kind,
            at_ms=at_ms,
            stop_seq=seq,
            detail=detail,
            visit_id=visit.id if visit else None,
            fact_id=fact.id if fact else None,
        )

    def standing(self, visit: consignment.Visit, at_ms: int) -> Standing | None:
        """Tell what a visiting tracker is to the cohort at a time, None where it is nothing to it."""
        on = self.watchers.on(at_ms, self.ride)
        for watch in on:
            if watch.tracker_id == visit.tracker_id:
                return Standing(self.watchers.governs(visit.tracker_id, at_ms, on), watch.on_goods)
        boarding = self.boarding(visit, at_ms)
        if boarding is None or (boarding != self.at and on):
            return None
        return Standing(self.watchers.governs(visit.tracker_id, at_ms, on), False)

    def boarding(self, visit: consignment.Visit, at_ms: int) -> int | None:
        """Return the stop at which the visiting tracker's vehicle is planned to take the goods on, if it may do so now.

        That is the stop where they are, or one ahead of goods that are on their way unwatched.
        """
        for stop in self.stops:
            ahead = self.at is None and self.left is not None and stop.seq > self.left[0]
            if (stop.seq == self.at or ahead) and self.plans(visit, at_ms, stop):
                return None if self.scanned_at(stop.seq, at_ms) else stop.seq
        return None

    def plans(self, visit: consignment.Visit, at_ms: int, stop: consignment.Stop) -> bool:
        """Tell whether the visiting tracker is on the vehicle that is planned to take the goods on from a stop."""
        plan = self.seen.route
        leg = plan.leg_out(stop.seq)
        if leg is None or stop.place_id != visit.place_id or not self.changes_at(stop.seq):
            return False
        return at_ms >= plan.plan_from_ms(stop.seq) and self.drives(visit.tracker_id, leg.vehicle_id, at_ms)

    def drives(self, tracker_id: int, vehicle_id: int | None, at_ms: int) -> bool:
        """Tell whether a tracker is on a vehicle at a time."""
        return any(
            a.vehicle_id == vehicle_id and a.from_ms <= at_ms < world.end(a.to_ms)
            for a in self.seen.vehicles_of.get(tracker_id, ())
        )

    def scanned_at(self, seq: int, at_ms: int) -> bool:
        """Tell whether the goods were scanned onto something since they came to a stop: that overrides the plan."""
        since = self.arrival.at_ms if self.arrival and self.arrival.seq == seq != self.first else -world.NEVER
        return self.watchers.scanned_since(since, at_ms)

    def changes_at(self, seq: int) -> bool:
        """Tell whether the cohort passes to another leg at a stop."""
        return seq != self.last and (seq == self.first or self.seen.route.leg_starts(seq))

    def trusts(self, trust: int) -> bool:
        """Tell whether a tracker of this trust may move custody; else it only proposes (law L5)."""
        return trust > fix.Trust.NONE or self.seen.known.none_trust_may_transfer

    def closed_by_person(self, seq: int, at_ms: int) -> bool:
        """Tell whether a person had skipped or completed a stop by a time."""
        seen = self.seen
        return seen.skipped.get(seq, world.NEVER) <= at_ms or seen.completed.get(seq, world.NEVER) <= at_ms
