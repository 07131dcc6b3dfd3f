"""Distances from fences in metres on the ground, anywhere on it, and the index that finds the near ones."""

from __future__ import annotations

import fence_worlds
import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st

from fleettrack.domain import fix
from fleettrack.geofence import earth, shapes
from fleettrack.geofence.index import FenceIndex

EARTH = pyproj.Geod(ellps="WGS84")
SPOTS = ((47.0, 8.0), (0.0, 180.0), (-17.0, -179.999), (89.995, 33.0), (-89.9, -120.0), (66.5, 179.99))

bearings, metres = st.floats(0, 360), st.floats(0, 2500)


def fence(number: int, shape: shapes.Shape) -> shapes.Fence:
    return shapes.Fence(id=number, fence_id=number, place_id=number, shape=shape, valid_from_ms=0)


def away(lat: float, lon: float, bearing: float, distance: float) -> tuple[float, float]:
    """Latitude and longitude after so many metres along a geodesic."""
    east, north, _ = EARTH.fwd(lon, lat, bearing, distance)
    return north, east


def straight(line: list[tuple[float, float]]) -> bool:
    """Edges are straight in degrees: drawn so finely they are so on the ground too, but for 100 m round a pole."""
    return max(abs(lat) for lat, _ in line) < 89.999


def distance(shape: shapes.Shape, lat: float, lon: float) -> float:
    point = earth.ecef(np.array([fix.to_e7(lat)]), np.array([fix.to_e7(lon)]))
    return float(FenceIndex([fence(1, shape)]).distances(point, np.array([0]))[0])


@given(st.sampled_from(SPOTS), bearings, metres, st.floats(5, 2000))
def test_a_circle_is_metres_on_the_ground(spot: tuple[float, float], bearing: float, off: float, radius: float) -> None:
    circle = shapes.Circle(lat=spot[0], lon=spot[1], radius_m=radius)
    assert distance(circle, *away(*spot, bearing, off)) == pytest.approx(off - radius, abs=0.05)


@given(st.sampled_from(fence_worlds.CENTRES), st.floats(-3000, 3000), st.floats(-3000, 3000), st.integers(1, 9))
def test_one_point_is_as_far_off_as_among_many(
    centre: tuple[float, float], east_m: float, north_m: float, fences: int
) -> None:
    index = fence_worlds.index_at(centre, (0, 90, 0))
    lat_e7, lon_e7 = (fix.to_e7(degrees) for degrees in fence_worlds.offset(centre, east_m, north_m))
    points = np.repeat(earth.ecef(np.array([lat_e7]), np.array([lon_e7])), fences, axis=1)
    expected = np.min(index.distances(points, np.arange(fences)))
    assert index.nearest(range(fences), lat_e7, lon_e7) == pytest.approx(expected, abs=1e-6)
    assert index.nearest([], lat_e7, lon_e7) == float("inf")


@given(st.sampled_from(SPOTS), bearings, st.floats(1, 2400), st.floats(-2000, 2000), st.floats(5, 300))
def test_a_corridor_is_metres_on_both_sides(
    spot: tuple[float, float], bearing: float, along: float, off: float, half: float
) -> None:
    """Beside a geodesic of 2.5 km, drawn with a point every 10 m."""
    line = [away(*spot, bearing, step) for step in range(0, 2501, 10)]
    assume(straight(line))
    middle = away(*spot, bearing, along)
    ahead = EARTH.inv(middle[1], middle[0], line[-1][1], line[-1][0])[0]
    corridor = shapes.Corridor(line=tuple((lon, lat) for lat, lon in line), half_width_m=half)
    point = away(*middle, ahead + 90, off)
    assert distance(corridor, *point) == pytest.approx(abs(off) - half, abs=0.3)


@given(st.sampled_from(SPOTS), bearings, st.floats(0, 1500), st.floats(50, 1000), st.integers(3, 8))
def test_a_polygon_is_metres_inside_and_outside(
    spot: tuple[float, float], bearing: float, off: float, radius: float, corners: int
) -> None:
    """A regular polygon round the spot, drawn finely along geodesics, against the same polygon on a plane."""
    turns = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    flat = shapely.Polygon(radius * np.column_stack([np.sin(turns), np.cos(turns)])).segmentize(10)
    ring = [away(*spot, np.degrees(np.arctan2(x, y)), np.hypot(x, y)) for x, y in flat.exterior.coords]
    assume(straight(ring))
    area = shapes.Area(((tuple((lon, lat) for lat, lon in [*ring[:-1], ring[0]]),),))
    x, y = off * np.sin(np.radians(bearing)), off * np.cos(np.radians(bearing))
    point = shapely.Point(x, y)
    expected = point.distance(flat.exterior) * (-1 if flat.contains(point) else 1)
    assert distance(area, *away(*spot, bearing, off)) == pytest.approx(expected, abs=0.3)


def test_a_hole_is_outside() -> None:
    def square(half: float) -> shapes.Ring:
        return tuple((8 + half * x, 47 + half * y) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)))

    ring = shapes.Area(((square(0.01), square(0.002)),))
    assert distance(ring, 47, 8) == pytest.approx(0.002 * 76_057, rel=0.01)  # to its nearest edge, east or west
    assert distance(ring, 47.005, 8) < 0


@pytest.mark.parametrize("cut", [False, True])
def test_a_polygon_across_the_antimeridian_is_one_piece(cut: bool) -> None:
    """Drawn across it, or cut at it as RFC 7946 asks: the seam is no edge."""
    whole = ((179.9, -1.0), (-179.9, -1.0), (-179.9, 1.0), (179.9, 1.0), (179.9, -1.0))
    east = ((179.9, -1.0), (180.0, -1.0), (180.0, 1.0), (179.9, 1.0), (179.9, -1.0))
    west = ((-180.0, -1.0), (-179.9, -1.0), (-179.9, 1.0), (-180.0, 1.0), (-180.0, -1.0))
    area = shapes.Area(((east,), (west,)) if cut else ((whole,),))
    edge = EARTH.inv(180, 0, 179.9, 0)[2]
    for lon in (180.0, -180.0, 179.9999):
        assert distance(area, 0, lon) == pytest.approx(-edge, abs=15)
    assert distance(area, 0, -179.8) == pytest.approx(edge, abs=1)
    index = FenceIndex([fence(1, area)])
    lon = np.array([fix.to_e7(v) for v in (179.95, -179.95, 180.0, -180.0, 0.0, 179.0)])
    assert index.pairs(np.zeros(6, dtype=np.int64), lon)[0].tolist() == [0, 1, 2, 3]


def test_a_polygon_round_the_pole_holds_it() -> None:
    ring = tuple((float(lon), 89.0) for lon in (*range(-180, 180, 5), -180))
    area = shapes.Area(((ring,),))
    to_edge = EARTH.inv(0, 90, 0, 89)[2]
    assert distance(area, 90, 0) == pytest.approx(-to_edge, rel=0.002)
    assert distance(area, 89.5, 77) < 0 < distance(area, 88.5, 77)
    index = FenceIndex([fence(1, area)])
    assert index.pairs(np.array([fix.to_e7(89.9)] * 2), np.array([0, fix.to_e7(-130.0)]))[0].tolist() == [0, 1]


def test_five_thousand_vertices() -> None:
    turns = np.linspace(0, 2 * np.pi, 4999, endpoint=False)
    radius = 800 + 100 * np.sin(40 * turns)
    points = [away(47, 8, float(np.degrees(t)), float(r)) for t, r in zip(turns, radius, strict=True)]
    ring = tuple((lon, lat) for lat, lon in [*points, points[0]])
    index = FenceIndex([fence(1, shapes.Area(((ring,),)))])
    flat = shapely.Polygon(np.column_stack([radius * np.sin(turns), radius * np.cos(turns)]))
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-1000, 1000, (2, 500))
    spots = [away(47, 8, float(np.degrees(np.arctan2(a, b))), float(np.hypot(a, b))) for a, b in zip(x, y, strict=True)]
    lat, lon = (np.rint(np.array(values) * fix.E7).astype(np.int64) for values in zip(*spots, strict=True))
    near = index.distances(earth.ecef(lat, lon), np.zeros(500, dtype=np.int64))
    points_on_plane = shapely.points(x, y)
    sign = np.where(shapely.contains(flat, points_on_plane), -1, 1)
    assert near == pytest.approx(sign * shapely.distance(flat.exterior, points_on_plane), abs=0.2)


@pytest.fixture(scope="module")
def many() -> FenceIndex:
    """A hundred thousand fences, most of them circles, some of them at the poles and across the antimeridian."""
    rng = np.random.default_rng(7)
    lat, lon = rng.uniform(40, 60, 100_000), rng.uniform(-10, 30, 100_000)
    lat[:500], lon[:500] = rng.uniform(89.9, 90, 500), rng.uniform(-180, 180, 500)
    lon[500:1000] = (180 + rng.normal(0, 0.02, 500) + 180) % 360 - 180
    size = rng.uniform(50, 3000, 100_000)
    fences = []
    for i, (a, b, m) in enumerate(zip(lat.tolist(), lon.tolist(), size.tolist(), strict=True)):
        step = m / 111_000
        if i % 20 == 0 and a < 89:
            ring = ((b - step, a - step), (b + step, a - step), (b, a + step), (b - step, a - step))
            shape: shapes.Shape = shapes.Area(((tuple(((x + 180) % 360 - 180, y) for x, y in ring),),))
        elif i % 20 == 1 and a < 89:
            shape = shapes.Corridor(line=((b, a), ((b + step + 180) % 360 - 180, a + step)), half_width_m=30)
        else:
            shape = shapes.Circle(lat=a, lon=b, radius_m=m)
        fences.append(fence(i + 1, shape))
    return FenceIndex(fences)


def test_among_a_hundred_thousand_fences_the_index_finds_what_measuring_all_finds(many: FenceIndex) -> None:
    rng = np.random.default_rng(8)
    at = np.concatenate([rng.integers(0, 500, 4), rng.integers(500, 1000, 4), rng.integers(50, 4999, 8) * 20])
    at[-4:] += 1
    own = [many._layouts[i] for i in at.tolist()]
    lat = np.clip([fix.to_e7(a.lat) + int(rng.normal(0, 20_000)) for a in own], -90 * fix.E7, 90 * fix.E7)
    lon = np.array([fix.to_e7(a.lon) for a in own])
    point, found = many.pairs(lat, lon)
    every = np.arange(len(many.fences))
    xyz = earth.ecef(lat, lon)
    for i in range(len(at)):
        measured = many.distances(np.repeat(xyz[:, i : i + 1], len(every), axis=1), every)
        near = set(np.flatnonzero(measured <= many.margin_m).tolist())
        assert near
        assert near <= set(found[point == i].tolist())
    assert len(found) < 2_000 * len(at)


def test_an_edited_index_measures_as_a_new_one_does() -> None:
    circles = [fence(i, shapes.Circle(lat=47, lon=8 + i / 100, radius_m=100)) for i in range(1, 20)]
    edited = [*circles[:5], fence(6, shapes.Circle(lat=47, lon=8.06, radius_m=300)), *circles[7:]]
    new, after = FenceIndex(edited), FenceIndex(edited, FenceIndex(circles))
    every = np.arange(len(edited))
    xyz = np.repeat(earth.ecef(np.array([470_010_000]), np.array([80_600_000])), len(every), axis=1)
    assert after.distances(xyz, every).tolist() == new.distances(xyz, every).tolist()
    assert after.in_force(6, 1) == new.in_force(6, 1) == (5,)
