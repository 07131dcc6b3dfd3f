"""What a decoder makes of bytes: a fix, a status without a position, or a reject with its reason.

Numbers are kept as the integers that are stored, so that the same fix sent twice, over any protocol,
is the same fix (law L2): time in milliseconds since 1970 UTC, position in 1e-7 degrees, speed in cm/s,
course in 0.1 degree, accuracy and altitude in dm, HDOP in 0.01.
"""

from __future__ import annotations

import enum
from typing import Any

import msgspec

E7 = 10_000_000
DUST = 1e-3  # of 1e-7 degrees: so near to a whole number binary fractions miss it


class Flag(enum.IntFlag):
    """Doubt about a fix. Any flag but ROLLOVER keeps it from deciding anything (law L5).

    The upper three depend on neighbouring fixes: the visit fold gives them, decoders and the screen never do.
    """

    ZERO = 1
    MOCK = 2
    FUTURE = 4
    INACCURATE = 8
    ROLLOVER = 16
    IMPLAUSIBLE_SPEED = 32
    TELEPORT = 64
    CONFLICT = 128


UNDECIDING = ~int(Flag.ROLLOVER)
"""Mask of the flags with which a fix never decides: a repaired week number is noted, and trusted."""


class Trust(enum.IntEnum):
    """What a transport proves about who is sending (design 4); higher proves more."""

    NONE = 0
    SECRET_IN_ID = 1
    SOURCE = 2  # TLS listener or source network
    API_KEY = 3


class Fix(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One position of a tracker at a device time; None where the sender said nothing."""

    tracker: str | None  # identity as sent on the wire, None where the message had none
    time_ms: int
    lat_e7: int
    lon_e7: int
    speed_cms: int | None = None
    course_ddeg: int | None = None
    altitude_dm: int | None = None
    accuracy_dm: int | None = None  # 68 % radius
    hdop_centi: int | None = None
    satellites: int | None = None
    quality: int | None = None  # GGA fix quality
    battery_pct: int | None = None
    flags: int = 0
    ping_id: str | None = None  # the sender's own id: echoed and logged, never the key
    attributes: dict[str, Any] | None = None  # unknown fields, and "sensors"

    @property
    def key(self) -> tuple[int, int, int]:
        """(time_ms, lat_e7, lon_e7): with the tracker, what makes two fixes the same."""
        return self.time_ms, self.lat_e7, self.lon_e7


class Status(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A message without a position: a void fix, a login, a heartbeat."""

    tracker: str | None
    kind: str  # void | login | heartbeat
    time_ms: int | None = None
    attributes: dict[str, Any] | None = None


class Reject(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A message that could not be used, with its raw bytes and the reason (one of REJECT_REASONS)."""

    reason: str
    raw: bytes
    detail: str = ""  # one sentence for the person who has to mend the sender
    tracker: str | None = None
    index: int | None = None  # position within a batch


RAW_KEPT = 512  # bytes of a rejected message that are kept: enough to see what it was, too few to fill a disk

Message = Fix | Status | Reject

IDENTITY_LIMIT = 128  # characters: enough for any numbering, and for an index


def is_identity(text: str) -> bool:
    """Say whether text may stand for a tracker: printable, and of at most IDENTITY_LIMIT characters."""
    return 0 < len(text) <= IDENTITY_LIMIT and text.isprintable()


REJECT_REASONS: dict[str, str] = {
    "checksum": "the checksum does not match the sentence",
    "checksum_missing": "this tracker's policy requires a checksum and there is none",
    "malformed": "the message is cut or not of the protocol's form",
    "encoding": "the bytes are not valid text, or an identity is not printable or too long",
    "too_long": "a line or body is longer than the limit",
    "too_deep": "JSON nested deeper than the limit",
    "inflated_size": "the compressed body grows past the limit",
    "number": "a number is not finite or not a number",
    "latitude": "the latitude is not between -90 and 90 degrees",
    "longitude": "the longitude is not between -180 and 180 degrees",
    "time": "the time is missing or cannot be read",
    "time_range": "the time is before the GPS epoch or more than a day ahead of the receiver",
    "no_date": "a sentence without a date came before any sentence with one",
    "no_identity": "nothing in the message or the connection says which tracker sent it",
    "not_yours": "the tracker belongs to another carrier than the key",
    "secret": "the tracker requires a secret in its id and it is missing or wrong",
    "source": "the tracker may not send from this address or over this transport",
    "held_full": "the tracker is unknown and the space for unknown trackers is used up",
}
"""Every reason a message can be rejected for, with the sentence a carrier reads."""


def to_e7(degrees: float) -> int:
    """Cut (not round) degrees to the stored 1e-7, after healing binary dust such as 47.3 * 1e7 = 472999999.99."""
    scaled = degrees * E7
    nearest = round(scaled)
    return nearest if abs(scaled - nearest) < DUST else int(scaled)
