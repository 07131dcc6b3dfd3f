"""Arrivals against true visits."""

from __future__ import annotations

import dataclasses
import itertools
import math
import statistics
from collections.abc import Mapping, Sequence

from fleettrack.geofence.evaluation.detectors import Arrival
from fleettrack.geofence.evaluation.trial import Pair, Span

EARLY_S, LATE_S = 600.0, 300.0  # an arrival so much before a visit or after its end still means it


@dataclasses.dataclass(slots=True)
class Tally:
    """Counts that add up over trackers, places and cells."""

    visits: int = 0
    hits: int = 0
    false: int = 0
    duplicates: int = 0
    overlaps: int = 0  # arrivals while the visit before was not over: custody would move twice
    errors_s: list[float] = dataclasses.field(default_factory=list)  # of the time of arrival
    delays_s: list[float] = dataclasses.field(default_factory=list)  # from arriving until it was known

    def add(self, other: Tally) -> None:
        """Count the other's in."""
        for field in dataclasses.fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))

    def figures(self) -> dict[str, float | None]:
        """Return the figures under the names that tests outside rely on; duplicates are per 1,000 true arrivals."""
        told = self.hits + self.false + self.duplicates
        precision, recall = _share(self.hits, told), _share(self.hits, self.visits)
        both = None if precision is None or recall is None else precision + recall
        f1 = None if both is None or precision is None or recall is None else 2 * precision * recall / max(both, 1e-9)
        return {
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "duplicates": _share(1000 * self.duplicates, self.visits),
            "median_time_error_s": _median([abs(error) for error in self.errors_s]),
            "median_delay_s": _median(self.delays_s),
        }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def score(arrivals: Sequence[Arrival], visits: Sequence[Span], neutral: Sequence[Span] = ()) -> Tally:
    """Match in order of time; each visit once, every further arrival is a duplicate, and counts as a false one too.

    An arrival outside of all visits, but within a neutral span, counts as nothing.
    """
    tally = Tally(visits=len(visits))
    met: set[int] = set()
    told = sorted(arrivals)
    tally.overlaps = sum(after.time_s < before.left_s < math.inf for before, after in itertools.pairwise(told))
    for arrival in told:
        nearest = min(range(len(visits)), key=lambda i: _off(arrival, visits[i]), default=None)
        if nearest is None or not _meant(arrival, visits[nearest]):
            tally.false += not any(start <= arrival.time_s <= end for start, end in neutral)
        elif nearest in met:
            tally.duplicates += 1
        else:
            met.add(nearest)
            tally.hits += 1
            tally.errors_s.append(arrival.time_s - visits[nearest][0])
            tally.delays_s.append(arrival.known_s - visits[nearest][0])
    return tally


def _off(arrival: Arrival, visit: Span) -> float:
    """Return by how many seconds the arrival lies outside of the visit."""
    return max(visit[0] - arrival.time_s, arrival.time_s - visit[1], 0.0)


def _meant(arrival: Arrival, visit: Span) -> bool:
    return visit[0] - EARLY_S <= arrival.time_s <= visit[1] + LATE_S


def pooled(
    arrivals: Mapping[Pair, Sequence[Arrival]],
    truth: Mapping[Pair, Sequence[Span]],
    neutral: Mapping[Pair, Sequence[Span]] | None = None,
) -> Tally:
    """Return the sum over all pairs."""
    total = Tally()
    for pair in truth.keys() | arrivals.keys():
        spans = () if neutral is None else neutral.get(pair, ())
        total.add(score(arrivals.get(pair, ()), truth.get(pair, ()), spans))
    return total
