"""Which tracker speaks for a cohort at a time: the most specific one that is on it and not silent (design 2)."""

from __future__ import annotations

from typing import NamedTuple

from fleettrack.domain.journey import cohorts, world

CONSIGNMENT = 1_000
VEHICLE = 2_000
"""Ranks, the most specific least; 0, 1, … are the units that contain the cohort, from the inside out."""


class Watch(NamedTuple):
    """A tracker on a cohort over a time; in sorted order the first that is not silent governs."""

    rank: int
    newness: int  # -from_ms: of two on the same thing the one put on last
    identity: str  # of two put on at one time any, but always the same
    tracker_id: int
    from_ms: int
    to_ms: int

    @property
    def on_goods(self) -> bool:
        """Whether the tracker rides on the goods themselves, not on what carries them."""
        return self.rank < VEHICLE


class Ride(NamedTuple):
    """A planned load under way: it opened at a departure and ends at a stop, or where a scan overrides it."""

    vehicle_id: int
    to_seq: int
    from_ms: int
    to_ms: int


class Watchers:
    """The trackers of one cohort: on its units, on the consignment, on vehicles it was scanned onto."""

    def __init__(self, cohort: cohorts.Cohort, seen: world.World) -> None:
        self._seen = seen
        self.loads = [
            load for load in seen.known.loads if load.object_id is None or load.object_id in cohort.signature.loads
        ]
        self.scans = sorted(load.from_ms for load in self.loads)
        self.fixed = sorted([*_on_goods(cohort, seen), *self._on_scanned_loads()])
        self.goods = [w for w in self.fixed if w.on_goods]

    def _on_scanned_loads(self) -> list[Watch]:
        return [
            watch
            for load in self.loads
            for watch in self._on_vehicle(load.vehicle_id, load.from_ms, world.end(load.to_ms))
        ]

    def _on_vehicle(self, vehicle_id: int, from_ms: int, to_ms: int) -> list[Watch]:
        found = []
        for a in self._seen.on_vehicle.get(vehicle_id, ()):
            start, end = max(a.from_ms, from_ms, self._seen.plan.effective_from_ms), min(world.end(a.to_ms), to_ms)
            if start < end:
                found.append(Watch(VEHICLE, -start, a.identity, a.tracker_id, start, end))
        return found

    def on(self, at_ms: int, ride: Ride | None) -> list[Watch]:
        """Return the trackers on the cohort at a time, the most specific first."""
        found = [w for w in self.fixed if w.from_ms <= at_ms < w.to_ms]
        if ride is not None:
            riding = self._on_vehicle(ride.vehicle_id, ride.from_ms, ride.to_ms)
            found += [w for w in riding if w.from_ms <= at_ms < w.to_ms]
            found.sort()
        return found

    def governs(self, tracker_id: int, at_ms: int, on: list[Watch]) -> bool:
        """Tell whether a tracker speaks for the cohort, by a visit of its own: that it spoke then needs no proof."""
        for watch in on:
            if watch.tracker_id == tracker_id:
                return True
            if not self._seen.silent(watch.tracker_id, at_ms):
                return False
        return True  # all others are silent

    def scanned_since(self, from_ms: int, to_ms: int) -> bool:
        """Tell whether a load of the goods was scanned between two times, both included."""
        return any(from_ms <= scan <= to_ms for scan in self.scans)

    def next_scan(self, after_ms: int) -> int:
        """Return when the goods are next scanned onto a vehicle."""
        return next((scan for scan in self.scans if scan > after_ms), world.NEVER)

    def come_again(self, place_id: int, after_ms: int, until_ms: int) -> bool:
        """Tell whether a tracker on the goods enters a place between two times: what was there before had left it."""
        return any(
            v.place_id == place_id and after_ms < v.enter_ms <= until_ms and w.from_ms <= v.enter_ms < w.to_ms
            for w in self.goods
            for v in self._seen.visits.get(w.tracker_id, ())
        )

    def unloaded(self, from_ms: int, to_ms: int) -> bool:
        """Tell whether the goods were scanned off a vehicle between two times, both included."""
        return any(load.to_ms is not None and from_ms <= load.to_ms <= to_ms for load in self.loads)


def _on_goods(cohort: cohorts.Cohort, seen: world.World) -> list[Watch]:
    if cohort.item_set is None:
        return []
    ranked = [(CONSIGNMENT, a) for a in seen.on_all]
    for rank, unit in enumerate(cohort.signature.units):
        ranked += [(rank, a) for a in seen.on_unit.get(unit, ())]
    since = seen.plan.effective_from_ms
    return [
        Watch(rank, -a.from_ms, a.identity, a.tracker_id, max(a.from_ms, since), world.end(a.to_ms))
        for rank, a in ranked
    ]
