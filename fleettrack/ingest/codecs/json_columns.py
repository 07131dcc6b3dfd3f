"""Plain pings by the hundred, on columns: what `json_fix.convert` makes of each.

Where one of them is not plain nothing is said of any, and each goes its own way. A property test holds both to the
same outcome.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from fleettrack.domain import fix, fixes, units
from fleettrack.ingest.codecs import decoder, json_fix, quantities

PINGS_FROM = 40  # for fewer of them columns cost more than they save

Floats = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, np.dtype[np.int64]]

_SEPARATORS = {4: b"-", 7: b"-", 10: b"T", 13: b":", 16: b":", -1: b"Z"}
_POINT = 19  # where the decimals of a second begin
_WIDTHS = (20, 24)  # YYYY-MM-DDTHH:MM:SSZ, and with milliseconds


class _NotPlain(Exception):
    """One of the pings has to be looked at by itself."""


def convert(pings: Sequence[json_fix.Ping], tracker: str | None, reference_ms: int | None) -> fixes.Fixes | None:
    """Return the fixes of pings, or None where one of them is not plain; `tracker`: whose, unless they say."""
    try:
        lat, lon = _degrees((p.lat for p in pings), 90), _degrees((p.lon for p in pings), 180)
        return fixes.Fixes(
            tracker=_trackers(pings, tracker),
            time_ms=_times([p.time for p in pings], reference_ms),
            lat_e7=lat,
            lon_e7=lon,
            flags=np.where((lat == 0) & (lon == 0), np.int16(fix.Flag.ZERO), np.int16(0)),
            **_measured(pings),
            ping_id=None if _unsaid(pings, "id") else [json_fix.ping_id(p) for p in pings],
            attributes=None if _unsaid(pings, "sensors") else [json_fix.attributes(p.sensors) for p in pings],
        )
    except (_NotPlain, decoder.Refusal, OverflowError):  # the last of a time beyond all years
        return None


def _unsaid(pings: Sequence[json_fix.Ping], name: str) -> bool:
    return all(getattr(p, name) is None for p in pings)


def _trackers(pings: Sequence[json_fix.Ping], tracker: str | None) -> list[str | None]:
    said = [p.tracker for p in pings]
    if not all(fix.is_identity(name) for name in set(said) if name):
        raise _NotPlain
    return [name or tracker for name in said]


def _degrees(values: Iterable[float | None], most: int) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Return 1e-7 degrees, as fix.to_e7 does."""
    degrees = np.array(list(values), np.float64)  # None becomes NaN, and fails as that
    if not (np.abs(degrees) <= most).all():
        raise _NotPlain
    scaled = degrees * fix.E7
    nearest = np.rint(scaled)
    return np.where(np.abs(scaled - nearest) < fix.DUST, nearest, np.trunc(scaled)).astype(np.int32)


def _measured(pings: Sequence[json_fix.Ping]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for quantity in json_fix.QUANTITIES:
        said = [getattr(p, quantity.name) for p in pings]
        if said.count(None) == len(said):
            continue
        if quantity.column in found:
            raise _NotPlain
        value = np.array(said, np.float64)
        unknown = np.isnan(value) if quantity.signed else ~(value >= 0)
        scaled = np.where(unknown, 0, value) * quantity.factor
        if not (np.abs(scaled) <= quantity.limit).all():
            raise _NotPlain
        stored = np.rint(scaled)
        if quantity.column == "course_ddeg":
            stored %= json_fix.FULL_CIRCLE
        elif quantity.column == "hdop_centi":
            unknown |= stored == 0
        found[quantity.column] = np.where(unknown, fixes.NONE, stored).astype(np.int32)
    return found


def _times(said: Sequence[str | float | None], reference_ms: int | None) -> Ints:
    times = _rfc3339(said)
    if times is None:
        times = np.array([json_fix.time_ms(value) for value in said], np.int64)
    last = quantities.LAST_MS if reference_ms is None else min(quantities.LAST_MS, reference_ms + quantities.AHEAD_MS)
    if not ((times >= units.GPS_EPOCH_MS) & (times <= last)).all():
        raise _NotPlain
    return times


def _rfc3339(said: Sequence[Any]) -> Ints | None:
    """Read times that are all written the same, in the way most senders do; None where they are not."""
    try:
        text = "".join(said).encode("ascii")
    except (TypeError, UnicodeEncodeError):  # numbers among them, or nothing
        return None
    width = len(text) // len(said)
    if width not in _WIDTHS or any(len(time) != width for time in said):
        return None
    letters = np.frombuffer(text, np.uint8).reshape(len(said), width)
    digits = [i for i in range(width - 1) if i not in _SEPARATORS and i != _POINT]
    figures = letters[:, digits].astype(np.int64) - ord("0")
    known = _SEPARATORS if width == _WIDTHS[0] else _SEPARATORS | {_POINT: b"."}
    if not ((figures >= 0) & (figures <= 9)).all() or any((letters[:, i] != ord(c)).any() for i, c in known.items()):
        return None
    date, hour, minute, second, ms = (_number(figures[:, a:b]) for a, b in itertools.pairwise((0, 8, 10, 12, 14, 17)))
    if not ((hour < 24) & (minute < 60) & (second < 60)).all():
        return None
    dates, which = np.unique(date, return_inverse=True)
    days = [units.calendar_day(d // 10_000, d // 100 % 100, d % 100) for d in dates.tolist()]
    if None in days:
        return None
    seconds = hour * 3600 + minute * 60 + second
    return np.asarray(np.array(days, np.int64)[which] * units.DAY_MS + seconds * 1000 + ms)


def _number(figures: Ints) -> Ints:
    number = np.zeros(len(figures), np.int64)
    for i in range(figures.shape[1]):
        number = number * 10 + figures[:, i]
    return number
