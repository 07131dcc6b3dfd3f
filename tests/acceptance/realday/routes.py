"""Where the trips of a day begin and end: places with fences, and a consignment for each vehicle and trip."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import capmetro
import numpy as np
from pyproj import Geod

from benchmarks import clusters
from fleettrack.domain import fix
from fleettrack.serials import gs1

RADIUS_M = 150.0  # of each fence
REACH_M = 80.0  # ends of trips closer than this belong together
LEAST = 5  # so many ends make a place
APART_M = 400.0  # places closer than this would share arrivals: the busier one is kept
NEAR_M = 300.0  # a trip that ends further from any place than this ends nowhere
PINGS_MIN = 3  # of a trip worth a consignment
AFTER_MS = 1_800_000  # how long the goods of a vehicle's last trip may still be watched
GTIN = "09506000134352"

EARTH = Geod(ellps="WGS84")


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """A route end; its owner ships what starts here and gets what ends here."""

    ref: str
    lat: float
    lon: float

    @property
    def owner(self) -> str:
        """Return the party whose place it is."""
        return f"owner-{self.ref}"

    def circle(self, radius_m: float = RADIUS_M) -> dict[str, Any]:
        """Return a fence round it."""
        return {"type": "Circle", "lat": self.lat, "lon": self.lon, "radius_m": radius_m}


@dataclasses.dataclass(frozen=True, slots=True)
class Trip:
    """A consignment on a vehicle's trip: its goods are on board from the trip's first ping to the next trip's first."""

    ref: str
    number: int
    vehicle: str
    pickup: Place
    drop: Place
    from_ms: int
    last_ms: int
    to_ms: int

    @property
    def tracker(self) -> str:
        """Return the tracker of its vehicle."""
        return f"bus-{self.vehicle}"

    @property
    def by_load(self) -> bool:
        """Whether its goods are scanned onto the vehicle that has the tracker; else it is put on the consignment."""
        return scans(self.vehicle)

    @property
    def serials(self) -> list[str]:
        """Return what it ships: the first two in a case, the third without."""
        return [f"{self.ref}.{letter}" for letter in "abc"]

    @property
    def case(self) -> str:
        """Return the SSCC of its case."""
        body = f"195060001{self.number:08d}"
        return body + gs1.check_digit(body)


def scans(vehicle: str) -> bool:
    """Tell whether goods are scanned onto this vehicle, rather than given its tracker."""
    return int(vehicle) % 2 == 1


def metres(lat: float, lon: float, lats: Any, lons: Any) -> np.ndarray[Any, Any]:
    """Return the geodesic distance of many points from one."""
    lats, lons = np.asarray(lats, float), np.asarray(lons, float)
    return np.asarray(EARTH.inv(np.full(len(lats), lon), np.full(len(lats), lat), lons, lats)[2])


def runs(pings: Iterable[capmetro.Ping]) -> Iterator[list[capmetro.Ping]]:
    """Yield the trips of one vehicle."""
    run: list[capmetro.Ping] = []
    for ping in pings:
        if run and run[-1].trip != ping.trip:
            yield run
            run = []
        run.append(ping)
    if run:
        yield run


def places(day: capmetro.Day) -> list[Place]:
    """Return the ends that trips have in common, the busiest first."""
    ends = [end for pings in day.values() for run in runs(pings) if len(run) >= PINGS_MIN for end in (run[0], run[-1])]
    degrees = np.array([(end.lat_e7 / fix.E7, end.lon_e7 / fix.E7) for end in ends])
    origin = degrees.mean(axis=0)
    scale = np.array([111_320.0, 111_320.0 * math.cos(math.radians(origin[0]))])
    flat = (degrees - origin) * scale
    labels = clusters.dbscan(flat, REACH_M, LEAST)
    centres = clusters.centres(flat, labels)
    busy = np.argsort(-np.bincount(labels[labels >= 0]), kind="stable")
    kept: list[np.ndarray[Any, Any]] = []
    for centre in centres[busy]:
        if all(np.hypot(*(centre - other)) > APART_M for other in kept):
            kept.append(centre)
    found = [centre / scale + origin for centre in kept]
    return [Place(f"end-{i:02d}", round(float(lat), 5), round(float(lon), 5)) for i, (lat, lon) in enumerate(found)]


def trips(day: capmetro.Day, ends: list[Place]) -> list[Trip]:
    """Return the consignments of a day."""
    found: list[Trip] = []
    for vehicle, pings in day.items():
        made = list(runs(pings))
        for i, run in enumerate(made):
            pickup, drop = nearest(ends, run[0]), nearest(ends, run[-1])
            if len(run) < PINGS_MIN or pickup is None or drop is None or pickup == drop:
                continue
            to_ms = made[i + 1][0].time_ms if i + 1 < len(made) else run[-1].time_ms + AFTER_MS
            found.append(
                Trip(
                    ref=f"{vehicle}-{i:02d}",
                    number=len(found),
                    vehicle=vehicle,
                    pickup=pickup,
                    drop=drop,
                    from_ms=run[0].time_ms,
                    last_ms=run[-1].time_ms,
                    to_ms=to_ms,
                )
            )
    return found


def nearest(ends: list[Place], ping: capmetro.Ping) -> Place | None:
    """Return the place a trip begins or ends at."""
    far = metres(ping.lat_e7 / fix.E7, ping.lon_e7 / fix.E7, [p.lat for p in ends], [p.lon for p in ends])
    return ends[int(far.argmin())] if far.min() <= NEAR_M else None


def by_vehicle(made: Iterable[Trip]) -> Mapping[str, list[Trip]]:
    """Return trips by vehicle, in order."""
    found: dict[str, list[Trip]] = {}
    for trip in made:
        found.setdefault(trip.vehicle, []).append(trip)
    return found
