"""The visit fold one fix at a time, every fence measured for every fix: what `fold.advance` has to equal.

Nothing runs on it but tests, and whoever wants to read what the fold does without its columns.
"""

from __future__ import annotations

import functools
import itertools

import numpy as np

from fleettrack.domain import fix as fixes
from fleettrack.geofence import earth, intake, place, rules, state, track
from fleettrack.geofence.index import FenceIndex
from fleettrack.geofence.state import TrackerState
from fleettrack.geofence.visit import Spot, Visit


def step(before: TrackerState, raw: intake.Raw, index: FenceIndex) -> tuple[TrackerState, list[Visit], int]:
    """Take the next fix of a tracker; return its state, the visits changed, and the flag that the fix got."""
    last = before.last
    good, flag = intake.judge(raw, last, _xyz(last.lat_e7, last.lon_e7) if last else None)
    if flag and before.doubted < rules.DOUBTED_MAX:
        after = TrackerState(raw.time_ms, last, before.doubted + 1, before.gaps_ms, before.machines)
        return after, [], flag
    every = np.arange(len(index.fences))
    point = np.repeat(np.array(raw.xyz).reshape(3, 1), len(every), axis=1)
    distances = list(zip(every.tolist(), index.distances(point, every).tolist(), strict=True))
    machines = {machine.place_id: machine.copy() for machine in before.machines}
    usual = functools.partial(state.usual_ms, before.gaps_ms)
    told = place.observe(machines, good, last, usual, distances, index)
    gaps = before.gaps_ms
    if last is not None and good.time_ms - last.time_ms <= rules.GAP_MAX_MS:
        gaps = (*gaps, good.time_ms - last.time_ms)[-rules.USUAL_GAPS :]
    open_ones = tuple(machines[place_id] for place_id in sorted(machines))
    return TrackerState(raw.time_ms, good, 0, gaps, open_ones), told, 0


def fold(
    before: TrackerState, one: track.Track, index: FenceIndex
) -> tuple[list[TrackerState], list[Visit], dict[Spot, int]]:
    """Take all fixes of one tracker; return its states, the visits as they stand at last, and the flags by fix."""
    states, flags = [before], dict[Spot, int]()
    visits: dict[tuple[int, int], Visit] = {}
    for _, group in itertools.groupby(_in_order(one), key=lambda raw: raw.time_ms):
        chosen, *others = group
        after, told, flag = step(states[-1], chosen, index)
        states.append(after)
        visits |= {visit.key: visit for visit in told}
        flags[chosen.time_ms, chosen.lat_e7, chosen.lon_e7] = flag
        for raw in others:
            flags.setdefault((raw.time_ms, raw.lat_e7, raw.lon_e7), int(fixes.Flag.CONFLICT))
    return states[1:], list(visits.values()), flags


def _in_order(one: track.Track) -> list[intake.Raw]:
    """Return the fixes that could decide, by time, and of one time the least first."""
    accuracy, flags = track.accuracy_dm(one).tolist(), track.intrinsic_flags(one).tolist()
    said = (one.lat_e7.tolist(), one.lon_e7.tolist(), one.speed_cms.tolist(), one.trust.tolist())
    columns = (one.time_ms.tolist(), flags, accuracy, *said)
    usable = sorted(row for row in zip(*columns, strict=True) if not row[1] & fixes.UNDECIDING)
    return [intake.Raw(t, lat, lon, acc, speed, trust, _xyz(lat, lon)) for t, _, acc, lat, lon, speed, trust in usable]


def _xyz(lat_e7: int, lon_e7: int) -> earth.Point:
    x, y, z = earth.ecef(np.array([lat_e7]), np.array([lon_e7]))[:, 0].tolist()
    return x, y, z
