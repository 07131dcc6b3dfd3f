"""A visit as far as it is known, and the evidence for it."""

from __future__ import annotations

import msgspec

Spot = tuple[int, int, int]
"""The key of a fix: time_ms, lat_e7, lon_e7."""

Left = tuple[int, int]
"""A departure: ms and trust."""

FENCE_DELETED = "fence_deleted"


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """A stay at a place. Of one tracker, (place_id, first_in_ms) is its identity from fix to fix.

    Without a `rule` it has only been entered: such a visit moves nothing, and ends `passed`.
    """

    place_id: int
    first_in_ms: int  # time of the first fix inside
    enter_ms: int  # estimated crossing, lo_ms <= enter_ms <= hi_ms
    lo_ms: int
    hi_ms: int
    entry_unseen: bool  # the first fix known was inside already
    fence_ids: tuple[int, ...]  # versions it is judged by, ascending
    deciding: tuple[Spot, ...]  # at most 10: what it was entered and arrived by
    last_ms: int  # event time of its last change: of a fix, or when the clock decided
    rule: str | None = None  # a…e: by which it arrived
    confirmed_ms: int | None = None  # when that was known
    trust: int = 0  # the least of the fixes that decided the arrival; 0 without one
    exit_ms: int | None = None  # first fix outside
    exit_lo_ms: int | None = None  # last fix inside
    exit_hi_ms: int | None = None
    exit_deciding: tuple[Spot, ...] = ()
    exit_trust: int = 0  # the same of the departure
    left: Left | None = None  # taken back by nothing but unproven fixes: custody still follows it
    passed: bool = False
    end_reason: str | None = None

    @property
    def key(self) -> tuple[int, int]:
        """What tells it from the tracker's other visits."""
        return self.place_id, self.first_in_ms
