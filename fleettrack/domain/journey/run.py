"""The second fold: what is known of one consignment in, effective custody out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import msgspec

from fleettrack.domain import consignment, custody
from fleettrack.domain.journey import cohorts, passage, scopes, slots, sweep, world

_RECEIVED: frozenset[consignment.Outcome] = frozenset(("received", "damaged", "over", "handed_over"))


def journey(known: consignment.Known) -> custody.Journey:
    """Return entries, problems and progress of a consignment: a pure function of what is known, in any order.

    It never raises: what contradicts itself becomes a problem of kind "sequence_conflict". `ended_assignments` is
    derived like the rest; fed back as the end of those assignments it changes nothing.
    """
    seen = world.World(known)
    split = cohorts.split(seen)
    trips = []
    for cohort in split.cohorts:
        trip = sweep.sweep(cohort, seen)
        trips.append(trip)
        if trip.last is not None and trip.last in trip.done:
            seen.delivered[trip.last] = min(trip.done[trip.last], seen.delivered.get(trip.last, world.NEVER))
    return custody.Journey(
        entries=_entries(trips, scopes.Scopes(split)),
        problems=_problems(trips, seen),
        progress=tuple(_progress(trips, stop, seen) for stop in seen.route.stops.values()),
        ended_assignments=tuple(sorted(set(_ended(trips, seen)))),
    )


def _entries(trips: list[passage.Passage], say: scopes.Scopes) -> tuple[custody.Entry, ...]:
    """Join what cohorts of one item set have in common, and give it scope and key."""
    alike: defaultdict[tuple[int | None, custody.Entry], list[int]] = defaultdict(list)
    for index, trip in enumerate(trips):
        set_id = trip.cohort.item_set.id if trip.cohort.item_set else None
        for entry in trip.book.values():
            alike[set_id, entry].append(index)
    entries = [
        msgspec.structs.replace(entry, key=f"{entry.key}/{words}", scope=scope)
        for (_, entry), group in alike.items()
        for words, scope in say.of(frozenset(group))
    ]
    return tuple(sorted(entries, key=lambda e: (e.event_ms, e.key)))


def _problems(trips: list[passage.Passage], seen: world.World) -> tuple[custody.Problem, ...]:
    found: dict[str, custody.Problem] = {}
    for problem in [p for trip in trips for p in trip.problems.values()] + list(_unheard(trips, seen)):
        first = found.setdefault(problem.key, problem)
        if (problem.at_ms, problem.detail) < (first.at_ms, first.detail):
            found[problem.key] = problem
    return tuple(sorted(found.values(), key=lambda p: (p.at_ms, p.key)))


def _unheard(trips: list[passage.Passage], seen: world.World) -> Iterator[custody.Problem]:
    """Tell of each statement that found no goods to speak of."""
    heard = set[int]().union(*(trip.spoken for trip in trips))
    heard.update(fact_id for trip in trips for deed in trip.slots.deeds for fact_id in deed.outdone)
    for fact in seen.facts:
        if fact.kind in ("receipt", "handover") and fact.id not in heard:
            yield custody.Problem(
                key=f"sequence_conflict/fact:{fact.id}",
                kind="sequence_conflict",
                at_ms=world.stated_ms(fact),
                stop_seq=fact.stop_seq,
                detail=f"this {fact.kind} found no goods to speak of",
                fact_id=fact.id,
            )


def _progress(trips: list[passage.Passage], stop: consignment.Stop, seen: world.World) -> custody.Progress:
    """Join how far a stop has come: completed when all goods that begin, end or only halt there are done with it."""
    passing = [trip for trip in trips if any(s.seq == stop.seq for s in trip.stops)]
    concerned = [t for t in passing if stop.seq in (t.first, t.last)] or passing
    return custody.Progress(
        stop_seq=stop.seq,
        arrived_ms=min((t.arrived[stop.seq] for t in passing if stop.seq in t.arrived), default=None),
        departed_ms=max((t.departed[stop.seq] for t in passing if stop.seq in t.departed), default=None),
        completed=stop.seq in seen.completed or (bool(concerned) and all(stop.seq in t.done for t in concerned)),
        skipped=stop.seq in seen.skipped,
    )


def _ended(trips: list[passage.Passage], seen: world.World) -> Iterator[tuple[int, int]]:
    """Return the trackers whose goods have all been received for certain, and since when: not before it was stated."""
    goods = [trip for trip in trips if trip.cohort.item_set is not None]
    in_unit: defaultdict[int, list[passage.Passage]] = defaultdict(list)
    for trip in goods:
        for unit in trip.cohort.signature.units:
            in_unit[unit].append(trip)
    served = [(a, goods) for a in seen.on_all]
    served += [(a, in_unit[unit]) for unit, on in seen.on_unit.items() for a in on]
    for a, trips_served in served:
        ends = [_received_ms(trip) for trip in trips_served]
        if ends and None not in ends:
            at_ms = max(e for e in ends if e is not None)
            if a.from_ms < at_ms <= world.end(a.to_ms):
                yield a.tracker_id, at_ms


def _received_ms(trip: passage.Passage) -> int | None:
    deed = trip.settled
    if deed is None or deed.outbound or deed.outcome not in _RECEIVED or deed.fact.level < slots.CONFIRMS:
        return None
    return max(deed.fact.event_ms, trip.settled_ms)
