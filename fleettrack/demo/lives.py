"""One truck's day in the order of time: its fixes, what truly happens, and what people do about it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from fleettrack.demo import goods, motion, trackers, trips, world


class Fixes(NamedTuple):
    """What the tracker measured at a time; it has no network until `away_until_s`."""

    reports: list[trackers.Report]
    away_until_s: float


class Order(NamedTuple):
    """The dispatcher plans a trip's shipments."""

    shipments: tuple[goods.Shipment, ...]
    trip: trips.Trip


class Signature(NamedTuple):
    """The receiver signs for a shipment."""

    shipment: goods.Shipment


Act = Fixes | trips.Event | Order | Signature
Timed = tuple[float, Act]


def acts(truck: world.Truck, seed: int, start_s: float) -> Iterator[Timed]:
    """Yield (time, act) without end, in order; the same for the same arguments."""
    device = trackers.device(truck, seed, start_s)
    for trip in trips.of_truck(truck, seed, start_s):
        yield from heapq.merge(planned(trip), _fixes(device, trip), key=lambda timed: timed[0])


def planned(trip: trips.Trip) -> Sequence[Timed]:
    """Return all of a trip but the fixes, in order."""
    timed: list[Timed] = [(trip.start_s, Order(trip.shipments, trip))]
    for event in trip.events:
        if isinstance(event, trips.Arrival):
            timed.append((event.stopped_s, event))
            for shipment in event.delivered:
                if shipment.signed_after_s is not None:
                    timed.append((event.stopped_s + shipment.signed_after_s, Signature(shipment)))
        else:
            timed.append((event.time_s, event))
    return sorted(timed, key=lambda t: t[0])


def _fixes(device: trackers.Device, trip: trips.Trip) -> Iterator[Timed]:
    while device.next_s < trip.end_s:
        now = device.next_s
        reports = device.report(motion.state(trip.pieces, now))
        yield now, Fixes(reports, device.away_until_s)
