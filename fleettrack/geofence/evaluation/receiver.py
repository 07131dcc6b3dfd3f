"""What a tracker tells of a day: when it reports, how far off it is, and how honest about that."""

from __future__ import annotations

import dataclasses

import numpy as np

from fleettrack.geofence import earth
from fleettrack.geofence.evaluation import motion

ERROR_LASTS_S = 40.0  # autocorrelation time of position errors, measured on walks between buildings
ASLEEP_AFTER_S = 300
ASLEEP_S = (1500, 2400)
HOLE_S = (300, 900)  # without coverage…
HOLE_EVERY_S = 10_800  # …so often, on average


@dataclasses.dataclass(frozen=True, slots=True)
class Reception:
    """A kind of device in a kind of surroundings."""

    cadence_s: int
    sigma_m: float
    sleeps: bool  # while parked


@dataclasses.dataclass(frozen=True, slots=True)
class Pings:
    """Columns of one tracker's reports, by time: seconds, metres, metres, metres, m/s."""

    time: earth.Floats
    x: earth.Floats
    y: earth.Floats
    accuracy: earth.Floats
    speed: earth.Floats


def receive(rng: np.random.Generator, day: motion.Day, how: Reception) -> Pings:
    """Report a day."""
    true_speed = np.append(0.0, np.hypot(*np.diff(day.path, axis=0).T))
    time = _with_holes(rng, _times(rng, true_speed, how), len(day.path))
    error, accuracy = _errors(rng, time, how.sigma_m)
    found = day.path[time] + error
    speed = np.abs(np.maximum(true_speed[time] + rng.normal(0, 0.4, len(time)), 0))
    return Pings(time.astype(np.float64), found[:, 0], found[:, 1], np.maximum(accuracy, 3), speed)


def _times(rng: np.random.Generator, speed: earth.Floats, how: Reception) -> earth.Ints:
    """Report at the cadence, asleep while parked where the device does so, and again when it moves."""
    at = int(rng.integers(0, how.cadence_s))
    times: list[int] = []
    while at < len(speed):
        times.append(at)
        parked = how.sleeps and at > ASLEEP_AFTER_S and float(speed[at - ASLEEP_AFTER_S : at + 1].max()) < 0.3
        if not parked:
            at += max(1, int(rng.normal(how.cadence_s, 0.08 * how.cadence_s)))
            continue
        wakes = at + int(rng.uniform(*ASLEEP_S))
        moves = np.flatnonzero(speed[at + 1 : wakes] > 0.5)
        at = at + 1 + int(moves[0]) + min(how.cadence_s, 30) if len(moves) else wakes
    return np.array(times, dtype=np.int64)


def _with_holes(rng: np.random.Generator, time: earth.Ints, length_s: int) -> earth.Ints:
    for _ in range(rng.poisson(length_s / HOLE_EVERY_S)):
        start = rng.integers(0, length_s)
        time = time[(time < start) | (time > start + rng.uniform(*HOLE_S))]
    return time


def _errors(rng: np.random.Generator, time: earth.Ints, sigma_m: float) -> tuple[earth.Floats, earth.Floats]:
    """Return errors (n, 2) that last a while, and the accuracy told; some outliers of 1 to 3 pings lie about it."""
    rho = np.exp(-np.diff(time, prepend=time[0]) / ERROR_LASTS_S)
    scale = sigma_m * np.exp(rng.normal(0, 0.35, len(time)))
    fresh = rng.normal(0, scale[1:, None], (len(time) - 1, 2))
    error = np.zeros((len(time), 2))
    for i in range(1, len(time)):
        error[i] = rho[i] * error[i - 1] + np.sqrt(1 - rho[i] ** 2) * fresh[i - 1]
    accuracy = 1.5 * scale * np.exp(rng.normal(0, 0.3, len(time)))
    for first in np.flatnonzero(rng.random(len(time)) < (0.004 if sigma_m < 8 else 0.015)).tolist():
        off, angle = rng.uniform(80, 400), rng.uniform(0, 2 * np.pi)
        several, lies = int(rng.integers(1, 4)), rng.random() < 0.5
        error[first : first + several] += off * np.array([np.cos(angle), np.sin(angle)])
        accuracy[first : first + several] = rng.uniform(4, 12) if lies else off * rng.uniform(0.5, 1.5)
    return error, accuracy
