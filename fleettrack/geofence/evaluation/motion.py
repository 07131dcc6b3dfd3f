"""A day of driving second by second, in metres east and north of the middle of the map, and what is true of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from fleettrack.geofence import earth

Point = tuple[float, float]


@dataclasses.dataclass(frozen=True, slots=True)
class Yard:
    """A fence: a rectangle round its middle."""

    x: float
    y: float
    half_x: float
    half_y: float


@dataclasses.dataclass(frozen=True, slots=True)
class Site:
    """A place of one or more yards; a public road may run through it."""

    yards: tuple[Yard, ...]
    through_road: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Stay:
    """A true visit of the site with that number: from crossing its fence inwards until crossing it outwards."""

    site: int
    enter_s: int
    exit_s: int


@dataclasses.dataclass(frozen=True, slots=True)
class Day:
    """One tracker's day: where it truly was at each second, and its true visits in order of time."""

    sites: tuple[Site, ...]
    path: earth.Floats  # (n, 2), metres
    stays: tuple[Stay, ...]


class Drive:
    """Put a day together leg by leg."""

    def __init__(self) -> None:
        self._legs: list[earth.Floats] = []
        self.seconds = 0
        self.stays: list[Stay] = []
        self._stops: list[tuple[int, int, int]] = []

    @property
    def here(self) -> Point:
        """Where the last leg ended."""
        x, y = self._legs[-1][-1].tolist()
        return x, y

    def go(self, points: Sequence[Point], speed: float) -> None:
        """Follow a line at a constant speed in m/s."""
        line = np.asarray(points, dtype=np.float64)
        along = np.append(0.0, np.cumsum(np.hypot(*np.diff(line, axis=0).T)))
        at = np.linspace(0, along[-1], max(int(along[-1] / speed), 2))
        self._add(np.column_stack([np.interp(at, along, line[:, 0]), np.interp(at, along, line[:, 1])]))

    def stand(self, point: Point, seconds: int) -> None:
        """Stand still."""
        self._add(np.repeat([point], seconds, axis=0).astype(np.float64))

    def stayed(self, site: int, enter_s: int, exit_s: int) -> None:
        """Note a true visit."""
        self.stays.append(Stay(site, enter_s, exit_s))

    def stopped(self, site: int, first_s: int, last_s: int) -> None:
        """Note a true visit by a second of its first stop and one of its last; `day` finds where it began and ended."""
        self._stops.append((site, first_s, last_s))

    def day(self, *sites: Site) -> Day:
        """Return what was driven."""
        path = np.vstack(self._legs)
        within = [inside(site, path) for site in sites]
        found = [Stay(i, _run(within[i], first)[0], _run(within[i], last)[1]) for i, first, last in self._stops]
        return Day(sites, path, (*self.stays, *found))

    def _add(self, leg: earth.Floats) -> None:
        self._legs.append(leg)
        self.seconds += len(leg)


def inside(site: Site, path: earth.Floats) -> earth.Bools:
    """Say which of (n, 2) points are in any yard of a site."""
    found = np.zeros(len(path), dtype=np.bool_)
    for yard in site.yards:
        found |= (np.abs(path[:, 0] - yard.x) <= yard.half_x) & (np.abs(path[:, 1] - yard.y) <= yard.half_y)
    return found


def _run(within: earth.Bools, at: int) -> tuple[int, int]:
    """Return the first second of the run of True that holds `at`, and the first after it."""
    before, after = np.flatnonzero(~within[:at]), np.flatnonzero(~within[at:])
    return int(before[-1]) + 1 if len(before) else 0, at + int(after[0]) if len(after) else len(within)
