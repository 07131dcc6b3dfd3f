"""What the journey fold says: entries of the custody ledger, exceptions, and how far each stop has come."""

from __future__ import annotations

from typing import Literal

import msgspec

from fleettrack.domain import consignment

EntryKind = Literal[
    "commissioned",  # the first holder of a batch of new serials or units
    "arrived",  # movement at a stop; moves custody only as "transferred" beside it
    "departed",
    "departure_inferred",
    "transferred",  # geofence transfer at a drop
    "proposed",  # pending handover, waits for confirmation
    "picked_up",  # to the leg's carrier, by leaving the stop or by a confirmed handover
    "received",
    "short",
    "over",
    "damaged",
    "refused",
    "handed_over",
]
Status = Literal["confirmed", "provisional", "proposed", "disputed", "voided"]


class Scope(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Which objects an entry is about: x is meant when x, or what contains it at the entry's time, matches.

    With `only`, a match is membership in it; else an item line in `item_set_id`. A match with `excluded` ends it.
    """

    item_set_id: int | None = None
    only: tuple[int, ...] = ()  # sorted
    excluded: tuple[int, ...] = ()  # sorted


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One effective entry. `key` is its identity from run to run: the diff with the ledger goes by it."""

    key: str
    kind: EntryKind
    scope: Scope
    event_ms: int
    status: Status
    level: consignment.Level
    lo_ms: int | None = None
    hi_ms: int | None = None
    stop_seq: int | None = None
    from_party: int | None = None
    to_party: int | None = None  # None: movement only; of status "proposed": who may get it, nothing moves yet
    place_id: int | None = None
    visit_id: int | None = None
    fact_id: int | None = None
    corroborated_by: tuple[str, ...] = ()  # "visit:12", "fact:7", "tracker:3" of a departure inferred from its fix


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """An exception: something a person may want to look at. Nothing waits for it."""

    key: str
    kind: str
    at_ms: int
    stop_seq: int | None = None
    detail: str = ""
    visit_id: int | None = None
    fact_id: int | None = None


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a stop has come, over all item sets."""

    stop_seq: int
    arrived_ms: int | None = None
    departed_ms: int | None = None
    completed: bool = False
    skipped: bool = False


class Journey(msgspec.Struct, frozen=True, kw_only=True):
    """The whole outcome for one consignment."""

    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...]
    progress: tuple[Progress, ...]
    ended_assignments: tuple[tuple[int, int], ...] = ()  # (tracker_id, at_ms): ended by a confirmed receipt
