"""Shapes laid out in metres: each projected once into its own frame, and boxed in degrees for the tree. In bulk."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely

from fleettrack.geofence import earth, shapes

STEP_DEG = 0.05  # edges are straight in longitude and latitude: in pieces this short they are straight in metres too
SEAM_M = 0.001  # parts that meet within this are one

Box = tuple[float, float, float, float]  # west, south, east, north; east may exceed 180


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """A shape in its frame; `inset_m` is taken off the distance to `geometry` (radius, half width, or 0)."""

    lat: float
    lon: float
    geometry: Any  # shapely; None for a circle, which is its centre
    inset_m: float
    extent_m: float
    box: Box


def lay_out(shape: shapes.Shape) -> Layout:
    """Project a shape into a frame of its own."""
    return lay_out_all([shape])[0]


def lay_out_all(several: Sequence[shapes.Shape]) -> list[Layout]:
    """Project each shape into a frame of its own."""
    drawn = [shape for shape in several if not isinstance(shape, shapes.Circle)]
    layouts = iter(_drawn(drawn) if drawn else ())
    return [_circle(shape) if isinstance(shape, shapes.Circle) else next(layouts) for shape in several]


def _circle(circle: shapes.Circle) -> Layout:
    box = expanded((circle.lon, circle.lat, circle.lon, circle.lat), circle.radius_m)
    return Layout(circle.lat, circle.lon, None, circle.radius_m, 2 * circle.radius_m, box)


def _drawn(drawn: Sequence[shapes.Area | shapes.Corridor]) -> list[Layout]:
    lines = _Lines.of(drawn)
    lat, lon = lines.middles(len(drawn))
    owner = lines.shape[lines.line]
    points = earth.on_ground(lines.degrees[:, 1], lines.degrees[:, 0])
    metres = np.column_stack(earth.Frames.at(lat, lon).project(points, owner))
    geometries = _geometries(lines, metres, len(drawn))
    boxes = lines.boxes(len(drawn))
    inset = [shape.half_width_m if isinstance(shape, shapes.Corridor) else 0.0 for shape in drawn]
    columns = (lat.tolist(), lon.tolist(), geometries, inset, _extents(geometries).tolist(), boxes)
    return [
        Layout(a, b, geometry, inset_m, extent + 2 * inset_m, expanded(box, inset_m))
        for a, b, geometry, inset_m, extent, box in zip(*columns, strict=True)
    ]


@dataclasses.dataclass(frozen=True, slots=True)
class _Lines:
    """The rings and lines of many shapes: vertices with the line they are of, lines with what they are of."""

    degrees: earth.Floats  # (n, 2) longitude, unwrapped, and latitude
    line: earth.Ints  # (n)
    shape: earth.Ints  # per line
    polygon: earth.Ints  # per line, -1 in a corridor; of the lines of one polygon the first is its outline

    @classmethod
    def of(cls, drawn: Sequence[shapes.Area | shapes.Corridor]) -> _Lines:
        """Take all lines apart; cut their edges into short steps, each the short way round."""
        found: list[tuple[int, int, tuple[shapes.Position, ...]]] = []
        polygons = 0
        for i, shape in enumerate(drawn):
            if isinstance(shape, shapes.Corridor):
                found.append((i, -1, shape.line))
                continue
            for polygon in shape.polygons:
                found.extend((i, polygons, ring) for ring in polygon)
                polygons += 1
        degrees = np.array([position for *_, line in found for position in line], dtype=np.float64)
        line = np.repeat(np.arange(len(found)), [len(line) for *_, line in found])
        owner = np.array([i for i, *_ in found])
        degrees[:, 0] += _turns(degrees[:, 0], line)
        begin = degrees[np.flatnonzero(np.diff(line, prepend=-1)), 0]
        apart = begin - begin[np.searchsorted(owner, owner)]  # parts cut at the antimeridian belong side by side
        degrees[:, 0] -= 360 * np.rint(apart / 360)[line]
        steps = shapely.segmentize(shapely.linestrings(degrees, indices=line), STEP_DEG)
        degrees, line = shapely.get_coordinates(steps, return_index=True)
        return cls(degrees, line, owner, np.array([k for _, k, _ in found]))

    def middles(self, count: int) -> tuple[earth.Floats, earth.Floats]:
        """Return latitude and longitude in degrees of the mean direction of each shape's vertices."""
        lon, lat = np.radians(self.degrees).T
        owner = self.shape[self.line]
        parts = (np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat))
        x, y, z = (np.bincount(owner, weights=part, minlength=count) for part in parts)
        return np.degrees(np.arctan2(z, np.hypot(x, y))), np.degrees(np.arctan2(y, x))

    def boxes(self, count: int) -> list[Box]:
        """Box each shape; a line whose longitude does not come back to where it began goes round a pole."""
        owner = self.shape[self.line]
        low, high = np.full((count, 2), np.inf), np.full((count, 2), -np.inf)
        np.minimum.at(low, owner, self.degrees)
        np.maximum.at(high, owner, self.degrees)
        first = np.flatnonzero(np.diff(self.line, prepend=-1))
        last = np.append(first[1:], len(self.line)) - 1
        polar = (np.abs(self.degrees[last, 0] - self.degrees[first, 0]) > 180) & (self.polygon >= 0)
        low[self.shape[polar], 0], high[self.shape[polar], 0] = -180.0, 180.0
        north = self.degrees[first, 1] > 0
        high[self.shape[polar & north], 1], low[self.shape[polar & ~north], 1] = 90.0, -90.0
        return [(w, s, e, n) for (w, s), (e, n) in zip(low.tolist(), high.tolist(), strict=True)]


def _turns(lon: earth.Floats, line: earth.Ints) -> earth.Floats:
    """Return the degrees, multiples of 360, that take out the jumps of more than half a turn within each line."""
    jump = -360.0 * np.rint(np.diff(lon, prepend=lon[0]) / 360.0)
    first = np.flatnonzero(np.diff(line, prepend=-1))
    jump[first] = 0.0
    total = np.cumsum(jump)
    return np.asarray(total - total[first][line])


def _geometries(lines: _Lines, metres: earth.Floats, count: int) -> list[Any]:
    """Draw each shape in its frame; parts of one that touch, as at the antimeridian, become one."""
    in_ring = lines.polygon[lines.line] >= 0
    drawn: list[Any] = [None] * count
    of_polygon = lines.polygon[lines.polygon >= 0]
    if len(of_polygon):
        rings = shapely.linearrings(metres[in_ring], indices=_numbered(lines.line[in_ring]))
        owner = lines.shape[lines.polygon >= 0][np.flatnonzero(np.diff(of_polygon, prepend=-1))]
        parts: list[list[Any]] = [[] for _ in range(count)]
        for i, polygon in zip(owner.tolist(), shapely.polygons(rings, indices=of_polygon), strict=True):
            parts[i].append(polygon)
        drawn = [p[0] if len(p) == 1 else shapely.union_all(p, grid_size=SEAM_M) if p else None for p in parts]
    if len(of_polygon) < len(lines.polygon):
        strips = shapely.linestrings(metres[~in_ring], indices=_numbered(lines.line[~in_ring]))
        for i, strip in zip(lines.shape[lines.polygon < 0].tolist(), strips, strict=True):
            drawn[i] = strip
    return drawn


def _numbered(ascending: earth.Ints) -> earth.Ints:
    """Return the same with numbers 0, 1, 2… for the distinct values."""
    return np.asarray(np.cumsum(np.diff(ascending, prepend=ascending[0]) > 0))


def _extents(geometries: list[Any]) -> earth.Floats:
    """Return the longer sides in metres of the smallest rectangle round each geometry, however turned."""
    corners, owner = shapely.get_coordinates(shapely.oriented_envelope(np.array(geometries)), return_index=True)
    side = np.hypot(*np.diff(corners, axis=0).T)
    longest = np.zeros(len(geometries))
    same = owner[1:] == owner[:-1]
    np.maximum.at(longest, owner[1:][same], side[same])
    return longest


def expanded(box: Box, metres: float) -> Box:
    """Return a box in degrees that holds every point within so many metres of the box."""
    west, south, east, north = box
    arc = 1.001 * metres / earth.SMALLEST_RADIUS_M  # radians; a little more than enough
    south, north = south - math.degrees(arc), north + math.degrees(arc)
    nearest_pole = math.radians(max(abs(south), abs(north)))
    if nearest_pole >= math.pi / 2 - 1e-9 or math.sin(arc) >= math.cos(nearest_pole):
        return -180.0, max(south, -90.0), 180.0, min(north, 90.0)
    wider = math.degrees(math.asin(math.sin(arc) / math.cos(nearest_pole)))
    return west - wider, south, east + wider, north


def pieces(box: Box) -> list[Box]:
    """Cut a box at the antimeridian into boxes within -180…180."""
    west, south, east, north = box
    if east - west >= 360:
        return [(-180.0, south, 180.0, north)]
    shift = math.floor((west + 180) / 360) * 360
    west, east = west - shift, east - shift
    if east <= 180:
        return [(west, south, east, north)]
    return [(west, south, 180.0, north), (-180.0, south, east - 360, north)]
