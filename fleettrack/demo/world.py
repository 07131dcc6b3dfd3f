"""The simulated world: towns on European corridors, sites with fences, companies, trucks; all of it from a seed."""

from __future__ import annotations

import dataclasses
import math
import random
from typing import Literal, get_args

from fleettrack.demo import ground

TRUCKS_PER_TOWN = 8
DEPOTS = 3  # sites in a town where goods are taken on
DROPS = 6  # … where they are delivered
SITE_APART_M = 850.0  # so that no fence of up to 220 m reaches near another
SITE_WITHIN_M = 2_300.0  # of the town's centre: last miles of a few minutes
SILENCE_S = 3_600.0
"""In the demo a truck that stands and goes silent is not taken to have arrived before an hour has passed (a setting of
each fence; five minutes else): when the fleet is stopped, arrivals stop."""

TOWNS = (
    ("Rotterdam", 51.909, 4.462, "Europe/Amsterdam"),
    ("Basel", 47.561, 7.602, "Europe/Zurich"),
    ("Wrocław", 51.099, 17.009, "Europe/Warsaw"),
    ("Lyon", 45.735, 4.881, "Europe/Paris"),
    ("Duisburg", 51.428, 6.735, "Europe/Berlin"),
    ("Verona", 45.411, 10.975, "Europe/Rome"),
    ("Brno", 49.181, 16.617, "Europe/Prague"),
    ("Zaragoza", 41.658, -0.922, "Europe/Madrid"),
    ("Malmö", 55.583, 13.034, "Europe/Stockholm"),
    ("Győr", 47.677, 17.651, "Europe/Budapest"),
    ("Mannheim", 49.489, 8.488, "Europe/Berlin"),
    ("Antwerpen", 51.228, 4.413, "Europe/Brussels"),
)
"""Name, latitude, longitude, time zone: towns on the Rhine–Alpine, North Sea–Baltic and Mediterranean corridors."""

CARRIERS = ("Alpen Trans", "Rijnlijn Cargo", "Vistula Freight", "Iberlog")
SHIPPERS = ("Helvia Pharma", "Nordwerk Devices", "Tessaro Medical")
RECEIVERS = ("Central Pharmacy", "University Hospital", "Device Service", "Clinic South", "Medical Store", "Laboratory")

Talk = Literal["nmea-login", "json", "nmea-prefix", "nmea-udp"]
"""How a tracker talks: NMEA over TCP after a login; JSON over HTTP; NMEA with its id in front over TCP, or over UDP."""
TALKS: tuple[Talk, ...] = get_args(Talk)


@dataclasses.dataclass(frozen=True, slots=True)
class Company:
    """A party of the service."""

    ref: str
    name: str


@dataclasses.dataclass(frozen=True, slots=True)
class Site:
    """A place with its fence; `party` is whose it is."""

    ref: str
    name: str
    kind: Literal["depot", "drop", "fuel"]
    party: Company
    fence: ground.Fence


@dataclasses.dataclass(frozen=True, slots=True)
class Town:
    """A piece of ground with its sites."""

    name: str
    timezone: str
    centre: ground.Centre
    sites: tuple[Site, ...]

    def of_kind(self, kind: str) -> tuple[Site, ...]:
        """Return the sites of a kind."""
        return tuple(site for site in self.sites if site.kind == kind)


@dataclasses.dataclass(frozen=True, slots=True)
class Truck:
    """A vehicle, and the tracker on it: how it talks, and how often."""

    number: int
    ref: str  # of the vehicle
    tracker: str  # identity of the tracker
    carrier: Company
    town: Town
    talk: Talk
    every_s: int  # seconds between fixes


@dataclasses.dataclass(frozen=True, slots=True)
class World:
    """Everything that is there before the first truck moves. `tag` makes its references unique in a reused database."""

    seed: int
    tag: str
    carriers: tuple[Company, ...]
    shippers: tuple[Company, ...]
    towns: tuple[Town, ...]
    trucks: tuple[Truck, ...]

    def companies(self) -> list[Company]:
        """Return all parties, each once."""
        owners = [site.party for town in self.towns for site in town.sites]
        return list(dict.fromkeys([*self.carriers, *self.shippers, *owners]))

    def sites(self) -> list[tuple[Town, Site]]:
        """Return all sites with their towns."""
        return [(town, site) for town in self.towns for site in town.sites]


def build(seed: int, trucks: int) -> World:
    """Return the world of a seed; the same arguments give the same world in any process."""
    rng = random.Random(f"world/{seed}")
    tag = f"{rng.getrandbits(20):05x}"
    carriers = tuple(Company(f"{tag}-carrier-{i}", name) for i, name in enumerate(CARRIERS, 1))
    shippers = tuple(Company(f"{tag}-shipper-{i}", name) for i, name in enumerate(SHIPPERS, 1))
    count = min(len(TOWNS), math.ceil(trucks / TRUCKS_PER_TOWN))
    towns = tuple(_town(rng, tag, i, shippers, carriers[i % len(carriers)]) for i in range(count))
    fleet = tuple(
        _truck(rng, tag, n, count, towns[n % count], carriers[n % count % len(carriers)]) for n in range(trucks)
    )
    return World(seed, tag, carriers, shippers, towns, fleet)


def _town(rng: random.Random, tag: str, number: int, shippers: tuple[Company, ...], carrier: Company) -> Town:
    name, lat, lon, zone = TOWNS[number]
    spots = _spread(rng, DEPOTS + DROPS + 1)
    sites: list[Site] = []
    for i, spot in enumerate(spots, 1):
        ref = f"{tag}-{name.lower()}-{i}"
        if i <= DEPOTS:
            shipper = shippers[i - 1]
            sites.append(Site(ref, f"{shipper.name} DC {name}", "depot", shipper, _fence(rng, spot)))
        elif i <= DEPOTS + DROPS:
            receiver = Company(f"{ref}-receiver", f"{name} {RECEIVERS[i - DEPOTS - 1]}")
            sites.append(Site(ref, receiver.name, "drop", receiver, _fence(rng, spot)))
        else:
            sites.append(Site(ref, f"Truck stop {name}", "fuel", carrier, _fence(rng, spot)))
    return Town(name, zone, ground.Centre(lat, lon), tuple(sites))


def _spread(rng: random.Random, number: int) -> list[ground.Point]:
    """Return points near the centre, none too near another."""
    spots: list[ground.Point] = []
    while len(spots) < number:
        way = SITE_WITHIN_M * math.sqrt(rng.random())
        spot = ground.towards(ground.Point(0, 0), rng.uniform(0, 2 * math.pi), way)
        if all(math.dist(spot, other) >= SITE_APART_M for other in spots):
            spots.append(spot)
    return spots


def _fence(rng: random.Random, centre: ground.Point) -> ground.Fence:
    size = round(rng.uniform(130, 220), 1)
    if rng.random() < 0.5:
        return ground.Circle(centre, size)
    return ground.regular(centre, size, rng.choice((4, 5, 6)), rng.uniform(0, math.pi))


def _truck(rng: random.Random, tag: str, number: int, towns: int, town: Town, carrier: Company) -> Truck:
    talk = TALKS[(number + number // towns) % len(TALKS)]  # every town has all kinds
    imei = f"{rng.randrange(10**14, 10**15)}"
    ref = f"{tag}-truck-{number + 1:03d}"
    tracker = imei if talk == "nmea-login" else f"{tag}-gps-{number + 1:03d}"
    return Truck(number, ref, tracker, carrier, town, talk, rng.choice((5, 10, 10, 15)))
