"""How trackers say a report: sentences of NMEA 0183, or JSON pings."""

from __future__ import annotations

import datetime as dt
import json

from fleettrack.client import opening, parcel
from fleettrack.demo import trackers, world

KNOT_MPS = 1852 / 3600
METRES_PER_HDOP = 5.0


def say(truck: world.Truck, report: trackers.Report) -> parcel.Parcel:
    """Return a report in the words of the truck's tracker."""
    time_ms = report.time_s * 1000
    if truck.talk == "json":
        return parcel.Parcel(_ping(truck, report), time_ms)
    prefix = {"nmea-login": b"", "nmea-prefix": truck.tracker.encode(), "nmea-udp": truck.tracker.encode() + b","}
    lines = [prefix[truck.talk] + line for line in sentences(report)]
    return parcel.Parcel(b"".join(lines), time_ms, login(truck), frozenset((prefix[truck.talk],)))


def login(truck: world.Truck) -> bytes:
    """Return what a tracker says at the start of a connection."""
    return opening.login(truck.tracker) if truck.talk == "nmea-login" else b""


def sentences(report: trackers.Report) -> list[bytes]:
    """Return RMC and GGA of one second; where the receiver has no position, a void RMC."""
    when = dt.datetime.fromtimestamp(report.time_s, dt.UTC)
    clock, date = f"{when:%H%M%S}.00", f"{when:%d%m%y}"
    if report.void:
        return [opening.sentence(f"GPRMC,{clock},V,,,,,,,{date},,,N")]
    where = f"{_angle(report.lat, 2, 'NS')},{_angle(report.lon, 3, 'EW')}"
    moving = f"{report.speed / KNOT_MPS:.2f},{report.course:.1f}"
    return [
        opening.sentence(f"GPRMC,{clock},A,{where},{moving},{date},,,A"),
        opening.sentence(f"GPGGA,{clock},{where},1,09,{report.hdop:.1f},120.0,M,47.0,M,,"),
    ]


def _angle(degrees: float, digits: int, letters: str) -> str:
    """Return degrees and minutes to 1e-5 of a minute (2 cm), and the hemisphere."""
    units = round(abs(degrees) * 60e5)
    whole, minutes = divmod(units, 60 * 10**5)
    return f"{whole:0{digits}d}{minutes / 1e5:08.5f},{letters[degrees < 0]}"


def _ping(truck: world.Truck, report: trackers.Report) -> bytes:
    """Return a ping; a phone without a position sends zeros."""
    lat, lon = (0.0, 0.0) if report.void else (report.lat, report.lon)
    said: dict[str, object] = {
        "tracker": truck.tracker,
        "time": report.time_s * 1000,
        "lat": round(lat, 7),
        "lon": round(lon, 7),
        "speed_kmh": round(report.speed * 3.6, 2),
        "course": round(report.course, 1),
        "accuracy_m": round(report.hdop * METRES_PER_HDOP, 1),
    }
    return json.dumps(said, separators=(",", ":")).encode()
