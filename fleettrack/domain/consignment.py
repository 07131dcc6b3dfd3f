"""What the journey fold reads: a consignment as planned, who and what watched it, and what people said.

All times are milliseconds since 1970 UTC (`*_ms`), event time unless the name says otherwise; all ids are the
database's bigints. Frozen, so that a journey can be run again on the same facts and be compared.
"""

from __future__ import annotations

import enum
from typing import Literal

import msgspec

Role = Literal["pickup", "drop", "waypoint"]
OnArrival = Literal["transfer", "propose", "record"]
TrackerLevel = Literal["unit", "consignment", "vehicle"]
FactKind = Literal["receipt", "handover", "skip_stop", "complete_stop", "void_fact"]
Outcome = Literal["received", "short", "over", "damaged", "refused", "handed_over"]


class Level(enum.IntEnum):
    """Evidence ladder (design 6): the best inside a slot decides, the others corroborate."""

    GEOFENCE = 0
    DOCK_READ = 1
    SCAN = 2
    COUNTERPARTY = 3
    SIGNATURES = 4


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """One planned halt; `seq` orders them."""

    id: int
    seq: int
    place_id: int
    role: Role
    party_id: int
    on_arrival: OnArrival
    window_from_ms: int | None = None
    window_to_ms: int | None = None


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """Who carries from one stop to the next, and with which vehicle if that is planned."""

    from_seq: int
    to_seq: int
    carrier_id: int
    vehicle_id: int | None = None


class ItemSet(msgspec.Struct, frozen=True, kw_only=True):
    """All items of a consignment with the same first and last stop; custody moves sets, not single items."""

    id: int
    from_seq: int
    to_seq: int
    lines: int | None = None  # objects lying directly in it; None = not counted


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """A tracker on a unit, on the consignment as a whole, or on a vehicle, over a time range."""

    tracker_id: int
    level: TrackerLevel
    from_ms: int
    to_ms: int | None = None
    object_id: int | None = None  # level unit
    vehicle_id: int | None = None  # level vehicle
    identity: str = ""  # of the tracker: its number hangs on when it was registered


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """A scanned load on a vehicle (planned loads are derived by the journey); object None = the whole consignment."""

    vehicle_id: int
    from_ms: int
    to_ms: int | None = None
    object_id: int | None = None


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """An arrived visit of a tracker at a place, as the first fold knows it now."""

    id: int
    tracker_id: int
    place_id: int
    enter_ms: int
    lo_ms: int
    hi_ms: int
    rule: str
    confirmed_ms: int
    trust: int  # the least of the fixes that decided the arrival
    exit_ms: int | None = None
    exit_trust: int = 0  # the same of the departure
    cut_off: bool = False  # it ended with the place's last fence: nobody saw the tracker leave
    place_class: str = "site"  # site | depot | fuel | rest | border
    expected: bool = False  # the place is a stop of another consignment on that vehicle


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """A span in which a tracker said nothing usable; `to_ms` None = still silent."""

    tracker_id: int
    from_ms: int
    to_ms: int | None = None


class Beyond(msgspec.Struct, frozen=True, kw_only=True):
    """The first usable fix of a tracker more than 1 km from a pickup place, counted from `since_ms`.

    Where that is of trust none, there may be another: the first of more trust, with what of more trust came before it.
    `since_ms` is the start of the assignment, or of the scanned load for a vehicle's tracker.
    """

    tracker_id: int
    place_id: int
    since_ms: int
    before_ms: int  # last fix before it, or since_ms
    time_ms: int
    trust: int  # of that fix's transport


class Apart(msgspec.Struct, frozen=True, kw_only=True):
    """How far another assigned tracker was from the place of a visit when that was entered, if it had a fix then."""

    visit_id: int
    tracker_id: int
    metres: float


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """Where an object that a fact, assignment or load names lay in the consignment at that time.

    An object without one lies directly in the consignment's only item set; it is no part of it where there are more.
    """

    object_id: int
    item_set_id: int | None  # None: not part of the consignment ("over")
    ancestors: tuple[int, ...] = ()  # nearest first


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """What a person or partner stated. `objects` lists ids per outcome; an outcome absent from it has none.

    A receipt or handover moves everything due at its stop except what it lists under another outcome, unless
    `only_listed`: then it moves just the objects under "received", "damaged", "over" or "handed_over".
    Without a stop, a receipt speaks of each object's last stop, a handover of what is under way.
    """

    id: int
    kind: FactKind
    event_ms: int
    level: Level = Level.SCAN
    stop_seq: int | None = None
    from_party: int | None = None
    to_party: int | None = None
    effective_ms: int | None = None
    only_listed: bool = False
    objects: dict[Outcome, frozenset[int]] = {}
    target_fact_id: int | None = None  # void_fact


class Consignment(msgspec.Struct, frozen=True, kw_only=True):
    """The plan: what goes from whom to whom over which stops."""

    id: int
    consignor_id: int
    consignee_id: int
    effective_from_ms: int
    stops: tuple[Stop, ...]
    legs: tuple[Leg, ...]
    item_sets: tuple[ItemSet, ...]
    closed_ms: int | None = None


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the journey of one consignment depends on, as known now."""

    consignment: Consignment
    assignments: tuple[Assignment, ...] = ()
    loads: tuple[Load, ...] = ()
    visits: tuple[Visit, ...] = ()
    silences: tuple[Silence, ...] = ()
    beyond: tuple[Beyond, ...] = ()
    apart: tuple[Apart, ...] = ()
    facts: tuple[Fact, ...] = ()
    homes: tuple[Home, ...] = ()
    none_trust_may_transfer: bool = False  # operator's setting; the demo sets it
