"""A recorded day of the buses of Austin: pings of many vehicles, and the trips they belong to; how each is sent.

`speed` is in metres per second: each value is a whole number of miles per hour times 0.44704, and where buses drive
steadily it equals the distance between two pings over their time. 255 mph is the device's word for "not known".
"""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import functools
import gzip
import operator
import zlib
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fleettrack.domain import fix, units

MPH = 0.44704
KNOT_CMS = 100 * 1852 / 3600
UNKNOWN_MPH = 255
SECRET = "austin"  # by which a bus proves itself where the transport does not


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Ping:
    """One row; positions and speed as they are stored."""

    vehicle: str
    time_ms: int
    lat_e7: int
    lon_e7: int
    speed_cms: int | None
    trip: str

    @property
    def tracker(self) -> str:
        """Return the identity under which it is sent."""
        return f"bus-{self.vehicle}"

    def json(self) -> dict[str, Any]:
        """Return it as our JSON."""
        said = {
            "tracker": self.tracker,
            "time": units.utc(self.time_ms).isoformat(timespec="milliseconds"),
            "lat": self.lat_e7 / fix.E7,
            "lon": self.lon_e7 / fix.E7,
        }
        return said if self.speed_cms is None else said | {"speed_mps": self.speed_cms / 100}

    def rmc(self) -> bytes:
        """Return it as a sentence with its identity before it, with so many digits that nothing is lost."""
        speed = "" if self.speed_cms is None else f"{self.speed_cms / KNOT_CMS:.4f}"
        lat, lon = _angle(self.lat_e7, 2, "NS"), _angle(self.lon_e7, 3, "EW")
        at = units.utc(self.time_ms)
        body = f"GPRMC,{at:%H%M%S}.{self.time_ms % 1000:03d},A,{lat},{lon},{speed},,{at:%d%m%y},,"
        checksum = functools.reduce(operator.xor, body.encode())
        return f"{self.tracker}~{SECRET}${body}*{checksum:02X}\r\n".encode()

    @property
    def lot(self) -> int:
        """Return a number by which to choose: the same in every run."""
        return zlib.crc32(f"{self.vehicle} {self.time_ms} {self.lat_e7} {self.lon_e7}".encode())


Day = Mapping[str, list[Ping]]
"""The pings of each vehicle in order of time, vehicles in order of their numbers."""


def read(path: Path) -> Day:
    """Read a day."""
    found: defaultdict[str, list[Ping]] = defaultdict(list)
    with gzip.open(path, "rt", newline="") as file:
        for row in csv.DictReader(file):
            found[row["vehicle_id"]].append(
                Ping(
                    vehicle=row["vehicle_id"],
                    time_ms=units.to_ms(dt.datetime.fromisoformat(row["timestamp"])),
                    lat_e7=fix.to_e7(float(row["latitude"])),
                    lon_e7=fix.to_e7(float(row["longitude"])),
                    speed_cms=_speed(float(row["speed"])),
                    trip=row["trip_id"],
                )
            )
    return {vehicle: sorted(found[vehicle]) for vehicle in sorted(found)}


def _speed(mps: float) -> int | None:
    return None if round(mps / MPH) == UNKNOWN_MPH else round(mps * 100)


def _angle(e7: int, digits: int, letters: str) -> str:
    """Return an angle as whole degrees and minutes; 1e-7 degrees are 6e-6 minutes exactly."""
    degrees, rest = divmod(abs(e7), fix.E7)
    minutes, part = divmod(rest * 60, fix.E7)
    return f"{degrees:0{digits}d}{minutes:02d}.{part:07d},{letters[e7 < 0]}"
