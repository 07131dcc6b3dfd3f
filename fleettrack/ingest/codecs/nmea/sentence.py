"""One sentence: parsed by pynmea2, its fields converted here.

pynmea2 answers the raw string where a field does not convert and 0.0 for an empty coordinate, takes the years 69 to 79
for 19xx, and calls a valid RMC invalid when its navigational status is V. So only its grammar and its names of the
fields are used, and every value is read from the field's own text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pynmea2

from fleettrack.domain import fix, units
from fleettrack.ingest.codecs import decoder, quantities
from fleettrack.ingest.codecs.nmea import values

_LEAST_FIELDS = {"RMC": 9, "GGA": 6, "GNS": 6, "GLL": 6}  # up to the date, or to what says whether it is valid
_VALID_QUALITIES = "123456789"  # GGA: 0 and an empty field claim no fix
_MADE_UP = frozenset("78")  # GGA quality: typed in by hand, simulator
_MADE_UP_MODES = frozenset("MS")  # the same in RMC, GLL and GNS


class Sentence(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one sentence says, in stored units; None where it says nothing. Position only where it is valid."""

    address: str  # talker and type: "GPRMC"
    kind: str  # type: "RMC"
    time_ms: int | None  # since midnight UTC
    valid: bool = True
    mock: bool = False
    day: int | None = None  # since 1970
    lat_e7: int | None = None
    lon_e7: int | None = None
    speed_cms: int | None = None
    course_ddeg: int | None = None
    altitude_dm: int | None = None
    hdop_centi: int | None = None
    satellites: int | None = None
    quality: int | None = None
    attributes: dict[str, Any] | None = None  # fields that could not be read, and what was appended
    raw: bytes = b""


def parse(address: str, text: str, raw: bytes) -> Sentence:
    """Return the sentence of one of the KINDS; text is what stands between `$` and the checksum.

    Raises decoder.Refusal where it cannot be used.
    """
    try:
        message = pynmea2.parse(text)
    except pynmea2.ParseError as exc:
        raise decoder.Refusal("malformed") from exc
    fields = _Fields(message)
    if len(message.data) < _LEAST_FIELDS.get(address[2:], 0):
        raise decoder.Refusal("malformed", "The sentence is cut.")
    said = KINDS[address[2:]](fields)
    return Sentence(address=address, kind=address[2:], attributes=fields.attributes(), raw=raw, **said)


class _Fields:
    """The fields of a pynmea2 sentence as text, by the names it gives them."""

    def __init__(self, message: Any) -> None:
        self._data: list[str] = message.data
        self._index: dict[str, int] = message.name_to_idx
        self._unreadable: dict[str, str] = {}

    def text(self, name: str) -> str:
        """Return a field, empty where it is missing."""
        i = self._index[name]
        return self._data[i] if i < len(self._data) else ""

    def number(self, name: str, factor: float, limit: int, *, least: int = 0) -> int | None:
        """Return a number in stored units; None where it is empty, and where it cannot be meant, which is noted."""
        text = self.text(name)
        if not text:
            return None
        value = values.decimal(text)
        stored = None if value is None else quantities.scaled(value, factor, limit)
        if stored is None or stored < least:
            self._unreadable[name] = text
            return None
        return stored

    def course(self, name: str) -> int | None:
        """Return a course in tenths of a degree, 360 being 0."""
        course = self.number(name, 10, 3600)
        return None if course is None else course % 3600

    def attributes(self) -> dict[str, Any] | None:
        """Return the fields that could not be read."""
        return {"unreadable": self._unreadable} if self._unreadable else None

    def time(self, *, valid: bool) -> int | None:
        """Return the time of day; only a sentence without a fix may come without."""
        text = self.text("timestamp")
        if not text and not valid:
            return None
        time_ms = values.time_of_day_ms(text)
        if time_ms is None:
            raise decoder.Refusal("time", f"The time of day {text!r} is not hhmmss.")
        return time_ms

    def position(self) -> dict[str, int]:
        """Return latitude and longitude in 1e-7 degrees."""
        return {
            "lat_e7": self._angle("lat", "latitude", "NS", 90),
            "lon_e7": self._angle("lon", "longitude", "EW", 180),
        }

    def _angle(self, name: str, reason: str, letters: str, most: int) -> int:
        text, letter = self.text(name), self.text(f"{name}_dir")
        angle = values.angle_e7(text)
        if angle is None or len(letter) != 1 or letter not in letters:
            raise decoder.Refusal("malformed", f"The {reason} {text!r} {letter!r} cannot be read.")
        if angle > most * fix.E7:
            raise decoder.Refusal(reason)
        return -angle if letter == letters[1] else angle


def _status(fields: _Fields, mode: str) -> dict[str, bool]:
    """Read status A or V, and the mode of newer receivers, in which N takes the A back."""
    status = fields.text("status")
    if status not in ("A", "V"):
        raise decoder.Refusal("malformed", f"The status {status!r} is neither A nor V.")
    return {"valid": status == "A" and fields.text(mode) != "N", "mock": fields.text(mode) in _MADE_UP_MODES}


def _rmc(fields: _Fields) -> dict[str, Any]:
    said: dict[str, Any] = _status(fields, "mode_indicator")
    valid = said["valid"]
    text = fields.text("datestamp")
    said |= {"time_ms": fields.time(valid=valid), "day": values.day(text)}
    if not valid:
        return said
    if text and said["day"] is None:
        raise decoder.Refusal("time", f"The date {text!r} is not ddmmyy.")
    speed = fields.number("spd_over_grnd", quantities.CMS_PER_KNOT, quantities.SPEED_LIMIT_CMS)
    return said | fields.position() | {"speed_cms": speed, "course_ddeg": fields.course("true_course")}


def _gga(fields: _Fields) -> dict[str, Any]:
    quality = fields.text("gps_qual")
    if quality not in ("", "0", *_VALID_QUALITIES):
        raise decoder.Refusal("malformed", f"The fix quality {quality!r} is not one digit.")
    valid = quality not in ("", "0")
    said: dict[str, Any] = {"valid": valid, "mock": quality in _MADE_UP, "time_ms": fields.time(valid=valid)}
    said["quality"] = int(quality) if quality else None
    return said | fields.position() | _height(fields, "horizontal_dil") if valid else said


def _gns(fields: _Fields) -> dict[str, Any]:
    modes = fields.text("mode_indicator")
    valid = bool(modes.strip("N"))  # one letter a satellite system
    said: dict[str, Any] = {"valid": valid, "mock": bool(_MADE_UP_MODES & set(modes))}
    said["time_ms"] = fields.time(valid=valid)
    return said | fields.position() | _height(fields, "hdop") if valid else said


def _height(fields: _Fields, hdop: str) -> dict[str, int | None]:
    """Read what GGA and GNS say beside the position. An HDOP of 0 does not exist and means unknown."""
    limit = quantities.ALTITUDE_LIMIT_DM
    return {
        "satellites": fields.number("num_sats", 1, quantities.SATELLITES_LIMIT),
        "hdop_centi": fields.number(hdop, 100, quantities.HDOP_LIMIT_CENTI) or None,
        "altitude_dm": fields.number("altitude", 10, limit, least=-limit),
    }


def _gll(fields: _Fields) -> dict[str, Any]:
    said: dict[str, Any] = _status(fields, "faa_mode")
    said["time_ms"] = fields.time(valid=said["valid"])
    return said | fields.position() if said["valid"] else said


def _vtg(fields: _Fields) -> dict[str, Any]:
    speed = fields.number("spd_over_grnd_kts", quantities.CMS_PER_KNOT, quantities.SPEED_LIMIT_CMS)
    if speed is None:
        speed = fields.number("spd_over_grnd_kmph", quantities.CMS_PER_KMH, quantities.SPEED_LIMIT_CMS)
    return {"time_ms": None, "speed_cms": speed, "course_ddeg": fields.course("true_track")}


def _zda(fields: _Fields) -> dict[str, Any]:
    """Read a date; without a fix it may come without, which says nothing."""
    parts = [fields.text(name) for name in ("year", "month", "day")]
    time_ms = fields.time(valid=any(parts))
    if not any(parts):
        return {"time_ms": time_ms}
    day = units.calendar_day(*map(int, parts)) if all(p.isdecimal() and len(p) <= 4 for p in parts) else None
    if day is None:
        raise decoder.Refusal("time", f"The date {'-'.join(parts)!r} does not exist.")
    return {"time_ms": time_ms, "day": day}


KINDS: dict[str, Callable[[_Fields], dict[str, Any]]] = {
    "RMC": _rmc,
    "GGA": _gga,
    "GNS": _gns,
    "GLL": _gll,
    "VTG": _vtg,
    "ZDA": _zda,
}
"""The sentence types that are used; all others are known to be of no use here, and skipped."""


def is_used(address: str) -> bool:
    """Say whether sentences of this talker and type are used. P begins the makers' own, whatever follows."""
    return len(address) == 5 and address[2:] in KINDS and address[0] != "P"
