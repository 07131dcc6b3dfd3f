"""Recorded positions as JSON pings, one a parcel: from JSON (an object, an array, NDJSON) or from CSV.

CSV has a header. Columns are named like the fields of a ping (docs/protocols.md); some other names are understood, too,
and columns that are neither are left out.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from fleettrack.client.parcel import Parcel
from fleettrack.domain import errors, fix
from fleettrack.ingest.codecs import json_fix, json_items, json_ping

ALIASES = {
    "vehicle_id": "tracker",
    "device_id": "tracker",
    "deviceid": "tracker",
    "imei": "tracker",
    "timestamp": "time",
    "latitude": "lat",
    "longitude": "lon",
    "lng": "lon",
    "heading": "course",
    "accuracy": "accuracy_m",
    "altitude": "altitude_m",
}
"""Column of a CSV → field of a ping. No plain `speed`: it does not say its unit."""

_TEXT = frozenset(("tracker", "time", "id"))


def from_json(lines: Iterable[bytes], tracker: str | None) -> Iterator[Parcel]:
    """Yield the pings of a file; what is no ping goes out as it is, for the service to refuse with a reason."""
    held: list[bytes] = []
    for line in lines:
        held.append(line)
        if len(held) > 1 or json_items.spans_lines(line):
            continue  # one value laid out over the lines of the whole file
        yield from _items(held.pop(), tracker)
    yield from _items(b"".join(held), tracker)


def from_csv(lines: Iterable[bytes], tracker: str | None) -> Iterator[Parcel]:
    """Yield a ping for each row.

    Raises:
        Invalid: the header has no time, latitude or longitude.
    """
    rows = csv.reader(line.decode("utf-8-sig", "replace") for line in lines)
    header = [name.strip().lower() for name in next(rows, [])]
    fields = [ALIASES.get(name, name) for name in header]
    missing = {"time", "lat", "lon"} - set(fields)
    if missing:
        raise errors.Invalid(f"the CSV has no column {', '.join(sorted(missing))}; its columns are {', '.join(header)}")
    for row in rows:
        if row:
            said = {f: _value(f, text) for f, text in zip(fields, row, strict=False) if f in json_fix.FIELDS and text}
            yield _parcel(said, tracker)


def _value(field: str, text: str) -> object:
    """Return a number where one belongs; text that is none goes out as it is. A bare number as time is epoch time."""
    if field in _TEXT and not (field == "time" and _is_number(text)):
        return text
    return float(text) if _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _items(body: bytes, tracker: str | None) -> Iterator[Parcel]:
    if not body.strip():
        return
    for item in json_items.split(body):
        try:
            said = msgspec.json.decode(item, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            yield Parcel(item)
        else:
            yield _parcel(said, tracker)


def _parcel(said: dict[str, Any], tracker: str | None) -> Parcel:
    if tracker is not None:
        said.setdefault("tracker", tracker)
    data = msgspec.json.encode(said)
    message = json_ping.decode(data)[0]
    return Parcel(data, message.time_ms if isinstance(message, fix.Fix) else None)
