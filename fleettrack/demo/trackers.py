"""What a tracker makes of the truth: noise, doubtful fixes, gaps, repeats, and times without a network."""

from __future__ import annotations

import dataclasses
import math
import random
from typing import NamedTuple

from fleettrack.demo import ground, motion, world

NOISE_M = 3.0  # of each axis, one standard deviation
NOISE_LASTS_S = 40.0  # position errors are alike for about so long
HDOP = 0.9
GROSS_HDOP = 40.0  # five metres each (design 5): 200 m, too vague to decide anything
GROSS_M = (400.0, 3_000.0)
VOID, GROSS, REPEAT = 0.006, 0.004, 0.02  # shares of the fixes
LOST, LOST_S = 0.004, (20.0, 45.0)  # no fix at all: a tunnel, a hall
AWAY, AWAY_S = 0.004, (40.0, 120.0)  # fixes are kept, and sent in one burst later


class Report(NamedTuple):
    """One fix as the device has it. `truth` is what it does not know."""

    time_s: int
    truth: motion.State
    lat: float
    lon: float
    speed: float  # m/s
    course: float
    hdop: float
    void: bool = False

    @property
    def decides(self) -> bool:
        """Whether the service may base anything on it."""
        return not self.void and self.hdop < GROSS_HDOP


@dataclasses.dataclass(slots=True)
class Device:
    """The tracker on a truck. Call `report` at every `next_s`; it comes to the network when it is not away."""

    truck: world.Truck
    rng: random.Random
    next_s: int
    away_until_s: float = 0.0
    _lost_until_s: float = 0.0
    _error: tuple[float, float] = (0.0, 0.0)

    def report(self, state: motion.State) -> list[Report]:
        """Return the fix of `next_s`, if it makes one (now and then twice), and go on to the next."""
        now, rng = self.next_s, self.rng
        self.next_s += self.truck.every_s
        self._drift()
        if rng.random() < LOST:
            self._lost_until_s = now + rng.uniform(*LOST_S)
        if rng.random() < AWAY:
            self.away_until_s = now + rng.uniform(*AWAY_S)
        if now < self._lost_until_s:
            return []
        made = self._make(now, state)
        return [made, made] if rng.random() < REPEAT else [made]

    def _drift(self) -> None:
        keeps = math.exp(-self.truck.every_s / NOISE_LASTS_S)
        fresh = NOISE_M * math.sqrt(1 - keeps**2)
        x, y = self._error
        self._error = keeps * x + self.rng.gauss(0, fresh), keeps * y + self.rng.gauss(0, fresh)

    def _make(self, now: int, state: motion.State) -> Report:
        kind = self.rng.random()
        at = ground.Point(state.at.x + self._error[0], state.at.y + self._error[1])
        gross = VOID <= kind < VOID + GROSS
        if gross:
            at = ground.towards(at, self.rng.uniform(0, 2 * math.pi), self.rng.uniform(*GROSS_M))
        lat, lon = self.truck.town.centre.degrees(at)
        speed = max(0.0, state.speed + self.rng.gauss(0, 0.15))
        return Report(now, state, lat, lon, speed, state.course, GROSS_HDOP if gross else HDOP, kind < VOID)


def device(truck: world.Truck, seed: int, start_s: float) -> Device:
    """Return the tracker of a truck, with its first fix at or after a time."""
    first = math.ceil(start_s / truck.every_s) * truck.every_s
    return Device(truck, random.Random(f"tracker/{seed}/{truck.number}"), first)
