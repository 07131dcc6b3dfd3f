"""Lists that people look at: visits, tracks, what was refused, what waits to be claimed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg.types import range as ranges

from fleettrack.storage import database, rows, sql

_SQL = sql.queries("views")

Span = tuple[int, "ranges.Range[dt.datetime]"]
"""(tracker, the time in which its fixes count)"""


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """A stay of a tracker at a place, as known now; `entered_lo` and `entered_hi` enclose its beginning."""

    id: int
    tracker: str
    place: str
    arrived: bool
    entered_at: dt.datetime
    entered_lo: dt.datetime
    entered_hi: dt.datetime
    exited_at: dt.datetime | None
    retracted: bool
    revision: int
    last_event: str
    rule: str | None
    confirmed_at: dt.datetime | None
    held: bool  # too old for custody to follow by itself: waits for a person
    recorded_at: dt.datetime


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A message that could not be used, and why."""

    id: int
    received_at: dt.datetime
    reason: str
    detail: str
    protocol: int
    source: str
    tracker: str | None
    api_key: str | None  # the prefix of the key it came with
    raw: bytes


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """An unknown tracker whose pings wait until somebody registers it."""

    identity: str
    pings: int
    first_received_at: dt.datetime
    last_received_at: dt.datetime
    sources: list[str]


class Key(msgspec.Struct, frozen=True, array_like=True):
    """What tracks are ordered by."""

    fix_time: dt.datetime
    tracker: str
    lat_e7: int
    lon_e7: int


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """A fix as stored."""

    tracker: str
    fix_time: dt.datetime
    lat_e7: int
    lon_e7: int
    received_at: dt.datetime
    speed_cms: int | None
    course_ddeg: int | None
    altitude_dm: int | None
    accuracy_dm: int | None
    battery_pct: int | None
    trust: int
    flags: int

    @property
    def key(self) -> Key:
        """Its place in a track."""
        return Key(self.fix_time, self.tracker, self.lat_e7, self.lon_e7)


async def visits(
    connection: database.Connection,
    *,
    tracker: str | None,
    place: str | None,
    arrived: bool | None,
    before: int | None,
    limit: int,
) -> list[Visit]:
    """Return visits with a smaller id, newest first; those that fit what is given."""
    asked = {"tracker": tracker, "place": place, "arrived": arrived, "before": before, "limit": limit}
    return await rows.many(connection, _SQL["visits"], Visit, **asked)


async def rejects(
    connection: database.Connection, *, party_id: int | None, reason: str | None, before: int | None, limit: int
) -> list[Refused]:
    """Return rejects with a smaller id, newest first; for a party only its own."""
    asked = {"reason": reason, "before": before, "limit": limit}
    if party_id is None:
        return await rows.many(connection, _SQL["rejects"], Refused, **asked)
    return await rows.many(connection, _SQL["rejects_of"], Refused, **asked, party_id=party_id)


async def held(connection: database.Connection, *, after: str, limit: int) -> list[Held]:
    """Return unknown trackers with a greater identity, in order."""
    return await rows.many(connection, _SQL["held"], Held, after=after, limit=limit)


async def tracker_spans(connection: database.Connection, identity: str) -> list[Span]:
    """Return the span of a tracker, none where it is unknown."""
    return await _spans(connection, "tracker_spans", identity=identity)


async def consignment_spans(connection: database.Connection, ref: str) -> list[Span]:
    """Return the trackers that went with a consignment, each with the time in which it did."""
    return await _spans(connection, "consignment_spans", ref=ref)


async def _spans(connection: database.Connection, name: str, **asked: Any) -> list[Span]:
    return [(tracker_id, span) for tracker_id, span in await rows.plain(connection, _SQL[name], **asked)]


async def positions(
    connection: database.Connection,
    spans: Sequence[Span],
    *,
    since: dt.datetime | None,
    until: dt.datetime | None,
    after: Key | None,
    limit: int,
) -> list[Position]:
    """Return fixes of these trackers in their spans and in [since, until), by time; those after a key."""
    asked = {
        "after_time": after and after.fix_time,
        "after_tracker": after and after.tracker,
        "after_lat": after and after.lat_e7,
        "after_lon": after and after.lon_e7,
    }
    return await rows.many(
        connection,
        _SQL["positions"],
        Position,
        trackers=[tracker_id for tracker_id, _ in spans],
        spans=[ranges.TimestamptzRange(s.lower, s.upper) for _, s in spans],
        limit=limit,
        **{"from": since, "until": until},
        **asked,
    )


async def consignment_exists(connection: database.Connection, ref: str) -> bool:
    """Tell whether there is such a consignment."""
    found: bool = await rows.value(connection, _SQL["consignment_exists"], ref=ref)
    return found
