"""One tracker at one place: the table of states of design 5. Each function changes the machine it is given,
and returns the visits that it tells anew (the last of equal `key` counts).
"""

from __future__ import annotations

import enum

import msgspec

from fleettrack.domain.fix import Trust
from fleettrack.geofence import earth, rules
from fleettrack.geofence.state import Entry, Good, Machine, Phase
from fleettrack.geofence.visit import Left, Spot, Visit

KEPT_FIRST = 2  # of the deciding fixes: the one before, and the first inside


class Sight(enum.IntEnum):
    """What a fix says about a place."""

    IN = 0
    UNSURE = 1
    OUT = 2
    FAR = 3


class Ground(msgspec.Struct, frozen=True):
    """The fence that a fix is judged by: the one it is deepest inside of, or nearest to."""

    version: int
    terms: rules.Rules
    wide: bool
    arrives: bool  # a corridor is never a place of arrival


def sight(distance_m: float, accuracy_dm: int, terms: rules.Rules) -> Sight:
    """Weigh a signed distance with the fix's accuracy; what is neither IN nor OUT moves nothing."""
    if distance_m <= 0:
        return Sight.IN
    beyond = distance_m - accuracy_dm / 10
    if beyond > terms.far_m:
        return Sight.FAR
    return Sight.OUT if beyond > terms.out_m else Sight.UNSURE


class Crossing(msgspec.Struct, frozen=True):
    """When a place was entered, as estimated from the fixes before and after."""

    enter_ms: int
    lo_ms: int
    unseen: bool


def crossing(fix: Good, distance_m: float, before: Good | None, before_m: float, terms: rules.Rules) -> Crossing:
    """Estimate the crossing from the last fix outside and the first inside, each with its signed distance."""
    if before is None or before_m <= 0:
        return Crossing(fix.time_ms, fix.time_ms, True)
    if fix.time_ms - before.time_ms > terms.crossing_gap_s * 1000:
        return Crossing(fix.time_ms, before.time_ms, False)
    if fix.slow(terms):
        way_s = before_m / max(before.v_cms / 100, terms.approach_mps)
        return Crossing(min(fix.time_ms, before.time_ms + round(way_s * 1000)), before.time_ms, False)
    way_s = -distance_m / max(fix.v_cms / 100, terms.inward_mps)
    return Crossing(max(before.time_ms, fix.time_ms - round(way_s * 1000)), before.time_ms, False)


def enter(
    place_id: int,
    fix: Good,
    before: Good | None,
    where: Crossing,
    ground: Ground,
    pinned: tuple[int, ...],
    departed: Machine | None,
    *,
    unheard: bool,
) -> tuple[Machine, list[Visit]]:
    """Open a machine at the first fix inside; soon after departing, on top of the departed visit and untold.

    `unheard`: it is the first fix after an outage of ours, so the time before it is no evidence.
    """
    seen = () if before is None or where.unseen else (before.spot,)
    trust = fix.trust if before is None else min(before.trust, fix.trust)
    entry = Entry(fix.time_ms, where.enter_ms, where.lo_ms, where.unseen, (*seen, fix.spot), trust)
    machine = Machine(place_id, Phase.ENTERING, pinned, ground.version, fix, None, entry)
    told: list[Visit] = []
    known = departed.visit if departed is not None else None
    if known is not None and known.exit_ms is not None:
        machine.still = departed is not None and departed.still and fix.slow(ground.terms)
        again = where.enter_ms - known.exit_ms < ground.terms.merges_ms(machine.still)
        machine.visit = known if again else None
    if machine.visit is None:
        machine.visit = _entered(machine)
        told.append(machine.visit)
    if unheard:
        begin_anew(entry)
    elif before is not None and fix.slow(ground.terms):
        stand(entry, before, fix, ground.terms)
    return machine, told + inside(machine, fix, ground)


def begin_anew(entry: Entry) -> None:
    """Let a stop show after an outage of ours: neither its length nor what nobody heard in it is evidence of one."""
    entry.slow_from, entry.origin, entry.all_slow, entry.stood_ms = None, None, False, 0


def _entered(machine: Machine) -> Visit:
    entry = machine.entry
    assert entry is not None
    return Visit(
        place_id=machine.place_id,
        first_in_ms=entry.first_ms,
        enter_ms=entry.enter_ms,
        lo_ms=entry.lo_ms,
        hi_ms=entry.first_ms,
        entry_unseen=entry.unseen,
        fence_ids=machine.pinned,
        deciding=entry.spots,
        last_ms=entry.first_ms,
    )


def inside(machine: Machine, fix: Good, ground: Ground) -> list[Visit]:
    """Take a fix inside."""
    machine.fence, machine.last_in = ground.version, fix
    entry = machine.entry
    if entry is None:
        machine.phase, machine.out, machine.still = Phase.IN, None, True
        return []
    if fix.time_ms > entry.first_ms:
        kept = entry.spots if len(entry.spots) < rules.DECIDING_MAX else _thinned(entry)
        entry.spots = (*kept, fix.spot)
    if not ground.arrives:
        entry.slow_from, entry.all_slow = None, False
        return []
    entry.origin = entry.origin or fix.spot
    if not fix.slow(ground.terms):
        entry.slow_from, entry.all_slow = None, False
    elif entry.slow_from is None:
        entry.slow_from = fix.spot
    rule = _stopped(entry, fix, ground)
    return arrive(machine, rule, fix.time_ms) if rule else []


def _thinned(entry: Entry) -> tuple[Spot, ...]:
    """Leave out the oldest fix that no rule starts from."""
    kept = {*entry.spots[:KEPT_FIRST], entry.slow_from, entry.origin}
    dropped = next(spot for spot in entry.spots if spot not in kept)
    return tuple(spot for spot in entry.spots if spot != dropped)


def _stopped(entry: Entry, fix: Good, ground: Ground) -> str | None:
    """Apply rules a, b and c."""
    halt_ms = ground.terms.halt_s * 1000
    if entry.slow_from is not None and fix.time_ms - entry.slow_from[0] >= halt_ms:
        return "a"
    if ground.wide or entry.origin is None:
        return None
    if entry.all_slow and fix.time_ms - entry.enter_ms >= halt_ms:
        return "b"
    span_ms = fix.time_ms - entry.origin[0]
    if span_ms >= 2 * halt_ms and earth.metres(entry.origin, fix.spot) < ground.terms.stop_speed_mps * span_ms / 1000:
        return "c"
    return None


def arrive(machine: Machine, rule: str, confirmed_ms: int) -> list[Visit]:
    """Make the entry an arrival, or reopen the visit that was departed from just before."""
    entry, known = machine.entry, machine.visit
    assert entry is not None
    assert known is not None
    machine.phase, machine.entry, machine.out, machine.still = Phase.IN, None, None, True
    if known.exit_ms is not None:
        machine.visit = msgspec.structs.replace(
            known,
            exit_ms=None,
            exit_lo_ms=None,
            exit_hi_ms=None,
            exit_deciding=(),
            exit_trust=0,
            left=_still_left(known, entry.trust),
            last_ms=confirmed_ms,
        )
    else:
        machine.visit = msgspec.structs.replace(
            known,
            rule=rule,
            confirmed_ms=confirmed_ms,
            deciding=entry.spots,
            trust=entry.trust,
            last_ms=confirmed_ms,
        )
    return [machine.visit]


def _still_left(known: Visit, trust: int) -> Left | None:
    """Return the proven departure that coming back does not take from custody, as it proves nothing (law L5)."""
    assert known.exit_ms is not None
    left = known.left or (known.exit_ms, known.exit_trust)
    return left if trust == Trust.NONE < left[1] else None


def outside(machine: Machine, fix: Good, far: bool, ground: Ground) -> list[Visit]:
    """Take a fix outside beyond doubt."""
    if machine.entry is not None:
        rule = _stopped_short(machine.entry, fix, ground.terms) if ground.arrives else None
        if rule is None:
            return leave_unarrived(machine, fix.time_ms)
        return arrive(machine, rule, fix.time_ms) + depart(machine, fix, fix, fix.time_ms)
    if machine.phase is Phase.IN:
        machine.phase, machine.out = Phase.LEAVING, fix
        return depart(machine, fix, fix, fix.time_ms) if far else []
    if machine.phase is Phase.LEAVING and machine.out is not None:
        return depart(machine, machine.out, fix, fix.time_ms)
    return []


def _stopped_short(entry: Entry, fix: Good, terms: rules.Rules) -> str | None:
    """Apply rule e: only slow fixes inside, and those around them further apart in time than the ways between need."""
    halt_ms = terms.halt_s * 1000
    if entry.origin is None or not entry.all_slow or fix.time_ms - entry.lo_ms < 2 * halt_ms:
        return None
    return "e" if entry.stood_ms >= halt_ms else None


def stand(entry: Entry, before: Good, fix: Good, terms: rules.Rules) -> None:
    """Count the time between two fixes, one of them slow inside, that the way between them leaves over."""
    driven_mps = max(before.v_cms, fix.v_cms) / 100
    if driven_mps < terms.driving_mps:
        driven_mps = terms.fastest_mps
    way_ms = 1000 * earth.metres(before.spot, fix.spot) / driven_mps
    since_entry_ms = fix.time_ms - max(before.time_ms, entry.enter_ms)
    entry.stood_ms += max(0, min(since_entry_ms, round(fix.time_ms - before.time_ms - way_ms)))


def depart(machine: Machine, out: Good, decided: Good, at_ms: int) -> list[Visit]:
    """End an arrived visit at its first fix outside."""
    known = machine.visit
    assert known is not None
    deciding = (machine.last_in, out, decided)
    machine.phase, machine.out = Phase.GONE, None
    machine.visit = msgspec.structs.replace(
        known,
        exit_ms=out.time_ms,
        exit_lo_ms=machine.last_in.time_ms,
        exit_hi_ms=out.time_ms,
        exit_deciding=tuple(sorted({good.spot for good in deciding})),
        exit_trust=min(good.trust for good in deciding),
        last_ms=at_ms,
    )
    return [machine.visit]


def leave_unarrived(machine: Machine, out_ms: int, reason: str | None = None) -> list[Visit]:
    """End an entry without an arrival; what had been departed from just before it stays departed."""
    entry, known = machine.entry, machine.visit
    assert entry is not None
    assert known is not None
    departed = known if known.exit_ms is not None else None
    told = msgspec.structs.replace(
        _entered(machine) if departed else known,
        exit_ms=out_ms,
        exit_lo_ms=machine.last_in.time_ms,
        exit_hi_ms=out_ms,
        deciding=entry.spots,
        passed=reason is None,
        end_reason=reason,
        last_ms=out_ms,
    )
    machine.phase, machine.visit, machine.entry = Phase.GONE, departed, None
    return [told]


def pin(machine: Machine, versions: tuple[int, ...]) -> None:
    """Let other versions of the place's fences judge from now on."""
    machine.pinned = versions
    if machine.visit is not None and machine.visit.exit_ms is None:
        both = tuple(sorted({*machine.visit.fence_ids, *versions}))
        machine.visit = msgspec.structs.replace(machine.visit, fence_ids=both)
