"""One JSON ping to one fix: ranges, units, and what a database cannot hold."""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import Any, NoReturn

import msgspec

from fleettrack.domain import fix, units
from fleettrack.ingest.codecs import decoder, quantities

TEXT_LIMIT = fix.IDENTITY_LIMIT  # also of an id, which is as good as one
DEPTH_LIMIT = 16  # of nesting, the item itself being the first; a ping with sensors needs two
INTEGER_LIMIT = 2**63 - 1  # of attributes: what JSON libraries can write again
MS_FROM = 1e11  # epoch numbers from here on are milliseconds: as seconds the year 5138, as milliseconds 1973

_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)


class Ping(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A ping as it is sent; None where it is not."""

    tracker: str | None = None
    time: str | int | float | None = None
    lat: float | None = None
    lon: float | None = None
    speed_mps: float | None = None
    speed_kmh: float | None = None
    speed_kn: float | None = None
    course: float | None = None
    altitude_m: float | None = None
    accuracy_m: float | None = None
    hdop: float | None = None
    satellites: float | None = None
    battery_pct: float | None = None
    sensors: dict[str, Any] | None = None
    id: str | int | None = None


FIELDS = frozenset(Ping.__struct_fields__)
_NOT_NUMBERS = {"tracker": "malformed", "sensors": "malformed", "id": "malformed", "time": "time"}
_WRONG_FIELD = re.compile(r"`\$\.(\w+)")


def identity(known: dict[str, Any]) -> str | None:
    """Return who an object says sent it, where that can be told at all."""
    tracker = known.get("tracker")
    return tracker if isinstance(tracker, str) and fix.is_identity(tracker) else None


def read(known: dict[str, Any]) -> Ping:
    """Return the ping of an object with no other than the known FIELDS."""
    try:
        return msgspec.convert(known, Ping)
    except msgspec.ValidationError as exc:
        field = _WRONG_FIELD.search(str(exc))
        reason = _NOT_NUMBERS.get(field[1], "number") if field else "malformed"
        raise decoder.Refusal(reason, f"{exc}.") from exc


def convert(
    ping: Ping, tracker: str | None, reference_ms: int | None, unknown: dict[str, Any] | None = None
) -> fix.Fix:
    """Return the fix of a ping; `tracker` is whose it is unless it says so, `unknown` its further fields.

    Raises decoder.Refusal where it cannot be used.
    """
    lat, lon = _degrees(ping.lat, "latitude", 90), _degrees(ping.lon, "longitude", 180)
    time_ms = _time_ms(ping.time)
    problem = quantities.time_problem(time_ms, reference_ms)
    if problem:
        raise decoder.Refusal("time_range", problem)
    course = None if ping.course is None else _known("course", ping.course, 10, 3600)
    return fix.Fix(
        tracker=_text(ping.tracker, "tracker") or tracker,
        time_ms=time_ms,
        lat_e7=lat,
        lon_e7=lon,
        speed_cms=_speed(ping),
        course_ddeg=None if course is None else course % 3600,
        **_beside(ping),
        flags=int(fix.Flag.ZERO) if lat == 0 == lon else 0,
        ping_id=_text(str(ping.id), "id") if ping.id is not None else None,
        attributes=_attributes(ping.sensors, unknown),
    )


def _beside(ping: Ping) -> dict[str, int | None]:
    """Return what else was measured: of the few fields that most senders leave out, only those that are there."""
    found: dict[str, int | None] = {}
    if ping.altitude_m is not None:
        found["altitude_dm"] = _number("altitude_m", ping.altitude_m, 10, quantities.ALTITUDE_LIMIT_DM)
    if ping.accuracy_m is not None:
        found["accuracy_dm"] = _known("accuracy_m", ping.accuracy_m, 10, quantities.ACCURACY_LIMIT_DM)
    if ping.hdop is not None:  # an HDOP of 0 does not exist
        found["hdop_centi"] = _known("hdop", ping.hdop, 100, quantities.HDOP_LIMIT_CENTI) or None
    if ping.satellites is not None:
        found["satellites"] = _known("satellites", ping.satellites, 1, quantities.SATELLITES_LIMIT)
    if ping.battery_pct is not None:
        found["battery_pct"] = _known("battery_pct", ping.battery_pct, 1, 100)
    return found


def _degrees(value: float | None, name: str, most: int) -> int:
    if value is None:
        raise decoder.Refusal(name, f"The {name} is missing.")
    if not math.isfinite(value):
        raise decoder.Refusal("number", f"The {name} is not a finite number.")
    if not -most <= value <= most:
        raise decoder.Refusal(name)
    return fix.to_e7(value)


def _time_ms(value: str | float | None) -> int:
    """Return milliseconds since 1970, cut, of RFC 3339 or a number of seconds or milliseconds."""
    if isinstance(value, str):
        try:
            return (
                units.to_ms(dt.datetime.fromisoformat(value.upper())) if _RFC3339.fullmatch(value) else _no_time(value)
            )
        except ValueError:
            return _no_time(value)
    if value is None or not math.isfinite(value):
        return _no_time(value)
    ms = value if abs(value) >= MS_FROM else value * 1000
    if isinstance(ms, int):
        return ms
    nearest = round(ms)  # heals binary dust: 1700000000.123 s are not ….1229999
    return nearest if abs(ms - nearest) < 1e-3 else math.floor(ms)


def _no_time(value: object) -> NoReturn:
    raise decoder.Refusal(
        "time", f"The time {value!r:.40} is neither RFC 3339 nor a number of seconds or milliseconds."
    )


def _speed(ping: Ping) -> int | None:
    if ping.speed_kmh is None and ping.speed_kn is None:
        mps = ping.speed_mps
        return None if mps is None else _known("speed_mps", mps, quantities.CMS_PER_MPS, quantities.SPEED_LIMIT_CMS)
    given = [
        (name, value, factor)
        for name, value, factor in (
            ("speed_mps", ping.speed_mps, quantities.CMS_PER_MPS),
            ("speed_kmh", ping.speed_kmh, quantities.CMS_PER_KMH),
            ("speed_kn", ping.speed_kn, quantities.CMS_PER_KNOT),
        )
        if value is not None
    ]
    if len(given) > 1:
        raise decoder.Refusal("malformed", "Only one of speed_mps, speed_kmh and speed_kn can be given.")
    return _known(*given[0], quantities.SPEED_LIMIT_CMS) if given else None


def _known(name: str, value: float, factor: float, limit: int) -> int | None:
    """Return a quantity in stored units; senders write a negative number for unknown."""
    return None if value < 0 else _number(name, value, factor, limit)


def _number(name: str, value: float, factor: float, limit: int) -> int:
    stored = quantities.scaled(value, factor, limit)
    if stored is None:
        raise decoder.Refusal("number", f"{name} is {value:g}, which nobody can have measured.")
    return stored


def _text(text: str | None, name: str) -> str | None:
    if text and not fix.is_identity(text):
        raise decoder.Refusal("encoding", f"{name} is not printable text of at most {TEXT_LIMIT} characters.")
    return text or None


def _attributes(sensors: dict[str, Any] | None, unknown: dict[str, Any] | None) -> dict[str, Any] | None:
    if sensors is None and not unknown:
        return None
    attributes = dict(unknown or {})
    if sensors is not None:
        attributes["sensors"] = sensors
    _check(attributes, DEPTH_LIMIT)
    return attributes


def _check(value: Any, room: int) -> None:
    """Refuse what JSON in a database cannot hold: broken text, NUL, numbers without a value, a bottomless pit."""
    if isinstance(value, dict | list):
        if room < 1:
            raise decoder.Refusal("too_deep")
        for inner in value:
            _check(inner, room - 1)
        if isinstance(value, dict):
            for inner in value.values():
                _check(inner, room - 1)
    elif isinstance(value, str):
        if "\0" in value or not is_text(value):
            raise decoder.Refusal("encoding")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise decoder.Refusal("number")
    elif isinstance(value, int) and not -INTEGER_LIMIT <= value <= INTEGER_LIMIT:
        raise decoder.Refusal("number")


def is_text(text: str) -> bool:
    """Say whether text is whole: neither made of broken UTF-8 nor holding half a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
