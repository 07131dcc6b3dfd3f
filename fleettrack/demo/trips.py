"""What a truck does all day: take goods on at a depot, deliver them, and again. This is the truth, second by second."""

from __future__ import annotations

import dataclasses
import itertools
import math
import random
from collections.abc import Iterator, Sequence

from fleettrack.demo import goods, ground, motion, roads, world

STOP_S = (215.0, 320.0)  # every real stop is well over the two minutes that make one
DOCK_WITHIN_M = 35.0  # of a site's centre: deep inside its fence
AGAIN_AFTER_S = 900.0  # sooner back at a site would be the same visit (ten minutes, design 5)
TWO_DROPS, REFUELS, SIGNED = 0.35, 0.12, 0.5
SIGNED_AFTER_S = (135.0, 200.0)
INSIDE_EACH, INSIDE_S = 6, (135.0, 180.0)
UNDER_WAY_S = (180.0, 1_300.0)
STEP_S = 1.0  # how finely the truth is looked at


@dataclasses.dataclass(frozen=True, slots=True)
class Arrival:
    """A truck that came to a site and stops there: it crossed the fence at `time_s` and stands from `stopped_s` on."""

    time_s: float
    stopped_s: float
    leaves_s: float
    site: world.Site
    delivered: tuple[goods.Shipment, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Departure:
    """A truck that leaves a site where it had stopped, with what it took on there."""

    time_s: float
    site: world.Site
    taken: tuple[goods.Shipment, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Passing:
    """A truck that was inside a fence without arriving; `stood_s` seconds of it in traffic."""

    time_s: float
    site: world.Site
    stood_s: float


Event = Arrival | Departure | Passing


@dataclasses.dataclass(frozen=True, slots=True)
class Trip:
    """A round: to a depot, to one or two drops, sometimes to a truck stop."""

    number: int
    start_s: float
    end_s: float
    pieces: tuple[motion.Piece, ...]
    events: tuple[Event, ...]
    shipments: tuple[goods.Shipment, ...]


def of_truck(truck: world.Truck, seed: int, start_s: float) -> Iterator[Trip]:
    """Yield a truck's trips without end, from where it drives at `start_s`; the same for the same arguments."""
    return _Round(truck, random.Random(f"trips/{seed}/{truck.number}"), start_s).trips()


def starts_s(truck: world.Truck, seed: int, epoch_s: float) -> float:
    """Return when a truck's day begins, so that the fleet is in full swing at the epoch.

    One in six stands at a drop by then, for a little more than it takes to be an arrival.
    """
    rng = random.Random(f"start/{seed}/{truck.number}")
    if truck.number % INSIDE_EACH:
        return epoch_s - rng.uniform(*UNDER_WAY_S)
    trip = next(of_truck(truck, seed, 0.0))
    drop = next(event for event in trip.events if isinstance(event, Arrival) and event.delivered)
    return epoch_s - drop.stopped_s - rng.uniform(*INSIDE_S)


class _Round:
    def __init__(self, truck: world.Truck, rng: random.Random, start_s: float) -> None:
        self._truck, self._rng = truck, rng
        self._now = start_s
        self._site: world.Site | None = None
        self._at = self._outside()
        self._left: dict[str, float] = {}  # site → when it was last left
        self._taken: tuple[goods.Shipment, ...] = ()
        self._pieces: list[motion.Piece] = []
        self._events: list[Event] = []

    def trips(self) -> Iterator[Trip]:
        for number in itertools.count(1):
            start_s, self._pieces, self._events = self._now, [], []
            depot = self._choose("depot", 1)[0]
            drops = self._choose("drop", 1 + (self._rng.random() < TWO_DROPS))
            loads = [goods.load(self._truck, number, i, start_s) for i in range(len(drops))]
            shipments = []
            self._go(depot)
            for drop, load in zip(drops, loads, strict=True):
                shipments.append(goods.Shipment(load, depot, drop, start_s, self._signs()))
            self._taken = tuple(shipments)
            for drop, shipment in zip(drops, shipments, strict=True):
                self._go(drop, (shipment,))
            if self._rng.random() < REFUELS:
                self._go(self._choose("fuel", 1)[0])
            yield Trip(number, start_s, self._now, tuple(self._pieces), tuple(self._events), tuple(shipments))

    def _signs(self) -> float | None:
        return self._rng.uniform(*SIGNED_AFTER_S) if self._rng.random() < SIGNED else None

    def _go(self, site: world.Site, delivered: tuple[goods.Shipment, ...] = ()) -> None:
        """Drive to a site and stop there."""
        dock = ground.towards(site.fence.centre, self._rng.uniform(0, 2 * math.pi), self._rng.uniform(0, DOCK_WITHIN_M))
        others = [s for s in self._truck.town.sites if s is not site and s is not self._site]
        way = roads.drive(self._rng, self._now, self._at, dock, others)
        stand = motion.Stand(way[-1].end_s, way[-1].end_s + self._rng.uniform(*STOP_S), dock)
        if self._site is not None:
            self._events.append(Departure(_left(way, self._site), self._site, self._taken))
            self._taken = ()
        self._events += _passed(way, others)
        self._events.append(Arrival(_entered(way, site), stand.start_s, stand.end_s, site, delivered))
        self._pieces += [*way, stand]
        self._now, self._at, self._site = stand.end_s, dock, site
        self._left[site.ref] = stand.end_s

    def _choose(self, kind: str, number: int) -> list[world.Site]:
        """Return sites not visited for a while, or else those longest ago."""
        sites = [s for s in self._truck.town.of_kind(kind) if s is not self._site]
        fresh = [s for s in sites if self._now - self._left.get(s.ref, -math.inf) > AGAIN_AFTER_S]
        if len(fresh) >= number:
            return self._rng.sample(fresh, number)
        return sorted(sites, key=lambda s: self._left.get(s.ref, -math.inf))[:number]

    def _outside(self) -> ground.Point:
        """Return a point to begin at, clear of all fences."""
        while True:
            way = self._rng.uniform(0, world.SITE_WITHIN_M)
            at = ground.towards(ground.Point(0, 0), self._rng.uniform(0, 2 * math.pi), way)
            if all(site.fence.depth(at) < -roads.CLEAR_OF_FENCES_M for site in self._truck.town.sites):
                return at


def _seconds(piece: motion.Piece) -> Iterator[float]:
    count = math.ceil((piece.end_s - piece.start_s) / STEP_S)
    return (piece.start_s + i * STEP_S for i in range(count))


def _left(way: Sequence[motion.Piece], site: world.Site) -> float:
    """Return the first second outside, on a way that leads out of a site."""
    return next(second for second, state in _states(way) if site.fence.depth(state.at) < 0)


def _entered(way: Sequence[motion.Piece], site: world.Site) -> float:
    """Return the first of the last seconds inside, on a way that leads into a site."""
    return max(second for second, state in _states(way) if site.fence.depth(state.at) < 0) + STEP_S


def _states(way: Sequence[motion.Piece]) -> Iterator[tuple[float, motion.State]]:
    return ((second, piece.state(second)) for piece in way for second in _seconds(piece))


def _passed(way: Sequence[motion.Piece], sites: Sequence[world.Site]) -> Iterator[Passing]:
    """Yield what the truck was inside of on its way, in the order of the sites."""
    for site in sites:
        inside = [
            (second, isinstance(piece, motion.Stand))
            for piece in way
            if _near(piece, site.fence)
            for second in _seconds(piece)
            if site.fence.depth(piece.state(second).at) >= 0
        ]
        if inside:
            yield Passing(inside[0][0], site, sum(stands for _, stands in inside) * STEP_S)


def _near(piece: motion.Piece, fence: ground.Fence) -> bool:
    """Tell quickly whether a piece can touch a fence."""
    if isinstance(piece, motion.Stand):
        return math.dist(piece.at, fence.centre) <= fence.reach
    return any(_distance(fence.centre, a, b) <= fence.reach for a, b in itertools.pairwise(piece.path))


def _distance(point: ground.Point, a: ground.Point, b: ground.Point) -> float:
    """Return the distance of a point from a straight way."""
    along = (point.x - a.x) * (b.x - a.x) + (point.y - a.y) * (b.y - a.y)
    share = min(max(along / math.dist(a, b) ** 2, 0.0), 1.0)
    return math.dist(point, ground.between(a, b, share))
