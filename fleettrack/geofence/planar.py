"""A shape laid out in metres: projected once into its own frame, and boxed in degrees for the tree."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import shapely

from fleettrack.geofence import earth, shapes

STEP_DEG = 0.05  # edges are straight in longitude and latitude: in pieces this short they are straight in metres too
SEAM_M = 0.001  # parts that meet within this are one
EXTENT_MAX_M = 2_000_000.0  # beyond, one frame no longer serves a whole shape

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
    match shape:
        case shapes.Circle():
            box = (shape.lon, shape.lat, shape.lon, shape.lat)
            return Layout(shape.lat, shape.lon, None, shape.radius_m, 2 * shape.radius_m, expanded(box, shape.radius_m))
        case shapes.Corridor():
            line = unwrapped(shape.line)
            lat, lon = middle(line)
            geometry = shapely.linestrings(project(line, lat, lon))
            box = expanded(_box(line), shape.half_width_m)
            return Layout(lat, lon, geometry, shape.half_width_m, _extent(geometry) + 2 * shape.half_width_m, box)
        case shapes.Area():
            return _area(shape)


def _area(shape: shapes.Area) -> Layout:
    outlines = np.concatenate([unwrapped(polygon[0]) for polygon in shape.polygons])
    lat, lon = middle(outlines)
    geometry = shapely.union_all(list(polygons(shape, lat, lon)), grid_size=SEAM_M if len(shape.polygons) > 1 else None)
    return Layout(lat, lon, geometry, 0.0, _extent(geometry), _around([unwrapped(p[0]) for p in shape.polygons]))


def polygons(shape: shapes.Area, lat: float, lon: float) -> Iterator[Any]:
    """Yield each polygon of an area, as it is, in the frame at the given origin."""
    for outline, *holes in shape.polygons:
        yield shapely.Polygon(project(unwrapped(outline), lat, lon), [project(unwrapped(h), lat, lon) for h in holes])


def unwrapped(line: tuple[shapes.Position, ...]) -> earth.Floats:
    """Return (n, 2) degrees in short steps, each the short way round, so that longitudes may pass 180."""
    points = np.array(line, dtype=np.float64)
    points[:, 0] = np.unwrap(points[:, 0], period=360.0)
    return np.asarray(shapely.get_coordinates(shapely.segmentize(shapely.linestrings(points), STEP_DEG)))


def middle(points: earth.Floats) -> tuple[float, float]:
    """Return latitude and longitude in degrees of the mean direction of (n, 2) points in degrees."""
    lon, lat = np.radians(points[:, 0]), np.radians(points[:, 1])
    x, y, z = np.mean(np.cos(lat) * np.cos(lon)), np.mean(np.cos(lat) * np.sin(lon)), np.mean(np.sin(lat))
    return math.degrees(math.atan2(z, math.hypot(x, y))), math.degrees(math.atan2(y, x))


def project(points: earth.Floats, lat: float, lon: float) -> earth.Floats:
    """Return (n, 2) metres of (n, 2) degrees in the frame at the given origin."""
    frame = earth.Frames.at(np.array([lat]), np.array([lon]))
    xyz = earth.on_ground(points[:, 1], points[:, 0])
    return np.column_stack(frame.project(xyz, np.zeros(len(points), dtype=np.int64)))


def _extent(geometry: Any) -> float:
    """Return the longer side in metres of the smallest rectangle round a geometry, however turned."""
    corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(geometry))
    return float(np.max(np.hypot(*np.diff(corners, axis=0).T), initial=0.0))


def _around(outlines: list[earth.Floats]) -> Box:
    """Box outlines in degrees; one whose longitude does not come back to where it began goes round a pole."""
    west, south, east, north = _box(np.concatenate(outlines))
    polar = [outline for outline in outlines if abs(outline[-1, 0] - outline[0, 0]) > 180]
    if polar:
        return (-180.0, south, 180.0, 90.0) if np.mean(polar[0][:, 1]) > 0 else (-180.0, -90.0, 180.0, north)
    return west, south, east, north


def _box(points: earth.Floats) -> Box:
    (west, south), (east, north) = points.min(axis=0), points.max(axis=0)
    return float(west), float(south), float(east), float(north)


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
    return (
        [(west, south, east, north)]
        if east <= 180
        else [(west, south, 180.0, north), (-180.0, south, east - 360, north)]
    )
