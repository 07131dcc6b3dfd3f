"""Worlds beside the reference's: what yards, docks and roads do to fences in other ways."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fleettrack.geofence.evaluation import motion, yard

World = Callable[[np.random.Generator], motion.Day]

LEGS = 6  # a day
ROAD_OFF_M = 40.0  # between a fence and the road past it
LONG_S = (600, 3600)


def through_traffic(rng: np.random.Generator) -> motion.Day:
    """Lay a fence of 0.6 to 6 km over a public road: most drive through, in jams and by red lights; some stop in it."""
    half = float(np.exp(rng.uniform(np.log(300), np.log(3000))))
    site = motion.Site((motion.Yard(0, 0, half, half * rng.uniform(0.5, 1)),), through_road=True)
    drive = motion.Drive()
    for _ in range(LEGS):
        side, speed = float(rng.choice([-1, 1])), rng.uniform(8, 20)
        kind = str(rng.choice(["visit", "visit", "by", "lights", "jam"]))
        start, end = (-side * (half + yard.FAR), 0.0), (side * (half + yard.FAR), 0.0)
        stops = sorted(
            rng.uniform(-0.9, 0.9, 1 if kind != "lights" else int(rng.integers(1, 5))) * half, key=side.__mul__
        )
        at = start
        for x in stops if kind != "by" else []:
            drive.go([at, (x, 0.0)], speed)
            at = (x, 0.0)
            if kind == "lights":
                drive.stand(at, int(rng.uniform(20, 70)))
            elif kind == "jam":
                at = (x + side * rng.uniform(0.05, 0.1) * half, 0.0)
                drive.go([(x, 0.0), at], rng.uniform(1.5, 4))
            else:
                _call(drive, 0, at, (x, rng.uniform(-0.4, 0.4) * half), int(rng.uniform(*LONG_S)))
        drive.go([at, end], speed)
        _return(drive, -half - yard.FAR)
    return drive.day(site)


def back_again(rng: np.random.Generator) -> motion.Day:
    """Go from yard A to yard B and back to A, or from A round the block and back, which is one visit."""
    half = rng.uniform(60, 150)
    middle_b = rng.uniform(500, 6000)
    yards = [motion.Yard(x, 0, half, half) for x in (0.0, middle_b)]
    road = -half - ROAD_OFF_M
    drive = motion.Drive()
    for _ in range(LEGS // 2):
        speed = rng.uniform(8, 18)
        drive.go([(-yard.FAR, road), (0, road)], speed)
        first = _call(drive, None, (0, road), _dock(rng, yards[0]), int(rng.uniform(*LONG_S)))
        if rng.random() < 0.5:
            away = -speed * rng.uniform(75, 225)
            drive.go([(0, road), (away, road), (0, road)], speed)
            drive.stopped(0, first, _call(drive, None, (0, road), _dock(rng, yards[0]), int(rng.uniform(*LONG_S))))
        else:
            drive.stopped(0, first, first)
            drive.go([(0, road), (middle_b, road)], speed)
            _call(drive, 1, (middle_b, road), _dock(rng, yards[1]), int(rng.uniform(720, 3600)))
            drive.go([(middle_b, road), (0, road)], speed)
            _call(drive, 0, (0, road), _dock(rng, yards[0]), int(rng.uniform(*LONG_S)))
        drive.go([(0, road), (yard.FAR, road)], speed)
        _return(drive, -yard.FAR)
    return drive.day(*(motion.Site((one,)) for one in yards))


def two_fences(rng: np.random.Generator) -> motion.Day:
    """Give one place a lorry park and a yard, 60 to 400 m apart: waiting in the one, then unloading in the other."""
    half_park, half_yard = rng.uniform(40, 80), rng.uniform(80, 150)
    middle = half_park + rng.uniform(60, 400) + half_yard
    park, dock = motion.Yard(0, 0, half_park, half_park), motion.Yard(middle, 0, half_yard, half_yard)
    road = -half_yard - ROAD_OFF_M
    drive = motion.Drive()
    for _ in range(LEGS):
        side, speed = float(rng.choice([-1, 1])), rng.uniform(8, 18)
        kind = str(rng.choice(["both", "both", "yard", "by"]))
        drive.go([(-side * yard.FAR, road), (0, road)], speed)
        if kind != "by":
            first = 0
            if kind == "both":
                first = _call(drive, None, (0, road), _dock(rng, park), int(rng.uniform(300, 1800)))
            drive.go([(0, road), (middle, road)], 6)
            last = _call(drive, None, (middle, road), _dock(rng, dock), int(rng.uniform(*LONG_S)))
            drive.stopped(0, first or last, last)
            drive.go([(middle, road), (0, road)], 6)
        drive.go([(0, road), (side * yard.FAR, road)], speed)
        _return(drive, -yard.FAR)
    return drive.day(motion.Site((park, dock)))


def _dock(rng: np.random.Generator, of: motion.Yard) -> motion.Point:
    return of.x + rng.uniform(-0.7, 0.7) * of.half_x, of.y + rng.uniform(-0.7, 0.7) * of.half_y


def _call(drive: motion.Drive, site: int | None, turn: motion.Point, spot: motion.Point, seconds: int) -> int:
    """Turn off the road, stand, come back to it; note a visit of a site. Return a second of the stop."""
    drive.go([turn, spot], yard.GATE_MPS)
    stop = drive.seconds
    drive.stand(spot, seconds)
    drive.go([spot, turn], yard.GATE_MPS)
    if site is not None:
        drive.stopped(site, stop, stop)
    return stop


def _return(drive: motion.Drive, x: float) -> None:
    """Go out of sight to where the next leg begins."""
    drive.go([drive.here, (drive.here[0], -4000), (x, -4000)], yard.BACK_MPS)
