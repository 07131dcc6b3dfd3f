"""Ours and two that are usual elsewhere, each from a trial to the arrivals of every tracker at every place."""

from __future__ import annotations

import collections
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from fleettrack.geofence import clock, earth, fold
from fleettrack.geofence.evaluation.trial import Pair, Trial
from fleettrack.geofence.visit import Visit

CLOSING_MS = 86_400_000  # after the last fix everything that a silence decides has been decided


class Arrival(NamedTuple):
    """When it happened, when the detector knew, and when the visit was over where the detector says so; seconds."""

    time_s: float
    known_s: float
    left_s: float = math.inf


Arrivals = dict[Pair, list[Arrival]]


def ours(trial: Trial) -> Arrivals:
    """Run the visit fold."""
    found: Arrivals = collections.defaultdict(list)
    for tracker, visit in _arrived(trial):
        assert visit.confirmed_ms is not None
        left_s = math.inf if visit.exit_ms is None else visit.exit_ms / 1000
        found[tracker, visit.place_id].append(Arrival(visit.enter_ms / 1000, visit.confirmed_ms / 1000, left_s))
    return found


def _arrived(trial: Trial) -> Iterator[tuple[int, Visit]]:
    result = fold.advance({}, trial.fixes, trial.index)
    closing = int(trial.fixes.time_ms.max()) + CLOSING_MS
    for tracker, state in result.states.items():
        known = {visit.key: visit for visit in result.visits.get(tracker, ())}
        known.update((visit.key, visit) for visit in clock.settle(state, closing, trial.index))
        yield from ((tracker, visit) for _, visit in sorted(known.items()) if visit.rule)


def naive(time: earth.Floats, inside: earth.Bools) -> list[Arrival]:
    """Take every fix inside after one outside for an arrival, as trackers' servers commonly do."""
    return [Arrival(t, t) for t in time[inside & ~np.append(False, inside[:-1])].tolist()]


def plain_dwell(time: earth.Floats, inside: earth.Bools, dwell_s: float = 300.0) -> list[Arrival]:
    """Take so long inside without a fix outside for an arrival, as phones' geofences with a loitering delay do."""
    found: list[Arrival] = []
    since, told = None, False
    for t, within in zip(time.tolist(), inside.tolist(), strict=True):
        if not within:
            since, told = None, False
            continue
        since = t if since is None else since
        if not told and t - since >= dwell_s:
            found.append(Arrival(since, t))
            told = True
    return found


def each_pair(trial: Trial, detector: Callable[[earth.Floats, earth.Bools], list[Arrival]]) -> Arrivals:
    """Run a detector that looks at one tracker and one place at a time."""
    return {pair: detector(time, inside) for pair, (time, inside) in presence(trial).items()}


def presence(trial: Trial) -> dict[Pair, tuple[earth.Floats, earth.Bools]]:
    """Return for each pair that ever met the tracker's times and whether it was inside any of the place's fences."""
    fixes, index = trial.fixes, trial.index
    rows = np.lexsort((fixes.time_ms, fixes.tracker_id))
    tracker, time = fixes.tracker_id[rows], fixes.time_ms[rows] / 1000
    lat, lon = fixes.lat_e7[rows], fixes.lon_e7[rows]
    point, fence = index.pairs(lat, lon)
    within = index.distances(earth.ecef(lat, lon)[:, point], fence) <= 0
    place = np.array([fence.place_id for fence in index.fences])[fence[within]]
    met = collections.defaultdict[Pair, list[int]](list)
    for row, owner, where in zip(point[within].tolist(), tracker[point[within]].tolist(), place.tolist(), strict=True):
        met[owner, where].append(row)
    found = {}
    for pair, inside in met.items():
        begin, end = np.searchsorted(tracker, (pair[0], pair[0] + 1)).tolist()
        flags = np.zeros(end - begin, dtype=np.bool_)
        flags[np.array(inside) - begin] = True
        found[pair] = (time[begin:end], flags)
    return found
