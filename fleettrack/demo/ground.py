"""A flat piece of ground round a town: metres east and north of its centre, and back to degrees."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

METRES_PER_DEGREE = 111_195.0  # of latitude, on the mean sphere of 6,371 km


class Point(NamedTuple):
    """Metres east (x) and north (y) of the town's centre."""

    x: float
    y: float


class Centre(NamedTuple):
    """Where on earth a piece of ground lies, in degrees WGS84. Good to 0.1 % within 6 km of it."""

    lat: float
    lon: float

    def degrees(self, point: Point) -> tuple[float, float]:
        """Return latitude and longitude of a point."""
        lon_m = METRES_PER_DEGREE * math.cos(math.radians(self.lat))
        return self.lat + point.y / METRES_PER_DEGREE, self.lon + point.x / lon_m


def towards(start: Point, bearing: float, metres: float) -> Point:
    """Return the point so far from another in a direction (radians, clockwise from north)."""
    return Point(start.x + metres * math.sin(bearing), start.y + metres * math.cos(bearing))


def between(start: Point, end: Point, share: float) -> Point:
    """Return the point at a share of the way."""
    return Point(start.x + share * (end.x - start.x), start.y + share * (end.y - start.y))


class Circle(NamedTuple):
    """A round fence."""

    centre: Point
    radius: float

    @property
    def reach(self) -> float:
        """How far it extends from its centre, in metres."""
        return self.radius

    def depth(self, point: Point) -> float:
        """Return how far inside a point is, in metres; negative outside."""
        return self.radius - math.dist(self.centre, point)

    def geojson(self, ground: Centre) -> dict[str, object]:
        """Return the shape as the API takes it."""
        lat, lon = ground.degrees(self.centre)
        return {"type": "Circle", "lat": round(lat, 7), "lon": round(lon, 7), "radius_m": self.radius}


class Polygon(NamedTuple):
    """A convex fence; its corners counter-clockwise."""

    centre: Point
    corners: tuple[Point, ...]

    @property
    def reach(self) -> float:
        """How far it extends from its centre, in metres."""
        return max(math.dist(self.centre, corner) for corner in self.corners)

    def depth(self, point: Point) -> float:
        """Return how far inside a point is, in metres; outside minus the distance to the line of the nearest edge."""
        return min(
            ((b.x - a.x) * (point.y - a.y) - (b.y - a.y) * (point.x - a.x)) / math.dist(a, b)
            for a, b in zip(self.corners, (*self.corners[1:], self.corners[0]), strict=True)
        )

    def geojson(self, ground: Centre) -> dict[str, object]:
        """Return the shape as the API takes it."""
        ring = [ground.degrees(corner) for corner in (*self.corners, self.corners[0])]
        return {"type": "Polygon", "coordinates": [[[round(lon, 7), round(lat, 7)] for lat, lon in ring]]}


Fence = Circle | Polygon


def regular(centre: Point, radius: float, corners: int, turn: float) -> Polygon:
    """Return a regular polygon whose corners lie on a circle; `turn` in radians."""
    bearings = [turn - 2 * math.pi * i / corners for i in range(corners)]
    return Polygon(centre, tuple(towards(centre, bearing, radius) for bearing in bearings))


def length(path: Sequence[Point]) -> float:
    """Return the length of a path in metres."""
    return sum(math.dist(a, b) for a, b in itertools.pairwise(path))
