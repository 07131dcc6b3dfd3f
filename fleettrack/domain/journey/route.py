"""The plan of a consignment, made easy to ask: its stops in order, and who carries between them."""

from __future__ import annotations

from collections.abc import Iterable

from fleettrack.domain import consignment

PLAN_LEAD_MS = 2 * 3_600_000
"""A planned vehicle counts from this long before the pickup's window opens: early trucks do, yesterday's do not."""


class Route:
    """Stops by their number and legs by where they start and end. Asks never fail; what is not planned is None."""

    def __init__(self, plan: consignment.Consignment) -> None:
        self._effective_from_ms = plan.effective_from_ms
        self.stops: dict[int, consignment.Stop] = {}
        for stop in sorted(plan.stops, key=lambda s: (s.seq, s.id)):
            self.stops.setdefault(stop.seq, stop)
        self.places = frozenset(s.place_id for s in self.stops.values())
        self._legs = sorted(plan.legs, key=lambda leg: (leg.from_seq, leg.to_seq, leg.carrier_id, leg.vehicle_id or 0))
        self._starts = frozenset(leg.from_seq for leg in self._legs)
        self._ends = frozenset(s.to_seq for s in plan.item_sets)

    def span(self, first: int, last: int) -> list[consignment.Stop]:
        """Return the stops from one number to another, both included."""
        return [stop for seq, stop in self.stops.items() if first <= seq <= last]

    def leg_out(self, seq: int) -> consignment.Leg | None:
        """Return the leg on which goods go on from a stop, whether it starts there or passes through."""
        return self._latest(leg for leg in self._legs if leg.from_seq <= seq < leg.to_seq)

    def carrier_into(self, seq: int) -> int | None:
        """Return who brings goods to a stop."""
        leg = self._latest(leg for leg in self._legs if leg.from_seq < seq <= leg.to_seq)
        return None if leg is None else leg.carrier_id

    @staticmethod
    def _latest(legs: Iterable[consignment.Leg]) -> consignment.Leg | None:
        return max(legs, key=lambda leg: leg.from_seq, default=None)

    def leg_starts(self, seq: int) -> bool:
        """Tell whether goods change legs at a stop."""
        return seq in self._starts

    def is_delivery(self, stop: consignment.Stop) -> bool:
        """Tell whether the stop is a drop at which some items end: only a custody move completes it."""
        return stop.role == "drop" and stop.seq in self._ends

    def earlier_at_same_place(self, stop: consignment.Stop) -> int | None:
        """Return the number of the stop last before this one at the same place."""
        return max(
            (seq for seq, s in self.stops.items() if seq < stop.seq and s.place_id == stop.place_id), default=None
        )

    def plan_from_ms(self, seq: int) -> int:
        """Return from when on a vehicle planned from this stop is taken to come for these goods."""
        stop = self.stops.get(seq)
        if stop is None or stop.window_from_ms is None:
            return self._effective_from_ms
        return max(self._effective_from_ms, stop.window_from_ms - PLAN_LEAD_MS)
