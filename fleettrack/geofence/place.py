"""One believed fix against all the places it concerns: which fence judges it, what it says, what that moves."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fleettrack.geofence import clock, earth
from fleettrack.geofence import machine as machines
from fleettrack.geofence.index import FenceIndex
from fleettrack.geofence.machine import Ground, Sight
from fleettrack.geofence.state import Good, Machine, Phase
from fleettrack.geofence.visit import Visit

Near = tuple[int, float]
"""Number of a fence in the index, and the signed distance from it in metres."""

Usual = Callable[[], float]
"""The tracker's usual interval in ms; asked for seldom."""


def observe(
    at: dict[int, Machine], fix: Good, before: Good | None, usual_ms: Usual, near: Iterable[Near], index: FenceIndex
) -> list[Visit]:
    """Take a believed fix; return the visits it changed. `at` holds the tracker's machines by place and is changed.

    `near` may leave out fences further off than the index's margin: to those any fix is FAR.
    """
    by_place: dict[int, list[Near]] = {}
    for number, distance in near:
        by_place.setdefault(index.fences[number].place_id, []).append((number, distance))
    told: list[Visit] = []
    for place_id, machine in list(at.items()):
        assert before is not None
        told += clock.advance(machine, before, usual_ms, fix.time_ms, index)
        if machine.phase is not Phase.GONE:
            told += _seen(machine, fix, before, usual_ms, by_place.get(place_id, []), index)
        if machine.visit is None:
            del at[place_id]
    for place_id, fences in by_place.items():
        departed = at.get(place_id)
        if departed is None or departed.phase is Phase.GONE:
            told += _enter(at, place_id, departed, fix, before, usual_ms, fences, index)
    for place_id, machine in list(at.items()):
        if machine.phase in (Phase.LEAVING, Phase.GONE) and machine.still:
            machine.still = _still(machine, fix, by_place.get(place_id, []), index)
        if machine.phase is Phase.GONE and _forgotten(machine, fix, index):
            del at[place_id]
    return told


def _ground(number: int, index: FenceIndex) -> Ground:
    return Ground(index.fences[number].id, index.terms[number], index.wide[number], index.arrives[number])


def _judging(fences: Iterable[Near], index: FenceIndex) -> Near:
    """Return the fence that a fix is judged by: the nearest, but inside of one to arrive at before a corridor's."""
    return min(fences, key=lambda f: (f[1] > 0, f[1] <= 0 and not index.arrives[f[0]], f[1], index.fences[f[0]].id))


def _enter(
    at: dict[int, Machine],
    place_id: int,
    departed: Machine | None,
    fix: Good,
    before: Good | None,
    usual_ms: Usual,
    fences: list[Near],
    index: FenceIndex,
) -> list[Visit]:
    """Open a machine if the fix is inside one of the place's fences in force."""
    holding = [f for f in fences if f[1] <= 0 and index.fences[f[0]].valid(fix.time_ms)]
    if not holding:
        return []
    number, distance = _judging(holding, index)
    ground, pinned = _ground(number, index), index.in_force(place_id, fix.time_ms)
    before_m = index.nearest(pinned, before.lat_e7, before.lon_e7) if before is not None else 0.0
    where = machines.crossing(fix, distance, before, before_m, ground.terms)
    versions = tuple(sorted(index.fences[i].id for i in pinned))
    ours = before is not None and clock.is_ours(before, fix, ground.terms, usual_ms, index)
    at[place_id], told = machines.enter(place_id, fix, before, where, ground, versions, departed, unheard=ours)
    return told


def _seen(
    machine: Machine, fix: Good, before: Good, usual_ms: Usual, fences: list[Near], index: FenceIndex
) -> list[Visit]:
    """Feed a fix to an open machine."""
    sight, number = _sight(machine, fix, fences, index)
    if sight >= Sight.OUT:
        sight, number = _taken_over(machine, fix, fences, index) or (sight, number)
    ground = _ground(index.number[machine.fence], index)
    if machine.entry is not None:
        machine.entry.trust = min(machine.entry.trust, fix.trust)
    if machine.entry is not None and clock.is_ours(before, fix, ground.terms, usual_ms, index):
        machines.begin_anew(machine.entry)
    elif machine.entry is not None:
        stood = machine.last_in.spot == before.spot and before.slow(ground.terms)
        if stood or (sight is Sight.IN and fix.slow(ground.terms)):
            machines.stand(machine.entry, before, fix, ground.terms)
    told = _after_silence(machine, fix, before, usual_ms, sight, ground, index)
    if machine.phase is Phase.GONE or sight is Sight.UNSURE:
        return told
    if sight is Sight.IN:
        return told + machines.inside(machine, fix, _ground(number, index))
    return told + machines.outside(machine, fix, sight is Sight.FAR, ground)


def _sight(machine: Machine, fix: Good, fences: list[Near], index: FenceIndex) -> tuple[Sight, int]:
    """Weigh a fix by the versions the machine is pinned to."""
    pinned = [f for f in fences if index.fences[f[0]].id in machine.pinned]
    if not pinned:
        return Sight.FAR, -1
    number, distance = _judging(pinned, index)
    return machines.sight(distance, fix.accuracy_dm, index.terms[index.number[machine.fence]]), number


def _taken_over(machine: Machine, fix: Good, fences: list[Near], index: FenceIndex) -> tuple[Sight, int] | None:
    """Let newer versions judge a fix that is OUT of the old, if there are any."""
    now = tuple(sorted(index.fences[i].id for i in index.in_force(machine.place_id, fix.time_ms)))
    if now == machine.pinned:
        return None
    machines.pin(machine, now)
    return _sight(machine, fix, fences, index)


def _after_silence(
    machine: Machine, fix: Good, before: Good, usual_ms: Usual, sight: Sight, ground: Ground, index: FenceIndex
) -> list[Visit]:
    """Apply rule d to a silence that began with a moving fix inside: only now can one tell whether it stopped."""
    if machine.entry is None or machine.last_in.spot != before.spot or not ground.arrives:
        return []
    gap_ms = index.calendar.heard_ms(before.time_ms, fix.time_ms)
    if gap_ms < ground.terms.silence_s * 1000 or gap_ms < clock.silence_ms(ground.terms, usual_ms()):
        return []
    through_mps = ground.terms.stop_speed_mps if ground.wide else ground.terms.drove_on_mps
    near = earth.metres(before.spot, fix.spot) < through_mps * gap_ms / 1000
    if near or (sight is Sight.IN and not ground.wide):
        return machines.arrive(machine, "d", fix.time_ms)
    return machines.leave_unarrived(machine, fix.time_ms) if sight is Sight.UNSURE else []


def _still(machine: Machine, fix: Good, fences: list[Near], index: FenceIndex) -> bool:
    """Say whether a fix that is not inside may be nothing but a wrong position of a tracker that has not moved."""
    return fix.slow(index.terms[index.number[machine.fence]]) and _sight(machine, fix, fences, index)[0] < Sight.FAR


def _forgotten(machine: Machine, fix: Good, index: FenceIndex) -> bool:
    """Say whether coming back would be a new visit by now."""
    visit, terms = machine.visit, index.terms[index.number[machine.fence]]
    if visit is None or visit.exit_ms is None:
        return True
    return fix.time_ms - visit.exit_ms >= terms.merges_ms(machine.still)
