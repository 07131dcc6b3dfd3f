"""What the detectors are tried on: fixes and fences as the service has them, and the true visits beside."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from fleettrack.domain import fix
from fleettrack.geofence import earth, shapes, track
from fleettrack.geofence.evaluation import motion, receiver
from fleettrack.geofence.index import FenceIndex

START_MS = 1_700_000_000_000
SITES_MAX = 10  # a day

Pair = tuple[int, int]
"""(tracker_id, place_id)"""

Span = tuple[float, float]
"""Entered and left, seconds of event time."""


@dataclasses.dataclass(frozen=True, slots=True)
class Trial:
    """Many trackers among the fences of many places. The true visits of a pair are in order of time."""

    fixes: track.Track
    index: FenceIndex
    truth: dict[Pair, list[Span]]


def of_days(days: Sequence[motion.Day], pings: Sequence[receiver.Pings]) -> Trial:
    """Put each day on a ground of its own, one after the other round the world, out of each other's sight."""
    tracks, fences, truth = [], list[shapes.Fence](), dict[Pair, list[Span]]()
    for number, (day, heard) in enumerate(zip(days, pings, strict=True), start=1):
        ground = _Ground.number(number)
        tracks.append(_track(number, heard, ground))
        for i, site in enumerate(day.sites):
            place = number * SITES_MAX + i
            truth[number, place] = [
                (stay.enter_s + START_MS / 1000, stay.exit_s + START_MS / 1000) for stay in day.stays if stay.site == i
            ]
            for yard in site.yards:
                fences.append(_fence(len(fences) + 1, place, yard, site.through_road, ground))
    columns = (np.concatenate([getattr(t, f.name) for t in tracks]) for f in dataclasses.fields(track.Track))
    return Trial(track.Track(*columns), FenceIndex(fences), truth)


@dataclasses.dataclass(frozen=True, slots=True)
class _Ground:
    """A spot on the earth whose surroundings, some ten kilometres, are taken as flat."""

    lat: float
    lon: float

    @classmethod
    def number(cls, n: int) -> _Ground:
        return cls(lat=(n * 7.0) % 120 - 60, lon=(n * 1.7) % 360 - 180)

    def degrees(self, x: earth.Floats, y: earth.Floats) -> tuple[earth.Floats, earth.Floats]:
        """Return latitudes and longitudes of metres east and north."""
        lat = np.radians(self.lat)
        bend = 1 - earth.ECCENTRICITY_2 * np.sin(lat) ** 2
        across = earth.SEMI_MAJOR_M / np.sqrt(bend)
        along = across * (1 - earth.ECCENTRICITY_2) / bend
        lon = self.lon + np.degrees(x / (across * np.cos(lat)))
        return self.lat + np.degrees(y / along), (lon + 180) % 360 - 180


def _track(tracker: int, heard: receiver.Pings, ground: _Ground) -> track.Track:
    lat, lon = ground.degrees(heard.x, heard.y)
    none = np.full(len(heard.time), track.NONE)
    return track.Track.of(
        np.full(len(heard.time), tracker),
        START_MS + heard.time * 1000,
        np.rint(lat * fix.E7),
        np.rint(lon * fix.E7),
        np.rint(heard.speed * 100),
        np.rint(heard.accuracy * 10),
        none,
        np.zeros(len(heard.time)),
    )


def _fence(number: int, place: int, yard: motion.Yard, through_road: bool, ground: _Ground) -> shapes.Fence:
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)])
    lat, lon = ground.degrees(yard.x + yard.half_x * corners[:, 0], yard.y + yard.half_y * corners[:, 1])
    shape = shapes.Area(((tuple(zip(lon.tolist(), lat.tolist(), strict=True)),),))
    return shapes.Fence(
        id=number, fence_id=number, place_id=place, shape=shape, valid_from_ms=0, through_road=through_road
    )
