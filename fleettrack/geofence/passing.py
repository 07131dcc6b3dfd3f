"""Sparse pings: what a tracker may have passed or stopped at between two fixes far apart in time, for people."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np

from fleettrack.domain import fix
from fleettrack.geofence import earth, rules
from fleettrack.geofence.index import FenceIndex
from fleettrack.geofence.intake import Intake

Lanes = Callable[[int, int, int, int], float | None]
"""(tracker_id, place_id, from_ms, to_ms) -> how long the lane usually takes between these two fixes, in seconds."""


class Note(msgspec.Struct, frozen=True):
    """The straight way between two believed fixes, both outside, leads through a place."""

    tracker_id: int
    place_id: int
    from_ms: int
    to_ms: int
    suspected: bool  # it took so much longer than usual that it may have arrived there


def notes(rows: Intake, index: FenceIndex, lanes: Lanes | None) -> list[Note]:
    """Return what may have been passed in the long gaps of a batch, one note a gap and place."""
    to = np.flatnonzero(rows.believed & (rows.before >= 0))
    to = to[rows.time_ms[to] - rows.time_ms[rows.before[to]] >= rules.HIDDEN_STOP_MS]
    way = earth.chord(rows.xyz[:, to], rows.xyz[:, rows.before[to]])
    to = to[(way >= rules.SEGMENT_MIN_M) & (way <= rules.SEGMENT_MAX_M)]
    if not len(to) or not index.fences:
        return []
    segment, fence = index.crossed(_boxes(rows, rows.before[to], to))
    start, end = rows.before[to[segment]], to[segment]
    valid = (index.valid_from[fence] <= rows.time_ms[end]) & (rows.time_ms[end] < index.valid_to[fence])
    segment, fence, start, end = segment[valid], fence[valid], start[valid], end[valid]
    inside = np.minimum(index.distances(rows.xyz[:, start], fence), index.distances(rows.xyz[:, end], fence)) <= 0
    through = index.between(rows.xyz[:, start], rows.xyz[:, end], fence) <= 0
    place = np.array([index.fences[i].place_id for i in fence.tolist()], dtype=np.int64)
    been = set(zip(end[inside].tolist(), place[inside].tolist(), strict=True))
    crossed = dict.fromkeys(zip(end[through].tolist(), place[through].tolist(), strict=True))
    return [_note(rows, row, place_id, lanes, index) for row, place_id in crossed if (row, place_id) not in been]


def _note(rows: Intake, row: int, place_id: int, lanes: Lanes | None, index: FenceIndex) -> Note:
    tracker = rows.trackers[int(np.searchsorted(rows.start, row, side="right")) - 1]
    from_ms, to_ms = int(rows.time_ms[rows.before[row]]), int(rows.time_ms[row])
    usual = lanes(tracker, place_id, from_ms, to_ms) if lanes else None
    heard_ms = index.calendar.heard_ms(from_ms, to_ms)
    return Note(tracker, place_id, from_ms, to_ms, usual is not None and heard_ms >= usual * 1000 + rules.SUSPECT_MS)


def _boxes(rows: Intake, start: earth.Ints, end: earth.Ints) -> earth.Floats:
    """Return west, south, east, north of segments; one across the antimeridian is boxed the whole way round."""
    lat = np.stack((rows.lat_e7[start], rows.lat_e7[end])) / fix.E7
    lon = np.stack((rows.lon_e7[start], rows.lon_e7[end])) / fix.E7
    round_the_back = np.abs(lon[0] - lon[1]) > 180
    west = np.where(round_the_back, -180.0, lon.min(axis=0))
    east = np.where(round_the_back, 180.0, lon.max(axis=0))
    return np.column_stack((west, lat.min(axis=0), east, lat.max(axis=0)))
