"""What trackers send: the same reports as NMEA sentences and as JSON pings."""

from __future__ import annotations

import datetime as dt
import functools
import operator
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from benchmarks import fleet

KNOTS_PER_MPS = 3600 / 1852


def rmc(pings: fleet.Pings, identities: Sequence[str]) -> list[bytes]:
    """Return one RMC sentence a report, each behind its tracker's identity."""
    return [
        _sentence(who, f"GPRMC,{clock},A,{lat},{lon},{speed:.1f},{course:.1f},{date},,,A")
        for who, clock, date, lat, lon, speed, course in _fields(pings, identities)
    ]


def rmc_gga(pings: fleet.Pings, identities: Sequence[str]) -> list[bytes]:
    """Return RMC and GGA of one epoch a report."""
    return [
        _sentence(who, f"GPRMC,{clock},A,{lat},{lon},{speed:.1f},{course:.1f},{date},,,A")
        + _sentence(who, f"GPGGA,{clock},{lat},{lon},1,09,0.9,408.1,M,48.0,M,,")
        for who, clock, date, lat, lon, speed, course in _fields(pings, identities)
    ]


def _fields(pings: fleet.Pings, identities: Sequence[str]) -> Iterator[tuple[str, str, str, str, str, float, float]]:
    speeds = (pings.speed_mps * KNOTS_PER_MPS).tolist()
    columns = zip(
        pings.truck.tolist(), pings.time_ms.tolist(), pings.lat.tolist(), pings.lon.tolist(), speeds,
        pings.course.tolist(), strict=True,
    )  # fmt: skip
    for truck, ms, lat, lon, speed, course in columns:
        clock, date = _moment(ms)
        yield identities[truck], clock, date, _angle(lat, 2, "NS"), _angle(lon, 3, "EW"), abs(speed), course % 360


@functools.lru_cache(maxsize=100_000)
def _moment(ms: int) -> tuple[str, str]:
    at = dt.datetime.fromtimestamp(ms / 1000, dt.UTC)
    return f"{at:%H%M%S}.{ms % 1000 // 10:02d}", f"{at:%d%m%y}"


def _angle(degrees: float, width: int, letters: str) -> str:
    minutes = round(abs(degrees) * 600_000)  # 1e-4 minutes
    whole, part = divmod(minutes, 600_000)
    return f"{whole:0{width}d}{part / 10_000:07.4f},{letters[degrees < 0]}"


def _sentence(who: str, body: str) -> bytes:
    return b"%s$%s*%02X\r\n" % (who.encode(), body.encode(), functools.reduce(operator.xor, body.encode()))


def json_pings(pings: fleet.Pings, identities: Sequence[str]) -> list[bytes]:
    """Return one JSON object a report."""
    times = np.datetime_as_string(pings.time_ms.astype("datetime64[ms]"), timezone="UTC").tolist()
    rows = zip(
        pings.truck.tolist(), times, np.round(pings.lat, 7).tolist(), np.round(pings.lon, 7).tolist(),
        np.round(np.abs(pings.speed_mps), 2).tolist(), np.round(pings.course, 1).tolist(), strict=True,
    )  # fmt: skip
    encode = msgspec.json.Encoder().encode
    return [
        encode({"tracker": identities[t], "time": at, "lat": lat, "lon": lon, "speed_mps": v, "course": course})
        for t, at, lat, lon, v, course in rows
    ]


def post(path: str, token: str, body: bytes) -> bytes:
    """Return a whole HTTP request."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
