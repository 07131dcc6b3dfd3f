"""What a listener hands to the pipeline, and what it gets back after the commit."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Sequence

import msgspec

from fleettrack.domain import fix

SECRET_MARK = "~"  # `identity~secret`: how a device without any login proves itself


class Outcome(enum.IntEnum):
    """What became of one message."""

    PENDING = 0
    ACCEPTED = 1
    DUPLICATE = 2
    REJECTED = 3
    HELD = 4
    STATUS = 5  # no position in it: noted, nothing to store


class Protocol(enum.IntEnum):
    """How a fix came; stored with it. Never renumber."""

    NMEA = 1
    JSON = 2
    OSMAND = 3
    OWNTRACKS = 4
    GPSGATE = 5
    GPSD = 6


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """Who sent it and what the transport proves about that."""

    protocol: Protocol
    source: str  # address without the port: senders behind one address share its limits
    trust: fix.Trust = fix.Trust.NONE
    api_key_id: int | None = None
    carrier_id: int | None = None  # set for a carrier's key: it may post for its own trackers only


class Answer(msgspec.Struct, kw_only=True):
    """The outcome of a delivery, after the commit that holds it."""

    outcomes: list[int]  # Outcome of each message, in the order of the delivery
    rejects: list[tuple[int, fix.Reject]]  # (index in the delivery, the reject)

    def count(self, outcome: Outcome) -> int:
        """Return how many messages ended so."""
        return self.outcomes.count(outcome)


class Delivery(msgspec.Struct, kw_only=True, eq=False):
    """Messages that came together and are acknowledged together."""

    sender: Sender
    messages: Sequence[fix.Message]
    received_ms: int
    done: asyncio.Future[Answer] | None = None
    history: bool = False  # lifts the 72 h bound on custody (law L2)
