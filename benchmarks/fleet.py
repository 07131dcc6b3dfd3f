"""A moving fleet with known tracks: trucks that shuttle between two places, stand there, and report at a cadence."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from fleettrack.domain import fix

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TOWNS = 500
TOWN_M = 3_000.0  # how far a place lies from the middle of its town
WEST, SOUTH, EAST, NORTH = 6.0, 46.0, 14.0, 51.0
METRES_PER_DEGREE = 111_195.0
TOWN_MPS, ROAD_MPS = 12.0, 22.0
PARKED_S = 1e6  # longer than any benchmark
NOISE_M = 4.0
SHAPES = (0, 8, 24, 64)  # vertices of the fences; 0 is a circle


@dataclasses.dataclass(frozen=True, slots=True)
class Ground:
    """Places by number: where they are, in which town, and how large their fence is."""

    lat: Floats
    lon: Floats
    town: Ints
    radius_m: Floats

    def __len__(self) -> int:
        return len(self.lat)

    @classmethod
    def make(cls, places: int, random: np.random.Generator) -> Ground:
        """Scatter places over towns."""
        town = np.arange(places) % TOWNS
        lat = random.uniform(SOUTH, NORTH, TOWNS)[town]
        lon = random.uniform(WEST, EAST, TOWNS)[town]
        north, east = _disc(places, TOWN_M, random)
        return cls(
            lat=lat + north / METRES_PER_DEGREE,
            lon=lon + east / (METRES_PER_DEGREE * np.cos(np.radians(lat))),
            town=town,
            radius_m=random.uniform(80, 250, places),
        )

    def shape(self, place: int) -> dict[str, Any]:
        """Return a place's fence as GeoJSON, or a circle in metres."""
        lat, lon, radius = float(self.lat[place]), float(self.lon[place]), float(self.radius_m[place])
        vertices = SHAPES[place % len(SHAPES)]
        if not vertices:
            return {"type": "Circle", "lat": lat, "lon": lon, "radius_m": radius}
        angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
        reach = radius * (1 + 0.15 * np.sin(3 * angle)) / METRES_PER_DEGREE
        ring = np.column_stack((lon + reach * np.cos(angle) / np.cos(np.radians(lat)), lat + reach * np.sin(angle)))
        return {"type": "Polygon", "coordinates": [[*ring.tolist(), ring[0].tolist()]]}

    def metres(self, a: Ints, b: Ints) -> Floats:
        """Return how far places are apart."""
        east = (self.lon[b] - self.lon[a]) * np.cos(np.radians(self.lat[a]))
        return np.hypot(self.lat[b] - self.lat[a], east) * METRES_PER_DEGREE

    def neighbours(self, wanted_m: float) -> Ints:
        """Return for each place the one of its town whose distance from it is nearest to the wanted one."""
        found = np.zeros(len(self), np.int64)
        for town in range(TOWNS):
            mine = np.flatnonzero(self.town == town)
            if len(mine) < 2:
                continue
            off = np.abs(self.metres(mine[:, None], mine[None, :]) - wanted_m)
            np.fill_diagonal(off, np.inf)
            found[mine] = mine[np.argmin(off, axis=1)]
        return found


@dataclasses.dataclass(frozen=True, slots=True)
class Fleet:
    """Trucks by number: their two places, how long they stand at each, their speed, when a round begins (seconds)."""

    ground: Ground
    start: Ints
    end: Ints
    stand_s: Floats
    speed_mps: Floats
    begin_s: Floats

    def __len__(self) -> int:
        return len(self.start)

    def positions(self, truck: Ints, at_s: Floats, random: np.random.Generator) -> Pings:
        """Return what these trucks report at these seconds; at `begin_s` a truck comes to stand at its start."""
        ground, start, end = self.ground, self.start[truck], self.end[truck]
        speed, stand = self.speed_mps[truck], self.stand_s[truck]
        drive = ground.metres(start, end) / speed
        phase = np.mod(at_s - self.begin_s[truck], 2 * (stand + drive))
        back = phase >= stand + drive
        share = np.clip((np.where(back, phase - stand - drive, phase) - stand) / drive, 0, 1)
        moving = (share > 0) & (share < 1)
        share = np.where(back, 1 - share, share)
        north, east = random.normal(0, NOISE_M, (2, len(truck)))
        lat = ground.lat[start] + share * (ground.lat[end] - ground.lat[start]) + north / METRES_PER_DEGREE
        lon = ground.lon[start] + share * (ground.lon[end] - ground.lon[start])
        lon = lon + east / (METRES_PER_DEGREE * np.cos(np.radians(lat)))
        way = np.degrees(np.arctan2(ground.lon[end] - ground.lon[start], ground.lat[end] - ground.lat[start]))
        return Pings(
            truck=truck,
            time_ms=np.rint(at_s * 1000).astype(np.int64),
            lat=lat,
            lon=lon,
            speed_mps=np.where(moving, speed + random.normal(0, 1, len(truck)), 0.0),
            course=np.mod(way + 180 * back, 360),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Pings:
    """Reports as columns: truck number, ms since 1970, degrees, m/s, degrees true."""

    truck: Ints
    time_ms: Ints
    lat: Floats
    lon: Floats
    speed_mps: Floats
    course: Floats

    def __len__(self) -> int:
        return len(self.truck)

    def __getitem__(self, rows: Ints | slice | npt.NDArray[np.bool_]) -> Pings:
        return Pings(*(getattr(self, field.name)[rows] for field in dataclasses.fields(self)))

    @property
    def lat_e7(self) -> Ints:
        """Latitude in the stored unit."""
        return np.rint(self.lat * fix.E7).astype(np.int64)

    @property
    def lon_e7(self) -> Ints:
        """Longitude in the stored unit."""
        return np.rint(self.lon * fix.E7).astype(np.int64)


def shuttles(ground: Ground, start: Ints, hop_m: float, stand_s: Floats, begin_s: Floats) -> Fleet:
    """Return trucks that shuttle between a place and one of the same town about `hop_m` away."""
    end = ground.neighbours(hop_m)[start]
    return Fleet(ground, start, end, stand_s, np.full(len(start), TOWN_MPS), begin_s)


def travellers(ground: Ground, start: Ints, stand_s: Floats, begin_s: Floats) -> Fleet:
    """Return trucks that drive between a place and one of a town far away."""
    end = (start + len(ground) // 2 + 1) % len(ground)
    return Fleet(ground, start, end, stand_s, np.full(len(start), ROAD_MPS), begin_s)


def together(*fleets: Fleet) -> Fleet:
    """Return all trucks, numbered on from fleet to fleet."""
    names = ("start", "end", "stand_s", "speed_mps", "begin_s")
    return Fleet(fleets[0].ground, *(np.concatenate([getattr(f, name) for f in fleets]) for name in names))


@dataclasses.dataclass(frozen=True, slots=True)
class Habits:
    """What the trucks of a mixed fleet do."""

    hop_m: float  # between the two places that a truck serves
    stand_s: tuple[float, float]  # how long it stands at each
    laden: float = 0.05  # shares of the fleet: those that serve two places and carry a consignment between them,
    serving: float = 0.2  # all that serve two places,
    parked: float = 0.03  # those that are parked at one and report on; the others are under way and pass by places


def mixed(ground: Ground, trucks: int, habits: Habits, from_s: float, random: np.random.Generator) -> Fleet:
    """Return a fleet whose laden trucks, the first ones, stand at their start when the reports begin."""
    laden, serving, parked = (round(trucks * share) for share in (habits.laden, habits.serving, habits.parked))
    starts = random.permutation(len(ground))[:trucks]
    begin_s = from_s - random.uniform(0, 1_000, trucks)
    begin_s[:laden] = from_s + random.uniform(-10, 10, laden)
    stand_s = random.uniform(*habits.stand_s, serving)
    still = serving + parked
    return together(
        shuttles(ground, starts[:serving], habits.hop_m, stand_s, begin_s[:serving]),
        travellers(ground, starts[serving:still], np.full(parked, PARKED_S), begin_s[serving:still]),
        travellers(ground, starts[still:], np.zeros(trucks - still), begin_s[still:]),
    )


def rounds(fleet: Fleet, from_s: float, cadence_s: float, count: int, random: np.random.Generator) -> Pings:
    """Return `count` reports of every truck from a time on, in order of time; each truck has its own second."""
    trucks = len(fleet)
    offset = random.integers(0, max(1, int(cadence_s)), trucks).astype(np.float64)
    at = from_s + np.arange(count)[:, None] * cadence_s + offset[None, :]
    truck = np.broadcast_to(np.arange(trucks), at.shape)
    order = np.argsort(at.ravel(), kind="stable")
    return fleet.positions(truck.ravel()[order], at.ravel()[order], random)


def _disc(count: int, radius_m: float, random: np.random.Generator) -> tuple[Floats, Floats]:
    reach, angle = radius_m * np.sqrt(random.random(count)), random.uniform(0, 2 * np.pi, count)
    return reach * np.sin(angle), reach * np.cos(angle)
