"""A drive from one site to another: past other sites, through red lights and jams."""

from __future__ import annotations

import bisect
import itertools
import math
import random
from collections.abc import Sequence

from fleettrack.demo import ground, motion, world

CRUISE_MPS = (11.0, 16.0)
PASSES = 0.6  # share of drives that lead through the fence of a site that is not meant
WAITS_THERE = 0.45  # share of these that stand in traffic inside it
RED_LIGHT_S = (12.0, 70.0)  # below the two minutes that make a stop an arrival
JAM_S = (130.0, 190.0)  # above them, so only where no fence is near
LIGHTS = 0.5
JAMS = 0.12
CLEAR_OF_FENCES_M = 150.0
HALTS_APART_M = 150.0

Halt = tuple[float, float]  # metres along the path, seconds


def drive(
    rng: random.Random, start_s: float, start: ground.Point, end: ground.Point, sites: Sequence[world.Site]
) -> list[motion.Piece]:
    """Return a drive between two docks. `sites` are those it may pass, without the two that it leads from and to."""
    passed = _on_the_way(rng, start, end, sites) if rng.random() < PASSES else None
    path, inside_m = _path(rng, start, end, passed)
    halts: list[Halt] = []
    if passed is not None and rng.random() < WAITS_THERE:
        halts.append((inside_m, rng.uniform(*RED_LIGHT_S)))
    for share, span in ((LIGHTS, RED_LIGHT_S), (JAMS, JAM_S)):
        if rng.random() < share:
            halts += _clear_halt(rng, path, sites, halts, rng.uniform(*span))
    return _pieces(start_s, path, sorted(halts), rng.uniform(*CRUISE_MPS))


def _on_the_way(
    rng: random.Random, start: ground.Point, end: ground.Point, sites: Sequence[world.Site]
) -> world.Site | None:
    """Return a site that is no great detour."""
    most = 1.4 * math.dist(start, end) + 300
    near = [s for s in sites if math.dist(start, s.fence.centre) + math.dist(s.fence.centre, end) < most]
    return rng.choice(near) if near else None


def _path(
    rng: random.Random, start: ground.Point, end: ground.Point, passed: world.Site | None
) -> tuple[list[ground.Point], float]:
    """Return a bent path, and how far along it lies inside the site that it passes (0 where it passes none)."""
    if passed is None:
        return [start, _bend(rng, start, end), end], 0.0
    inside = ground.towards(passed.fence.centre, rng.uniform(0, 2 * math.pi), rng.uniform(0, passed.fence.reach / 3))
    first = [start, _bend(rng, start, inside), inside]
    return [*first, _bend(rng, inside, end), end], ground.length(first)


def _bend(rng: random.Random, start: ground.Point, end: ground.Point) -> ground.Point:
    """Return a point off the straight way by up to an eighth of it."""
    middle, off = ground.between(start, end, rng.uniform(0.35, 0.65)), rng.uniform(-0.125, 0.125)
    return ground.Point(middle.x - off * (end.y - start.y), middle.y + off * (end.x - start.x))


def _clear_halt(
    rng: random.Random,
    path: Sequence[ground.Point],
    sites: Sequence[world.Site],
    halts: Sequence[Halt],
    seconds: float,
) -> list[Halt]:
    """Return a halt on the open road, none where a few tries find no room for it."""
    whole = ground.length(path)
    ends = [0.0, whole, *(metres for metres, _ in halts)]
    fences = [site.fence for site in sites]
    for _ in range(5):
        metres = rng.uniform(0, whole)
        at = _cut(path, [metres])[0][-1]
        clear = all(fence.depth(at) < -CLEAR_OF_FENCES_M for fence in fences)
        ways_off = min(math.dist(at, path[0]), math.dist(at, path[-1])) > 220 + CLEAR_OF_FENCES_M
        if clear and ways_off and all(abs(metres - other) > HALTS_APART_M for other in ends):
            return [(metres, seconds)]
    return []


def _pieces(start_s: float, path: Sequence[ground.Point], halts: Sequence[Halt], cruise: float) -> list[motion.Piece]:
    """Return runs and the halts between them."""
    pieces: list[motion.Piece] = []
    for part, pause_s in itertools.zip_longest(_cut(path, [m for m, _ in halts]), [s for _, s in halts]):
        run = motion.Run(pieces[-1].end_s if pieces else start_s, part, cruise)
        pieces.append(run)
        if pause_s is not None:
            course = run.state(run.end_s).course
            pieces.append(motion.Stand(run.end_s, run.end_s + pause_s, run.path[-1], course))
    return pieces


def _cut(path: Sequence[ground.Point], marks: Sequence[float]) -> list[list[ground.Point]]:
    """Cut a path at so many metres along it."""
    corners = list(itertools.accumulate(itertools.starmap(math.dist, itertools.pairwise(path)), initial=0.0))
    parts: list[list[ground.Point]] = []
    part = [path[0]]
    done = 1
    for mark in marks:
        step = min(bisect.bisect_right(corners, mark), len(path) - 1)
        part += path[done:step]
        share = (mark - corners[step - 1]) / (corners[step] - corners[step - 1])
        at = ground.between(path[step - 1], path[step], share)
        if at != part[-1]:
            part.append(at)
        parts.append(part)
        part, done = [at], step
    return [*parts, [*part, *(p for p in path[done:] if p != part[-1])]]
