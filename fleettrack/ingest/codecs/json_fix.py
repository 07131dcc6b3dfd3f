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


class Quantity(msgspec.Struct, frozen=True):
    """A field of a ping: which of a fix it becomes, times what, and beyond which stored number it is no measurement."""

    name: str
    column: str
    factor: float
    limit: int
    signed: bool = False  # senders write a negative number for unknown where none can be meant


QUANTITIES = (
    Quantity("speed_mps", "speed_cms", quantities.CMS_PER_MPS, quantities.SPEED_LIMIT_CMS),
    Quantity("speed_kmh", "speed_cms", quantities.CMS_PER_KMH, quantities.SPEED_LIMIT_CMS),
    Quantity("speed_kn", "speed_cms", quantities.CMS_PER_KNOT, quantities.SPEED_LIMIT_CMS),
    Quantity("course", "course_ddeg", 10, 3600),
    Quantity("altitude_m", "altitude_dm", 10, quantities.ALTITUDE_LIMIT_DM, signed=True),
    Quantity("accuracy_m", "accuracy_dm", 10, quantities.ACCURACY_LIMIT_DM),
    Quantity("hdop", "hdop_centi", 100, quantities.HDOP_LIMIT_CENTI),
    Quantity("satellites", "satellites", 1, quantities.SATELLITES_LIMIT),
    Quantity("battery_pct", "battery_pct", 1, 100),
)
FULL_CIRCLE = 3600  # tenths of a degree: a course of 360 is 0

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
    moment = time_ms(ping.time)
    problem = quantities.time_problem(moment, reference_ms)
    if problem:
        raise decoder.Refusal("time_range", problem)
    return fix.Fix(
        tracker=_text(ping.tracker, "tracker") or tracker,
        time_ms=moment,
        lat_e7=lat,
        lon_e7=lon,
        **_measured(ping),
        flags=int(fix.Flag.ZERO) if lat == 0 == lon else 0,
        ping_id=ping_id(ping),
        attributes=attributes(ping.sensors, unknown),
    )


def _measured(ping: Ping) -> dict[str, int | None]:
    """Return what was measured beside time and position: of the fields that a sender may leave out those it sent."""
    found: dict[str, int | None] = {}
    for quantity in QUANTITIES:
        value = getattr(ping, quantity.name)
        if value is not None:
            if quantity.column in found:
                raise decoder.Refusal("malformed", "Only one of speed_mps, speed_kmh and speed_kn can be given.")
            found[quantity.column] = _stored(quantity, value)
    if "course_ddeg" in found:
        found["course_ddeg"] = None if found["course_ddeg"] is None else found["course_ddeg"] % FULL_CIRCLE
    if "hdop_centi" in found:
        found["hdop_centi"] = found["hdop_centi"] or None  # an HDOP of 0 does not exist
    return found


def _stored(quantity: Quantity, value: float) -> int | None:
    if value < 0 and not quantity.signed:
        return None
    stored = quantities.scaled(value, quantity.factor, quantity.limit)
    if stored is None:
        raise decoder.Refusal("number", f"{quantity.name} is {value:g}, which nobody can have measured.")
    return stored


def ping_id(ping: Ping) -> str | None:
    """Return the sender's own id. Raises decoder.Refusal where it is none."""
    return None if ping.id is None else _text(str(ping.id), "id")


def _degrees(value: float | None, name: str, most: int) -> int:
    if value is None:
        raise decoder.Refusal(name, f"The {name} is missing.")
    if not math.isfinite(value):
        raise decoder.Refusal("number", f"The {name} is not a finite number.")
    if not -most <= value <= most:
        raise decoder.Refusal(name)
    return fix.to_e7(value)


def time_ms(value: str | float | None) -> int:
    """Return milliseconds since 1970, cut, of RFC 3339 or a number of seconds or milliseconds.

    Raises decoder.Refusal where it is neither.
    """
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


def _text(text: str | None, name: str) -> str | None:
    if text and not fix.is_identity(text):
        raise decoder.Refusal("encoding", f"{name} is not printable text of at most {TEXT_LIMIT} characters.")
    return text or None


def attributes(sensors: dict[str, Any] | None, unknown: dict[str, Any] | None = None) -> dict[str, Any] | None:
    """Return what is kept of a ping beside its fields. Raises decoder.Refusal where a database cannot hold it."""
    if sensors is None and not unknown:
        return None
    kept = dict(unknown or {})
    if sensors is not None:
        kept["sensors"] = sensors
    _check(kept, DEPTH_LIMIT)
    return kept


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
