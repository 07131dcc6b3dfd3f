"""How a truck moves: runs from standstill to standstill along a path, and stands between them."""

from __future__ import annotations

import bisect
import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

from fleettrack.demo import ground

ACCELERATION = 1.0  # m/s², of a laden truck, up and down


class State(NamedTuple):
    """Where a truck is and how it moves: metres in its town, m/s, degrees from north."""

    at: ground.Point
    speed: float
    course: float


@dataclasses.dataclass(frozen=True, slots=True)
class Stand:
    """A truck that does not move over [start_s, end_s)."""

    start_s: float
    end_s: float
    at: ground.Point
    course: float = 0.0

    def state(self, _time_s: float) -> State:
        """Return the state at a time within."""
        return State(self.at, 0.0, self.course)


class Run:
    """A drive along a path over [start_s, end_s): it speeds up, cruises, and slows down to a standstill."""

    def __init__(self, start_s: float, path: Sequence[ground.Point], cruise: float) -> None:
        self.path = tuple(path)
        self.start_s = start_s
        steps = [math.dist(a, b) for a, b in itertools.pairwise(self.path)]
        self._marks = list(itertools.accumulate(steps, initial=0.0))
        self.metres = self._marks[-1]
        self._cruise = min(cruise, math.sqrt(ACCELERATION * self.metres))
        self._ramp_s = self._cruise / ACCELERATION
        ramps_m = self._cruise * self._ramp_s
        self.end_s = start_s + 2 * self._ramp_s + (self.metres - ramps_m) / self._cruise

    def state(self, time_s: float) -> State:
        """Return the state at a time within."""
        way, speed = self._driven(time_s - self.start_s)
        step = min(max(bisect.bisect_right(self._marks, way) - 1, 0), len(self.path) - 2)
        a, b = self.path[step], self.path[step + 1]
        at = ground.between(a, b, (way - self._marks[step]) / (self._marks[step + 1] - self._marks[step]))
        return State(at, speed, math.degrees(math.atan2(b.x - a.x, b.y - a.y)) % 360)

    def _driven(self, since_s: float) -> tuple[float, float]:
        """Return metres driven and m/s, so long after the start."""
        left_s = self.end_s - self.start_s - since_s
        if since_s < self._ramp_s:
            return ACCELERATION * since_s**2 / 2, ACCELERATION * since_s
        if left_s < self._ramp_s:
            return self.metres - ACCELERATION * left_s**2 / 2, ACCELERATION * left_s
        return self._cruise * (since_s - self._ramp_s / 2), self._cruise


Piece = Stand | Run


def state(pieces: Sequence[Piece], time_s: float) -> State:
    """Return the state at a time that these pieces, in order and without a gap, cover."""
    i = bisect.bisect_right(pieces, time_s, key=lambda piece: piece.start_s) - 1
    return pieces[max(i, 0)].state(time_s)
