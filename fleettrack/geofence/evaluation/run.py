"""The whole evaluation: each world at each cadence, in open country and in town, asleep while parked and awake."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from fleettrack.geofence.evaluation import detectors, receiver, scoring, trial, worlds, yard

WORLDS: dict[str, worlds.World] = {
    "reference": yard.day,
    "through_traffic": worlds.through_traffic,
    "back_again": worlds.back_again,
    "two_fences": worlds.two_fences,
}
DAYS = 50  # of each cell of the reference's world: more than 2,000 arrivals in either summary
CADENCES_S = (10, 30, 60, 120, 300)
SIGMAS_M = (4.0, 12.0)  # open country, town
SPARSE_TIMES = 4  # a day of sparse pings costs little: the figures of sparse cadences stand on so many more days
BESIDE_SHARE = 4  # the worlds beside the reference have that fraction of the days
DETECTORS = ("ours", "naive", "plain_dwell")
USUAL = DETECTORS[1:]
GROUPS = ("le_60s", "gt_60s")


@dataclasses.dataclass(frozen=True, slots=True)
class Cell:
    """So many tracker-days of one world, received in one way."""

    world: str
    how: receiver.Reception
    days: int

    @property
    def group(self) -> str:
        """Which summary it belongs to."""
        return "le_60s" if self.how.cadence_s <= 60 else "gt_60s"


@dataclasses.dataclass(slots=True)
class Result:
    """What the detectors made of one cell or of several."""

    tallies: dict[str, scoring.Tally] = dataclasses.field(
        default_factory=lambda: {name: scoring.Tally() for name in DETECTORS}
    )
    seen: int = 0  # true visits with any fix inside

    def add(self, other: Result) -> None:
        """Count the other's in."""
        self.seen += other.seen
        for name, tally in self.tallies.items():
            tally.add(other.tallies[name])

    def figures(self) -> dict[str, Any]:
        """Return ours, with those of the usual detectors beside."""
        ours = self.tallies["ours"]
        beside = {name: self.tallies[name].figures() for name in USUAL}
        told = {"arrivals": ours.visits, "any_fix_inside": self.seen / ours.visits if ours.visits else None}
        return {**ours.figures(), "custody_moved_twice": ours.overlaps, **told, **beside}


def cells(days: int) -> list[Cell]:
    """Return all cells, with so many days of the reference's world at the quicker cadences."""
    found = []
    for world, sleeps, sigma, cadence in itertools.product(WORLDS, (False, True), SIGMAS_M, CADENCES_S):
        share = days if world == "reference" else max(1, days // BESIDE_SHARE)
        how = receiver.Reception(cadence, sigma, sleeps)
        found.append(Cell(world, how, share * (SPARSE_TIMES if cadence > 60 else 1)))
    return found


def measure(cell: Cell, seed: int) -> Result:
    """Generate a cell's days and run the detectors on them; the same seed gives the same figures."""
    number = list(WORLDS).index(cell.world)
    key = [seed, number, int(cell.how.sigma_m), cell.how.cadence_s, int(cell.how.sleeps)]
    rng = np.random.default_rng(key)
    days = [WORLDS[cell.world](rng) for _ in range(cell.days)]
    one = trial.of_days(days, [receiver.receive(rng, day, cell.how) for day in days])
    return scored(one)


def scored(one: trial.Trial) -> Result:
    """Run every detector on a trial."""
    present = detectors.presence(one)
    told = {
        "ours": detectors.ours(one),
        "naive": {pair: detectors.naive(*here) for pair, here in present.items()},
        "plain_dwell": {pair: detectors.plain_dwell(*here) for pair, here in present.items()},
    }
    seen = 0
    for pair, visits in one.truth.items():
        time, inside = present.get(pair, (np.empty(0), np.empty(0, dtype=np.bool_)))
        seen += sum(bool(np.any(inside & (time >= start) & (time <= end))) for start, end in visits)
    return Result({name: scoring.pooled(told[name], one.truth) for name in DETECTORS}, seen)


def report(results: Iterable[tuple[Cell, Result]], seed: int) -> dict[str, Any]:
    """Return everything under its fixed names: `summary` is of the reference's world, `worlds` of the others."""
    pools = {(world, group): Result() for world, group in itertools.product(WORLDS, GROUPS)}
    each = []
    for cell, result in results:
        pools[cell.world, cell.group].add(result)
        each.append({"world": cell.world, **dataclasses.asdict(cell.how), **result.figures()})
    by_world = {world: {group: pools[world, group].figures() for group in GROUPS} for world in WORLDS}
    ours = [pools["reference", group].tallies["ours"] for group in GROUPS]
    arrivals = sum(tally.visits for tally in ours)
    summary = by_world.pop("reference") | {
        "arrivals": arrivals,
        "duplicates": 1000 * sum(tally.duplicates for tally in ours) / arrivals if arrivals else None,
        "custody_moved_twice": sum(result.tallies["ours"].overlaps for result in pools.values()),
    }
    return {"seed": seed, "summary": summary, "worlds": by_world, "cells": each}


def run(days: int, seed: int) -> Iterator[tuple[Cell, Result]]:
    """Measure cell by cell."""
    for cell in cells(days):
        yield cell, measure(cell, seed)
