"""Answers about custody as of an event time and a knowledge time."""

from __future__ import annotations

import msgspec

from fleettrack.services.forms.words import Moment


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds it, how sure that is, and since when."""

    party: str
    status: str
    since: Moment


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """The last usable fix of the tracker that spoke for it, `age_s` before the time asked for."""

    lat: float
    lon: float
    time: Moment
    age_s: float


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What an entry rests on: level E0 to E4; id as `visit:12`, `fact:7`, `batch:3` or `<tracker>@<time>`."""

    level: str
    kind: str
    id: str


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One custody entry of an object's life. One that no longer stands tells since when (`ended_at`)."""

    kind: str
    status: str
    event_at: Moment
    event_from: Moment | None  # earliest and latest possible, where it is not exact
    event_to: Moment | None
    recorded_at: Moment
    ended_at: Moment | None
    from_party: str | None
    to_party: str | None
    place: str | None
    consignment: str | None
    stop: int | None
    evidence: list[Evidence]


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a serial or unit is and who holds it at `at`, as known at `known_at`; and its life until then."""

    serial: str
    at: Moment
    known_at: Moment
    holder: Holder | None
    place: str | None
    position: Position | None
    parents: list[str]  # nearest first
    consignment: str | None
    evidence: list[Evidence]
    history: list[Event]


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """One object in a consignment or unit; `contains` counts what lies directly in it."""

    ref: str
    kind: str
    gtin: str | None
    lot: str | None
    from_stop: int
    to_stop: int
    contains: int
    holder: Holder | None


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """A page of what a consignment, or a unit of it, contains as of `at`; `next` is the `after` of the next page."""

    consignment: str
    within: str | None
    at: Moment
    known_at: Moment
    items: list[Content]
    next: str | None


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """How many item lines of a consignment fared alike, and who holds them."""

    from_stop: int
    to_stop: int
    items: int
    holder: Holder | None


class ConsignmentCustody(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds what of a consignment, and the entries that say so."""

    consignment: str
    at: Moment
    known_at: Moment
    held: list[Held]
    history: list[Event]
