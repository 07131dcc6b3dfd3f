"""All fences at once: which are near a point (one tree query), and how far off in metres."""

from __future__ import annotations

import collections
import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import shapely

from fleettrack.domain import fix
from fleettrack.geofence import calendar, earth, planar, rules, shapes


class FenceIndex:
    """Versions of fences, numbered 0… in the order given.

    Give it every version in force since the oldest event time that may still be folded, and those that open visits
    are pinned to. `previous` lends its layouts, so that an edit costs one new tree and not every projection anew.
    With them it carries the `calendar`: whatever is decided hangs on both.
    """

    def __init__(
        self,
        fences: Iterable[shapes.Fence],
        previous: FenceIndex | None = None,
        outages: calendar.Calendar = calendar.ALWAYS,
    ) -> None:
        self.calendar = outages
        self.fences = tuple(fences)
        self.number = {fence.id: i for i, fence in enumerate(self.fences)}
        self.terms = tuple(fence.terms for fence in self.fences)
        self.margin_m = max((t.far_m for t in self.terms), default=0.0) + rules.ACCURACY_MAX_M
        self._layouts = self._lay_out(previous)
        self.arrives = tuple(not isinstance(fence.shape, shapes.Corridor) for fence in self.fences)
        self.wide = tuple(a.extent_m > t.wide_m for a, t in zip(self._layouts, self.terms, strict=True))
        self._by_place: dict[int, list[int]] = collections.defaultdict(list)
        for i, fence in enumerate(self.fences):
            self._by_place[fence.place_id].append(i)
        self._endless: dict[int, list[shapes.Fence]] = collections.defaultdict(list)
        for fence in self.fences:
            if fence.valid_to_ms is None:
                self._endless[fence.place_id].append(fence)
        self._stack()

    def _lay_out(self, previous: FenceIndex | None) -> list[planar.Layout]:
        known: dict[int, planar.Layout] = {}
        for fence in self.fences if previous else ():
            i = previous.number.get(fence.id) if previous else None
            if previous and i is not None and previous.fences[i].shape == fence.shape:
                known[fence.id] = previous._layouts[i]
        new = [fence for fence in self.fences if fence.id not in known]
        known |= zip((fence.id for fence in new), planar.lay_out_all([fence.shape for fence in new]), strict=True)
        return [known[fence.id] for fence in self.fences]

    def _stack(self) -> None:
        """Turn the layouts into columns, and their widened boxes into the tree."""
        layouts = self._layouts
        self._frames = earth.Frames.at(np.array([a.lat for a in layouts]), np.array([a.lon for a in layouts]))
        self._inset = np.array([a.inset_m for a in layouts])
        self._planar = np.array([a.geometry is not None for a in layouts], dtype=bool)
        self._solids = np.array([a.geometry for a in layouts], dtype=object)
        areas = np.array([isinstance(fence.shape, shapes.Area) for fence in self.fences], dtype=bool)
        self._edges = np.where(areas, shapely.boundary(self._solids), self._solids)
        shapely.prepare(self._solids[areas])
        self._is_area = areas
        self.valid_from = np.array([fence.valid_from_ms for fence in self.fences], dtype=np.int64)
        never = np.iinfo(np.int64).max
        self.valid_to = np.array(
            [never if fence.valid_to_ms is None else fence.valid_to_ms for fence in self.fences], dtype=np.int64
        )
        boxes = [
            (box, i) for i, a in enumerate(layouts) for box in planar.pieces(planar.expanded(a.box, self.margin_m))
        ]
        self._box_fence = np.array([i for _, i in boxes], dtype=np.int64)
        corners = np.array([box for box, _ in boxes], dtype=np.float64).reshape(-1, 4)
        self._tree = shapely.STRtree(shapely.box(*corners.T))

    def pairs(self, lat_e7: earth.Ints, lon_e7: earth.Ints) -> tuple[earth.Ints, earth.Ints]:
        """Return (point, fence) numbers, by point, of every fence that may lie within `margin_m` of a point."""
        point, box = self._tree.query(shapely.points(lon_e7 / fix.E7, lat_e7 / fix.E7))
        return self._sorted(point, self._box_fence[box])

    def crossed(self, boxes: npt.NDArray[np.float64]) -> tuple[earth.Ints, earth.Ints]:
        """Return (row, fence) numbers of every fence that may touch a row's west, south, east, north box."""
        row, box = self._tree.query(shapely.box(*boxes.T))
        return self._sorted(row, self._box_fence[box])

    def _sorted(self, row: earth.Ints, fence: earth.Ints) -> tuple[earth.Ints, earth.Ints]:
        """Order by row and fence; both pieces of a box cut at the antimeridian may hold a point: once is enough."""
        code = np.unique(row * max(len(self.fences), 1) + fence)
        return np.divmod(code, max(len(self.fences), 1))

    def distances(self, points: earth.Floats, fence: earth.Ints) -> earth.Floats:
        """Return the signed distances in metres of point i, (3, n) earth-centred, from fence[i]; negative inside."""
        east, north = self._frames.project(points, fence)
        distance = np.hypot(east, north)
        shaped = np.flatnonzero(self._planar[fence])
        if len(shaped):
            which, x, y = fence[shaped], east[shaped], north[shaped]
            apart = shapely.distance(self._edges[which], shapely.points(x, y))
            inside = self._is_area[which]
            inside[inside] = shapely.intersects_xy(self._solids[which[inside]], x[inside], y[inside])
            distance[shaped] = np.where(inside, -apart, apart)
        return np.asarray(distance - self._inset[fence])

    def between(self, start: earth.Floats, end: earth.Floats, fence: earth.Ints) -> earth.Floats:
        """Return how far in metres the straight way from start[i] to end[i] stays from fence[i]; through it: ≤ 0."""
        ends = [np.column_stack(self._frames.project(points, fence)) for points in (start, end)]
        targets = np.where(self._planar, self._solids, shapely.Point(0, 0))[fence]
        return np.asarray(shapely.distance(shapely.linestrings(np.stack(ends, axis=1)), targets) - self._inset[fence])

    def nearest(self, fences: Iterable[int], lat_e7: int, lon_e7: int) -> float:
        """Return the signed distance in metres of one point from the nearest of these fences; infinite from none."""
        point = earth.point(lat_e7, lon_e7)
        return min((self._distance(point, number) for number in fences), default=math.inf)

    def _distance(self, point: earth.Point, fence: int) -> float:
        """Return what `distances` does of one point: asked for at each entry, where columns cost ten times as much."""
        east, north = self._frames.project_one(point, fence)
        distance = math.hypot(east, north)
        if self._planar[fence]:
            distance = float(shapely.distance(self._edges[fence], shapely.Point(east, north)))
            if self._is_area[fence] and shapely.intersects_xy(self._solids[fence], east, north):
                distance = -distance
        return distance - float(self._inset[fence])

    def in_force(self, place_id: int, time_ms: int) -> tuple[int, ...]:
        """Return the numbers of a place's fences at a time."""
        return tuple(i for i in self._by_place.get(place_id, ()) if self.fences[i].valid(time_ms))

    def bare_from(self, place_id: int, time_ms: int) -> int | None:
        """Return from when on, at or after a time, a place has no fence at all; None where it always has one."""
        at = time_ms
        for fence in self._endless.get(place_id, ()):  # nearly all fences: this is asked for every fix at a place
            if fence.valid_from_ms <= time_ms:
                return None
        while ends := [self.fences[i].valid_to_ms for i in self.in_force(place_id, at)]:
            known = [end for end in ends if end is not None]
            if len(known) < len(ends):
                return None
            at = max(known)
        return at
