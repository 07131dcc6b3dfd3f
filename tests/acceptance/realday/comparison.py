"""The service's arrivals beside those of the reference detector, and why each difference is there."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import capmetro
import detector
import numpy as np
import outcomes
import routes

from fleettrack.domain import fix, units
from fleettrack.geofence import index, shapes, track, visits

TOLERANCE_S = 1.0  # of event times: those of the reference are reckoned on a plane
RADIUS_EARTH_M = 6_371_008.8
CLOSING_MS = 86_400_000  # after the last ping, when all silence has been heard

Found = Mapping[tuple[str, str], list[float]]
"""Event times in seconds by tracker and place."""


@dataclasses.dataclass
class Compared:
    """How many arrivals either finds, how many are the same, and the causes of the others."""

    reference: int = 0
    ours: int = 0
    same: int = 0
    causes: collections.Counter[tuple[str, ...]] = dataclasses.field(default_factory=collections.Counter)
    unexplained: list[str] = dataclasses.field(default_factory=list)

    @property
    def share(self) -> float:
        """Return the share of the same, of those found by whoever finds more."""
        return self.same / max(self.reference, self.ours)


def arrivals(rows: Iterable[outcomes.Row]) -> Found:
    """Return the service's arrivals from rows of visits."""
    found: collections.defaultdict[tuple[str, str], list[float]] = collections.defaultdict(list)
    for tracker, place, entered_at, _, _, _, rule, _ in rows:
        if rule is not None:
            found[tracker, place].append(units.to_ms(entered_at) / 1000)
    return found


def folded(day: capmetro.Day, ends: Sequence[routes.Place]) -> Found:
    """Return the arrivals of the service's fold over a day in one go, without the service round it."""
    circles = [shapes.Circle(lat=place.lat, lon=place.lon, radius_m=routes.RADIUS_M) for place in ends]
    fences = [
        shapes.Fence(id=i, fence_id=i, place_id=i, shape=shape, valid_from_ms=0) for i, shape in enumerate(circles)
    ]
    known = index.FenceIndex(fences)
    found: collections.defaultdict[tuple[str, str], list[float]] = collections.defaultdict(list)
    for pings in day.values():
        rows = [
            (0, p.time_ms, p.lat_e7, p.lon_e7, track.NONE if p.speed_cms is None else p.speed_cms, track.NONE, 0, 0)
            for p in pings
        ]
        for visit in visits.visits(track.Track.of(*zip(*rows, strict=True)), known, pings[-1].time_ms + CLOSING_MS):
            if visit.rule is not None:
                found[pings[0].tracker, ends[visit.place_id].ref].append(visit.enter_ms / 1000)
    return found


def compare(script: Path, day: capmetro.Day, ends: Sequence[routes.Place], found: Found) -> Compared:
    """Run the reference on every vehicle and fence that have met."""
    detect = detector.reference(script)
    told, met = Compared(), set()
    for name, seen in _tracks(day, ends):
        met.add(name)
        expected, ours = detect(seen), sorted(found.get(name, []))
        told.reference += len(expected)
        told.ours += len(ours)
        told.same += _matches(expected, ours)
        if detector.same(expected, ours, TOLERANCE_S):
            continue
        causes = detector.explain(seen, ours, TOLERANCE_S)
        if causes is None:
            told.unexplained.append(f"{name}: {expected} by the reference, {ours} by the service")
        else:
            told.causes[causes] += 1
    told.unexplained += [f"{name}: arrived without a fix inside" for name in found.keys() - met]
    return told


def _tracks(day: capmetro.Day, ends: Sequence[routes.Place]) -> Iterator[tuple[tuple[str, str], detector.Track]]:
    north = np.radians(np.mean([place.lat for place in ends]))
    for pings in day.values():
        lat, lon = (np.array([getattr(p, name) for p in pings]) / fix.E7 for name in ("lat_e7", "lon_e7"))
        seconds = np.array([p.time_ms for p in pings]) / 1000
        speed = np.array([p.speed_cms for p in pings], float) / 100
        x, y = RADIUS_EARTH_M * np.cos(north) * np.radians(lon), RADIUS_EARTH_M * np.radians(lat)
        for place in ends:
            outside = routes.metres(place.lat, place.lon, lat, lon) - routes.RADIUS_M
            if outside.min() <= 0:
                yield (pings[0].tracker, place.ref), detector.Track(seconds, outside, speed, x, y)


def _matches(a: Sequence[float], b: Sequence[float]) -> int:
    """Return how many of a have one of b at the same time, each taken once."""
    rest, count = list(b), 0
    for at in a:
        hit = next((other for other in rest if abs(other - at) <= TOLERANCE_S), None)
        if hit is not None:
            rest.remove(hit)
            count += 1
    return count
