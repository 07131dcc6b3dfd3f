"""The Athens trucks (concrete deliveries, 273 truck-days of 2002, a fix every 30 s) as a trial of arrivals.

Fences are discs on the clusters of stays. The true visits are found offline, with hindsight: the truck stood for 120 s
or more within 60 m, in the median inside the disc; those less than ten minutes apart are one. So it is agreement with a
plain definition that is measured, not with an independent truth. The archive tells no speed and no accuracy.
"""

from __future__ import annotations

import dataclasses
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyproj

from benchmarks import clusters
from fleettrack.domain import errors, fix
from fleettrack.geofence import earth, shapes, track
from fleettrack.geofence.evaluation import detectors, scoring, trial
from fleettrack.geofence.index import FenceIndex

DISC_M = 200.0
HALT_S, HALT_RADIUS_M = 120.0, 60.0  # a visit
STAY_S, STAY_RADIUS_M = 300.0, 150.0  # what discs are laid round
CLUSTER_M, CLUSTER_STAYS = 150.0, 8  # so many stays within reach make a core
MERGE_S = 600.0
CREEPING_S = 240.0  # so long inside without standing is neither a visit nor none
NAME = re.compile(r"(\d+) s(\d+) cT\.r2$")
GREEK_GRID = "EPSG:2100"


@dataclasses.dataclass(frozen=True, slots=True)
class Truck:
    """One truck's day: seconds, and metres east and north in the Greek grid."""

    time: earth.Floats
    metres: earth.Floats  # (n, 2)


def read(path: Path) -> list[Truck]:
    """Return the truck-days of an archive, or of a folder that holds it.

    Raises:
        NotFound: there are none.
    """
    archives = sorted(path.glob("*.zip")) if path.is_dir() else [path]
    days: dict[str, Truck] = {}
    for archive in archives:
        if not zipfile.is_zipfile(archive):
            raise errors.NotFound(f"{archive} is no ZIP archive")
        with zipfile.ZipFile(archive) as inside:
            for name in inside.namelist():
                if found := NAME.search(name):
                    lines = inside.read(name).decode().replace(",", " ").split("\n")
                    rows = np.array([line.split() for line in lines if line.strip()], dtype=np.float64)
                    days[found[2]] = Truck(rows[:, 0], rows[:, [2, 1]])
    if not days:
        raise errors.NotFound(f"no tracks of the Athens trucks in {path}")
    return [days[key] for key in sorted(days)]


def prepare(trucks: list[Truck]) -> tuple[trial.Trial, dict[trial.Pair, list[trial.Span]]]:
    """Return the trial with its true visits, and per pair how long the truck was inside without a break."""
    centres = _discs(trucks)
    grid = pyproj.Transformer.from_crs(GREEK_GRID, "EPSG:4326", always_xy=True)
    lon, lat = grid.transform(*centres.T)
    fences = [
        shapes.Fence(id=i, fence_id=i, place_id=i, shape=shapes.Circle(lat=y, lon=x, radius_m=DISC_M), valid_from_ms=0)
        for i, (x, y) in enumerate(zip(lon.tolist(), lat.tolist(), strict=True))
    ]
    tracks = [_track(number, truck, grid) for number, truck in enumerate(trucks)]
    columns = (
        np.concatenate([getattr(one, field.name) for one in tracks]) for field in dataclasses.fields(track.Track)
    )
    truth: dict[trial.Pair, list[trial.Span]] = {}
    inside: dict[trial.Pair, list[trial.Span]] = {}
    for number, truck in enumerate(trucks):
        halts = _stays(truck, HALT_RADIUS_M, HALT_S)
        middles = _middles(truck, halts)
        for place, centre in enumerate(centres):
            within = np.hypot(*(truck.metres - centre).T) <= DISC_M
            if within.any():
                truth[number, place] = list(_visits(truck, within, halts[np.hypot(*(middles - centre).T) <= DISC_M]))
                inside[number, place] = [(float(truck.time[a]), float(truck.time[b])) for a, b in _runs(within)]
    return trial.Trial(track.Track(*columns), FenceIndex(fences), truth), inside


def evaluate(path: Path) -> dict[str, Any]:
    """Return the figures of ours, and beside them of ours with creeping stays counted neutral and of the usual ones."""
    real, inside = prepare(read(path))
    told = detectors.ours(real)
    creeping = {pair: [run for run in runs if run[1] - run[0] >= CREEPING_S] for pair, runs in inside.items()}
    dwelt = detectors.each_pair(real, lambda time, within: detectors.plain_dwell(time, within, HALT_S))
    ours = scoring.pooled(told, real.truth)
    return {
        **ours.figures(),
        "arrivals": ours.visits,
        "creeping_neutral": scoring.pooled(told, real.truth, creeping).figures(),
        "naive": scoring.pooled(detectors.each_pair(real, detectors.naive), real.truth).figures(),
        "plain_dwell": scoring.pooled(dwelt, real.truth).figures(),
    }


def _track(number: int, truck: Truck, grid: pyproj.Transformer) -> track.Track:
    lon, lat = grid.transform(*truck.metres.T)
    none = np.full(len(lon), track.NONE)
    zero = np.zeros(len(lon))
    return track.Track.of(
        zero + number, truck.time * 1000, np.rint(lat * fix.E7), np.rint(lon * fix.E7), none, none, none, zero
    )


def _stays(truck: Truck, radius_m: float, least_s: float) -> earth.Ints:
    """Return first and last index (n, 2) of the runs of fixes within a radius of their first one that last so long."""
    found: list[tuple[int, int]] = []
    i, count = 0, len(truck.time)
    while i < count - 1:
        away = np.hypot(*(truck.metres[i:] - truck.metres[i]).T) > radius_m
        j = i + int(away.argmax()) - 1 if away.any() else count - 1
        if truck.time[j] - truck.time[i] >= least_s:
            found.append((i, j))
            i = j
        i += 1
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def _middles(truck: Truck, runs: earth.Ints) -> earth.Floats:
    """Return the (n, 2) medians of runs of fixes."""
    return np.array([np.median(truck.metres[i : j + 1], axis=0) for i, j in runs.tolist()]).reshape(-1, 2)


def _discs(trucks: list[Truck]) -> earth.Floats:
    """Return the middles of the clusters of stays."""
    points = np.concatenate([_middles(truck, _stays(truck, STAY_RADIUS_M, STAY_S)) for truck in trucks])
    return clusters.centres(points, clusters.dbscan(points, CLUSTER_M, CLUSTER_STAYS))


def _visits(truck: Truck, within: earth.Bools, halts: earth.Ints) -> Iterator[trial.Span]:
    """Yield each halt, widened to the whole run inside; close ones are one visit."""
    known: trial.Span | None = None
    for i, j in halts.tolist():
        while i > 0 and within[i - 1]:
            i -= 1
        while j + 1 < len(within) and within[j + 1]:
            j += 1
        start, end = float(truck.time[i]), float(truck.time[j])
        if known is not None and start - known[1] < MERGE_S:
            known = (known[0], max(end, known[1]))
            continue
        if known is not None:
            yield known
        known = (start, end)
    if known is not None:
        yield known


def _runs(within: earth.Bools) -> list[tuple[int, int]]:
    """Return the first and last index of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], within, [False]))))
    return [(int(a), int(b) - 1) for a, b in edges.reshape(-1, 2)]
