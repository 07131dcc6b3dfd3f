"""A consignment as somebody wrote it down: names and texts, each with where it was said."""

from __future__ import annotations

import datetime as dt
import zoneinfo

import msgspec

from fleettrack.domain import errors
from fleettrack.services.shipping.problems import Problems, Said, Where, spelt


class DraftStop(msgspec.Struct, kw_only=True):
    """A stop: `said` by column: place, role, party, on_arrival, window_from, window_to."""

    seq: int
    where: Where
    said: dict[str, Said] = msgspec.field(default_factory=dict)


class DraftLeg(msgspec.Struct, kw_only=True):
    """Who carries from one stop to another; `carrier` is None where nobody said."""

    from_seq: int
    to_seq: int
    where: Where
    carrier: Said | None = None
    vehicle: Said | None = None


class Draft(msgspec.Struct, kw_only=True):
    """A consignment: `said` by column: consignor, consignee."""

    ref: str
    where: Where
    said: dict[str, Said] = msgspec.field(default_factory=dict)
    stops: dict[int, DraftStop] = msgspec.field(default_factory=dict)
    legs: list[DraftLeg] = msgspec.field(default_factory=list)
    effective_from: dt.datetime | None = None


def state(said: dict[str, Said], column: str, value: str, where: list[Where], problems: Problems) -> None:
    """Note what a column says; it may be said again, but not otherwise."""
    if not value:
        return
    before = said.get(column)
    if before is None:
        said[column] = Said(value=value, where=where)
    elif before.value == value:
        before.where.extend(where)
    else:
        problems.add_all(where, column, value, f"differs from {before.value!r} ({spelt(before.where[0])})")


def moment(text: str, zone: zoneinfo.ZoneInfo, *, late: bool) -> dt.datetime:
    """Read an RFC 3339 time; one without an offset is local time at the place.

    A local time that comes twice, as clocks go back, is the first of the two, or with `late` the second.

    Raises:
        Invalid: it is none, or that local time does not exist there.
    """
    try:
        found = dt.datetime.fromisoformat(text.upper())  # RFC 3339 allows t and z
    except ValueError:
        raise errors.Invalid("this is not a time like 2026-03-01T08:00:00Z") from None
    if "T" not in text.upper() and " " not in text:
        raise errors.Invalid("this is a day; a window needs the time too")
    if found.tzinfo is not None:
        return found.astimezone(dt.UTC)
    utc = found.replace(tzinfo=zone, fold=int(late)).astimezone(dt.UTC)
    if utc.astimezone(zone).replace(tzinfo=None) != found:
        raise errors.Invalid(f"this time does not exist in {zone.key}: the clocks go forward over it")
    return utc
