"""What the passing of time decides without a new fix: silence inside (rule d), departure, the end of a place."""

from __future__ import annotations

import functools
from collections.abc import Callable

import msgspec

from fleettrack.geofence import machine as machines
from fleettrack.geofence import rules, state
from fleettrack.geofence.index import FenceIndex
from fleettrack.geofence.state import Good, Machine, Phase, TrackerState
from fleettrack.geofence.visit import FENCE_DELETED, Visit


def silence_ms(terms: rules.Rules, usual_ms: float) -> int:
    """Return how long a silence has to be to mean something."""
    return round(max(terms.silence_s * 1000, terms.silence_intervals * usual_ms))


def is_ours(before: Good, fix: Good, terms: rules.Rules, usual_ms: Callable[[], float], index: FenceIndex) -> bool:
    """Say whether an outage of ours is why a fix is missing between these two: then nobody knows what was (law L6).

    A gap as long as usual hides nothing, and one in which a silence was heard in spite of the outage is evidence.
    """
    gap_ms = fix.time_ms - before.time_ms
    heard_ms = index.calendar.heard_ms(before.time_ms, fix.time_ms)
    if heard_ms == gap_ms or gap_ms < rules.MISSING_INTERVALS * usual_ms():
        return False
    return heard_ms < silence_ms(terms, usual_ms())


def _due_ms(
    machine: Machine, last: Good, usual_ms: Callable[[], float], index: FenceIndex, until_ms: int | None = None
) -> int | None:
    """Return when this machine moves if no fix comes before; None if it does not, or not until then for sure."""
    number = index.number[machine.fence]
    terms = index.terms[number]
    if machine.out is not None:
        since = machine.out.time_ms
    elif machine.entry is not None and machine.last_in.spot == last.spot and last.slow(terms) and index.arrives[number]:
        since = last.time_ms
    else:
        return None
    if until_ms is not None and until_ms < since + terms.silence_s * 1000:
        return None
    return index.calendar.until_ms(since, silence_ms(terms, usual_ms()))


def advance(
    machine: Machine, last: Good, usual_ms: Callable[[], float], until_ms: int, index: FenceIndex
) -> list[Visit]:
    """Let a machine come from its last fix to a time until which no other came."""
    told: list[Visit] = []
    due, bare = _due_ms(machine, last, usual_ms, index, until_ms), index.bare_from(machine.place_id, last.time_ms)
    if due is not None and due <= until_ms and (bare is None or due <= bare):
        if machine.out is not None:
            told += machines.depart(machine, machine.out, machine.out, due)
        else:
            told += machines.arrive(machine, "d", due)
    if bare is not None and bare <= until_ms and machine.phase is not Phase.GONE:
        told += _end(machine, bare)
    return told


def _end(machine: Machine, at_ms: int) -> list[Visit]:
    """End the stay at a place that has no fence any more."""
    if machine.entry is not None:
        told = machines.leave_unarrived(machine, at_ms, FENCE_DELETED)
    else:
        assert machine.visit is not None
        gone = {"exit_ms": at_ms, "exit_lo_ms": machine.last_in.time_ms, "exit_hi_ms": at_ms}
        told = [msgspec.structs.replace(machine.visit, **gone, end_reason=FENCE_DELETED, last_ms=at_ms)]
    machine.phase, machine.visit = Phase.GONE, None
    return told


def due_ms(tracker: TrackerState, index: FenceIndex, after_ms: int | None = None) -> int | None:
    """Return when `settle` has next something to say (later than `after_ms`), None if a fix must come first."""
    if tracker.last is None:
        return None
    usual = functools.partial(state.usual_ms, tracker.gaps_ms)
    staying = [machine for machine in tracker.machines if machine.phase is not Phase.GONE]
    times = [_due_ms(machine, tracker.last, usual, index) for machine in staying]
    times += [index.bare_from(machine.place_id, tracker.last.time_ms) for machine in staying]
    return min((t for t in times if t is not None and (after_ms is None or t > after_ms)), default=None)


def settle(tracker: TrackerState, as_of_ms: int, index: FenceIndex) -> list[Visit]:
    """Return the visits as they stand at `as_of_ms` where the clock has changed them; the state is not changed.

    A later fix, or one that comes late but lies before `as_of_ms`, is folded onto the same state, so that the outcome
    never depends on when, or whether, anybody looked at the clock.
    """
    if tracker.last is None:
        return []
    usual = functools.partial(state.usual_ms, tracker.gaps_ms)
    told = [v for m in tracker.machines for v in advance(m.copy(), tracker.last, usual, as_of_ms, index)]
    return list({visit.key: visit for visit in told}.values())
