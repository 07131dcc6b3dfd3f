"""The reference's world: a yard of 200 × 140 m, 40 m off a busy road.

A visit stops at least 150 s inside. No visits are: driving by, stopping on the road beside the fence, cutting its
corner, a halt of 20 to 70 s inside, parking next door. The same seed gives the same day as the reference's script.
"""

from __future__ import annotations

import numpy as np

from fleettrack.geofence.evaluation import motion

HALF_X, HALF_Y = 100.0, 70.0
ROAD_Y = -110.0
FAR = 9000.0  # where a leg begins and ends, out of sight
GATE_MPS, YARD_MPS, BACK_MPS = 4.0, 3.0, 18.0

KINDS = ("visit", "visit", "visit", "by", "bystop", "corner", "next", "short", "halt")
STOPS_S = {"visit": (300, 3600), "short": (150, 300), "halt": (20, 70)}
LEGS = 8  # a day


def day(rng: np.random.Generator) -> motion.Day:
    """Return a random day."""
    drive = motion.Drive()
    for _ in range(LEGS):
        side, speed = float(rng.choice([-1, 1])), rng.uniform(8, 20)
        kind = str(rng.choice(KINDS))
        if kind in STOPS_S:
            _enter(drive, rng, kind, side, speed)
        elif kind == "corner":
            _cut_corner(drive, rng, side, speed)
        else:
            _stay_out(drive, rng, kind, side, speed)
        x, _ = drive.here
        drive.go([drive.here, (x, -4000), (-FAR, -4000)], BACK_MPS)
    return drive.day(motion.Site((motion.Yard(0, 0, HALF_X, HALF_Y),)))


def _enter(drive: motion.Drive, rng: np.random.Generator, kind: str, side: float, speed: float) -> None:
    spot = (rng.uniform(-80, 80), rng.uniform(-50, 50))
    gate = (0.0, -HALF_Y)
    drive.go([(-side * FAR, ROAD_Y), (0, ROAD_Y)], speed)
    drive.go([(0, ROAD_Y), gate], GATE_MPS)
    entered = drive.seconds
    drive.go([gate, spot], YARD_MPS)
    drive.stand(spot, int(rng.uniform(*STOPS_S[kind])))
    drive.go([spot, gate], YARD_MPS)
    if kind != "halt":
        drive.stayed(0, entered, drive.seconds)
    drive.go([gate, (0, ROAD_Y)], GATE_MPS)
    drive.go([(0, ROAD_Y), (side * FAR, ROAD_Y)], speed)


def _cut_corner(drive: motion.Drive, rng: np.random.Generator, side: float, speed: float) -> None:
    """Take a second road, over the fence's corner: 5 to 15 s inside."""
    if rng.random() < 0.5:
        bend = [(-side * 160, ROAD_Y), (-side * 60, 0.0), (-side * 160, 110.0), (-side * 400, 400.0)]
    else:
        bend = [(side * 95, ROAD_Y), (side * 95, 400.0)]
    drive.go([(-side * FAR, ROAD_Y), *bend, (side * FAR, 400.0)], speed)


def _stay_out(drive: motion.Drive, rng: np.random.Generator, kind: str, side: float, speed: float) -> None:
    """Drive by, stop in the traffic beside the fence, or park 60 to 160 m from it."""
    start, end = (-side * FAR, ROAD_Y), (side * FAR, ROAD_Y)
    if kind == "by":
        drive.go([start, end], speed)
    elif kind == "bystop":
        light = (rng.uniform(-90, 90), ROAD_Y)
        drive.go([start, light], speed)
        drive.stand(light, int(rng.uniform(60, 300)))
        drive.go([light, end], speed)
    else:
        turn, door = (side * (HALF_X + rng.uniform(60, 160)), ROAD_Y), rng.uniform(-60, 60)
        drive.go([start, turn, (turn[0], door)], speed)
        drive.stand((turn[0], door), int(rng.uniform(300, 3600)))
        drive.go([(turn[0], door), turn, end], speed)
