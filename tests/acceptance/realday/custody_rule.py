"""What design 6 says of the goods of a trip, told once more and plainly: from the visits of the tracker they go with.

It holds for goods that nobody has stated anything about, with one tracker from the trip's begin to its end.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import routes

BEYOND_M = 1_000.0  # so far from the pickup the goods have left it, though nobody saw them there

Move = tuple[int, str, int, str | None, str | None]
"""When (ms), what, at which stop, to whom and how sure; the last two are None where nobody gets anything."""


@dataclasses.dataclass(frozen=True)
class Stay:
    """An arrived visit; `exit_ms` is None while it lasts."""

    place: str
    enter_ms: int
    exit_ms: int | None


@dataclasses.dataclass(frozen=True)
class Far:
    """The first fix of a trip that is beyond the reach of its pickup, and the one before it (or the trip's begin)."""

    before_ms: int
    at_ms: int


def moves(trip: routes.Trip, stays: Iterable[Stay], far: Far | None, carrier: str) -> list[Move]:
    """Return what happens to the goods of a trip, in order of time."""
    mine = [s for s in stays if s.enter_ms < trip.to_ms and (s.exit_ms is None or s.exit_ms >= trip.from_ms)]
    ends = [s for s in mine if s.place in (trip.pickup.ref, trip.drop.ref)]
    goods = _Goods(trip, carrier)
    agenda = [(max(s.enter_ms, trip.from_ms), 2, s) for s in ends if s.exit_ms != trip.from_ms]
    agenda += [(s.exit_ms, 0, s) for s in ends if s.exit_ms is not None and s.exit_ms < trip.to_ms]
    for at_ms, phase, stay in sorted(agenda + _inferred(trip, mine, far), key=lambda event: event[:2]):
        (goods.leave, goods.are_gone, goods.come)[phase](at_ms, stay)
    return sorted(goods.found, key=str)


def _inferred(trip: routes.Trip, stays: Sequence[Stay], far: Far | None) -> list[tuple[int, int, Stay]]:
    """Without a visit to the pickup the goods are gone at the first fix far away, or at the visit it belongs to."""
    if far is None or any(s.place == trip.pickup.ref for s in stays):
        return []
    entered = [s.enter_ms for s in stays if far.before_ms <= s.enter_ms <= far.at_ms]
    at_ms = min(entered, default=far.at_ms)
    return [(at_ms, 1, Stay("", at_ms, None))]


class _Goods:
    def __init__(self, trip: routes.Trip, carrier: str) -> None:
        self.trip = trip
        self.carrier = carrier
        self.where = "at the pickup"
        self.found: list[Move] = []

    def come(self, at_ms: int, stay: Stay) -> None:
        """Arrive: at the pickup nothing moves, at the drop only what the carrier has."""
        if stay.place == self.trip.pickup.ref:
            if self.where == "at the pickup":
                self._note(at_ms, "arrived", 1)
        elif self.where != "delivered":
            self._note(at_ms, "arrived", 2)
            if self.where == "on the way":
                self._note(at_ms, "transferred", 2, self.trip.drop.owner)
                self.where = "delivered"

    def leave(self, at_ms: int, stay: Stay) -> None:
        """Depart: from the pickup with the goods; from the drop they are taken along by a tracker of their own."""
        if stay.place == self.trip.pickup.ref and self.where == "at the pickup":
            self._note(at_ms, "departed", 1)
            self._pick_up(at_ms)
        elif stay.place == self.trip.drop.ref and self.where == "delivered" and not self.trip.by_load:
            self.found = [move for move in self.found if move[1] != "transferred"]
            self._note(at_ms, "departed", 2)
            self.where = "on the way"

    def are_gone(self, at_ms: int, _: Stay) -> None:
        """Be found far from the pickup."""
        if self.where == "at the pickup":
            self._note(at_ms, "departure_inferred", 1)
            self._pick_up(at_ms)

    def _pick_up(self, at_ms: int) -> None:
        self._note(at_ms, "picked_up", 1, self.carrier)
        self.where = "on the way"

    def _note(self, at_ms: int, what: str, stop: int, to: str | None = None) -> None:
        self.found.append((at_ms, what, stop, to, None if to is None else "provisional"))
