"""Metres on the ellipsoid, in bulk: earth-centred points, chords, and local azimuthal frames.

A frame sees each point at its true distance and azimuth from the frame's origin (azimuthal equidistant). Chords and
frames know neither pole nor antimeridian. Chord to arc uses the mean curvature at the origin; against exact geodesics
that is within a centimetre at 10 km and a few metres at 1,000 km.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import numpy.typing as npt

from fleettrack.domain import fix

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Point = tuple[float, float, float]
Bools = npt.NDArray[np.bool_]

SEMI_MAJOR_M = 6_378_137.0  # WGS 84
ECCENTRICITY_2 = 6.694_379_990_141_3e-3
SMALLEST_RADIUS_M = 6_335_439.0  # of curvature, along the meridian at the equator


def ecef(lat_e7: Ints, lon_e7: Ints) -> Floats:
    """Return the (3, n) earth-centred coordinates in metres of points on the ellipsoid."""
    return on_ground(lat_e7 / fix.E7, lon_e7 / fix.E7)


def on_ground(lat_deg: Floats, lon_deg: Floats) -> Floats:
    """Do the same for degrees."""
    lat, lon = np.radians(lat_deg), np.radians(lon_deg)
    sin_lat, cos_lat = np.sin(lat), np.cos(lat)
    normal = SEMI_MAJOR_M / np.sqrt(1 - ECCENTRICITY_2 * sin_lat * sin_lat)
    return np.stack(
        (normal * cos_lat * np.cos(lon), normal * cos_lat * np.sin(lon), normal * (1 - ECCENTRICITY_2) * sin_lat)
    )


def chord(a: Floats, b: Floats) -> Floats:
    """Return the straight distances in metres between (3, n) points: short of the arc by 1 cm at 22 km."""
    dx, dy, dz = a[0] - b[0], a[1] - b[1], a[2] - b[2]
    return np.asarray(np.sqrt(dx * dx + dy * dy + dz * dz))


def apart(a: Point, b: Point) -> float:
    """Return the chord of two points, to the last bit as `chord` does."""
    dx, dy, dz = a[0] - b[0], a[1] - b[1], a[2] - b[2]
    return math.sqrt(dx * dx + dy * dy + dz * dz)


def metres(a: tuple[int, int, int], b: tuple[int, int, int]) -> float:
    """Return the chord between two fixes given by their keys (time_ms, lat_e7, lon_e7)."""
    return apart(point(a[1], a[2]), point(b[1], b[2]))


def point(lat_e7: int, lon_e7: int) -> Point:
    """Return earth-centred coordinates of one point: for so few, columns cost ten times as much."""
    lat, lon = math.radians(lat_e7 / fix.E7), math.radians(lon_e7 / fix.E7)
    sin_lat, cos_lat = math.sin(lat), math.cos(lat)
    normal = SEMI_MAJOR_M / math.sqrt(1 - ECCENTRICITY_2 * sin_lat * sin_lat)
    return normal * cos_lat * math.cos(lon), normal * cos_lat * math.sin(lon), normal * (1 - ECCENTRICITY_2) * sin_lat


@dataclasses.dataclass(frozen=True, slots=True)
class Frames:
    """A stack of n local frames: origins (3, n), east (3, n), north (3, n), radius of curvature (n)."""

    origin: Floats
    east: Floats
    north: Floats
    radius: Floats

    @classmethod
    def at(cls, lat_deg: Floats, lon_deg: Floats) -> Frames:
        """Build a frame at each origin given in degrees."""
        lat, lon = np.radians(lat_deg), np.radians(lon_deg)
        sin_lat, cos_lat, sin_lon, cos_lon = np.sin(lat), np.cos(lat), np.sin(lon), np.cos(lon)
        east = np.stack((-sin_lon, cos_lon, np.zeros_like(lat)))
        north = np.stack((-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat))
        radius = SEMI_MAJOR_M * math.sqrt(1 - ECCENTRICITY_2) / (1 - ECCENTRICITY_2 * sin_lat * sin_lat)
        return cls(on_ground(lat_deg, lon_deg), east, north, radius)

    def project(self, points: Floats, which: Ints) -> tuple[Floats, Floats]:
        """Return east and north in metres of point i, (3, n) earth-centred, in frame which[i]."""
        delta = points - self.origin[:, which]
        east = np.sum(delta * self.east[:, which], axis=0)
        north = np.sum(delta * self.north[:, which], axis=0)
        straight = np.sqrt(np.sum(delta * delta, axis=0))
        across = np.hypot(east, north)
        radius = self.radius[which]
        arc = 2 * radius * np.arcsin(np.minimum(straight / (2 * radius), 1.0))
        scale = np.divide(arc, across, out=np.ones_like(arc), where=across > 0)
        return east * scale, north * scale

    def project_one(self, point: Point, which: int) -> tuple[float, float]:
        """Do the same for one point."""
        delta = [p - o for p, o in zip(point, self.origin[:, which].tolist(), strict=True)]
        east, north = (
            sum(d * axis for d, axis in zip(delta, axes[:, which].tolist(), strict=True))
            for axes in (self.east, self.north)
        )
        straight, across = math.hypot(*delta), math.hypot(east, north)
        radius = float(self.radius[which])
        arc = 2 * radius * math.asin(min(straight / (2 * radius), 1.0))
        scale = arc / across if across > 0 else 1.0
        return east * scale, north * scale
