"""Everything known, put in order and indexed once, for all cohorts of a consignment."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence

from fleettrack.domain import consignment
from fleettrack.domain.journey import route

NEVER = sys.maxsize
"""An end that has not come yet."""

DIVERGENCE_M = 1000.0
"""Trackers of the same goods further apart than this disagree (design 2)."""


def end(ms: int | None) -> int:
    """Return the end of an open or closed range."""
    return NEVER if ms is None else ms


class World:
    """`Known` by tracker, vehicle and stop. Built from sorted tuples, so that their order there never matters (L2)."""

    def __init__(self, known: consignment.Known) -> None:
        self.known = known
        self.plan = known.consignment
        self.route = route.Route(known.consignment)
        self.closed_ms = end(known.consignment.closed_ms)
        self.facts = live(known.facts)
        self.visits = _visits(known.visits, known.consignment.effective_from_ms)
        self.assignments = sorted(known.assignments, key=_assignment_order)
        self.on_vehicle: defaultdict[int, list[consignment.Assignment]] = defaultdict(list)
        self.on_unit: defaultdict[int, list[consignment.Assignment]] = defaultdict(list)
        self.on_all: list[consignment.Assignment] = []
        self.vehicles_of: defaultdict[int, list[consignment.Assignment]] = defaultdict(list)
        for a in self.assignments:
            if a.level == "vehicle" and a.vehicle_id is not None:
                self.on_vehicle[a.vehicle_id].append(a)
                self.vehicles_of[a.tracker_id].append(a)
            elif a.level == "unit" and a.object_id is not None:
                self.on_unit[a.object_id].append(a)
            elif a.level == "consignment":
                self.on_all.append(a)
        self._silences: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        for s in known.silences:
            self._silences[s.tracker_id].append((s.from_ms, end(s.to_ms)))
        self.far: defaultdict[int, set[int]] = defaultdict(set)  # visit -> trackers far from its place then
        for apart in known.apart:
            if apart.metres > DIVERGENCE_M:
                self.far[apart.visit_id].add(apart.tracker_id)
        self.skipped = _stated(self.facts, "skip_stop")
        self.completed = _stated(self.facts, "complete_stop")
        self.delivered: dict[int, int] = {}  # stop -> first custody move there, by the cohorts that have run

    def silent(self, tracker_id: int, at_ms: int) -> bool:
        """Tell whether a tracker said nothing usable at a time; at both ends of the gap it spoke."""
        return any(a < at_ms < b for a, b in self._silences.get(tracker_id, ()))


def _visits(visits: Iterable[consignment.Visit], since_ms: int) -> defaultdict[int, list[consignment.Visit]]:
    by_tracker: defaultdict[int, list[consignment.Visit]] = defaultdict(list)
    for v in sorted(visits, key=in_order):
        if end(v.exit_ms) > since_ms:
            by_tracker[v.tracker_id].append(v)
    return by_tracker


def in_order(visit: consignment.Visit) -> tuple[int, ...]:
    """Sort visits by time; of those that began together, not by their numbers, which tell who was heard of first."""
    return visit.enter_ms, visit.hi_ms, visit.place_id, visit.tracker_id, visit.id


def _assignment_order(a: consignment.Assignment) -> tuple[int, int, int, str, int, int]:
    return a.from_ms, a.tracker_id, end(a.to_ms), a.level, a.object_id or 0, a.vehicle_id or 0


def live(facts: Sequence[consignment.Fact]) -> list[consignment.Fact]:
    """Return the facts that stand, by id: one that is voided does not, and a voided void voids nothing."""
    standing: list[consignment.Fact] = []
    voided: set[int] = set()
    for fact in sorted(facts, key=lambda f: f.id, reverse=True):  # a void can only speak of an earlier fact
        if fact.id in voided:
            continue
        if fact.kind == "void_fact":
            if fact.target_fact_id is not None:
                voided.add(fact.target_fact_id)
        else:
            standing.append(fact)
    return standing[::-1]


def stated_ms(fact: consignment.Fact) -> int:
    """Return when a fact takes effect as far as it says so itself."""
    return fact.event_ms if fact.effective_ms is None else fact.effective_ms


def _stated(facts: Iterable[consignment.Fact], kind: consignment.FactKind) -> dict[int, int]:
    found: dict[int, int] = {}
    for fact in facts:
        if fact.kind == kind and fact.stop_seq is not None:
            found[fact.stop_seq] = min(stated_ms(fact), found.get(fact.stop_seq, NEVER))
    return found
