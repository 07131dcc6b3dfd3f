"""Shapes as they are handed in and stored: GeoJSON (RFC 7946), with circles and corridors in metres beside it.

{"type": "Polygon" | "MultiPolygon", "coordinates": …}
{"type": "Circle", "lat": 47.1, "lon": 8.2, "radius_m": 150}
{"type": "Corridor", "coordinates": [[lon, lat], …], "half_width_m": 30}
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import shapely
import shapely.validation

from fleettrack.domain import errors
from fleettrack.geofence import shapes

VERTICES_MAX = 5_000
RADIUS_MAX_M = 50_000.0
HALF_TURN = 180.0


def read(said: Mapping[str, Any]) -> shapes.Shape:
    """Return the shape.

    Raises:
        Invalid: with what is wrong, and where.
    """
    match said.get("type"):
        case "Polygon":
            return _area([said.get("coordinates")])
        case "MultiPolygon":
            return _area(_list(said.get("coordinates"), "coordinates"))
        case "Circle":
            lon, lat = _position([said.get("lon"), said.get("lat")], "centre")
            return shapes.Circle(lat=lat, lon=lon, radius_m=_metres(said.get("radius_m"), "radius_m"))
        case "Corridor":
            line = tuple(_position(p, "coordinates") for p in _list(said.get("coordinates"), "coordinates"))
            if len(set(line)) < 2:
                raise _wrong("a corridor needs two different points")
            return shapes.Corridor(line=line, half_width_m=_metres(said.get("half_width_m"), "half_width_m"))
        case other:
            raise _wrong(f"type is Polygon, MultiPolygon, Circle or Corridor, not {other!r}")


def write(shape: shapes.Shape) -> dict[str, Any]:
    """Return what `read` takes."""
    if isinstance(shape, shapes.Circle):
        return {"type": "Circle", "lat": shape.lat, "lon": shape.lon, "radius_m": shape.radius_m}
    if isinstance(shape, shapes.Corridor):
        return {
            "type": "Corridor",
            "coordinates": [list(p) for p in shape.line],
            "half_width_m": shape.half_width_m,
        }
    polygons = [[[list(p) for p in ring] for ring in polygon] for polygon in shape.polygons]
    if len(polygons) == 1:
        return {"type": "Polygon", "coordinates": polygons[0]}
    return {"type": "MultiPolygon", "coordinates": polygons}


def _area(polygons: Sequence[Any]) -> shapes.Area:
    found = tuple(tuple(_ring(r) for r in _list(polygon, "coordinates")) for polygon in polygons)
    if not found or not all(found):
        raise _wrong("a polygon needs an outline")
    vertices = sum(len(ring) for polygon in found for ring in polygon)
    if vertices > VERTICES_MAX:
        raise _wrong(f"{vertices} vertices are more than {VERTICES_MAX}")
    solid = shapely.MultiPolygon([(unrolled(p[0]), [unrolled(hole, p[0][0][0]) for hole in p[1:]]) for p in found])
    if not solid.is_valid:
        raise _wrong(shapely.validation.explain_validity(solid))
    return shapes.Area(polygons=found)


def unrolled(ring: shapes.Ring, near: float | None = None) -> list[shapes.Position]:
    """Return a ring whose longitudes go on past 180 degrees instead of jumping, to be drawn in the plane."""
    before = ring[0][0] if near is None else near
    out = []
    for lon, lat in ring:
        lon += 2 * HALF_TURN * round((before - lon) / (2 * HALF_TURN))
        out.append((lon, lat))
        before = lon
    return out


def _ring(said: Any) -> shapes.Ring:
    ring = tuple(_position(p, "coordinates") for p in _list(said, "coordinates"))
    if len(ring) < 4 or ring[0] != ring[-1]:
        raise _wrong("a ring has four positions or more, and its last is its first")
    return ring


def _position(said: Any, place: str) -> shapes.Position:
    if not isinstance(said, Sequence) or isinstance(said, str) or len(said) < 2:
        raise _wrong(f"{place}: a position is [longitude, latitude]")
    lon, lat = said[0], said[1]
    if not all(isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in (lon, lat)):
        raise _wrong(f"{place}: longitude and latitude are numbers")
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise _wrong(f"{place}: [{lon}, {lat}] is not on the earth; longitude comes first")
    return float(lon), float(lat)


def _metres(said: Any, place: str) -> float:
    if not isinstance(said, int | float) or isinstance(said, bool) or not 0 < said <= RADIUS_MAX_M:
        raise _wrong(f"{place} is more than 0 and at most {RADIUS_MAX_M:.0f} metres")
    return float(said)


def _list(said: Any, place: str) -> Sequence[Any]:
    if not isinstance(said, Sequence) or isinstance(said, str):
        raise _wrong(f"{place} is a list")
    return said


def _wrong(reason: str) -> errors.Invalid:
    return errors.Invalid(f"the shape cannot be used: {reason}", problems=[{"place": "shape", "reason": reason}])
