"""What every decoder offers, what it is told, and how it says no."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

import msgspec

from fleettrack.domain import fix, fixes

ChecksumPolicy = Literal["require", "if-present", "ignore"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a decoder is told about its sender.

    `tracker` is who sends where a message does not say it itself. `checksum` may differ by tracker identity.
    `reference_ms` is the time against which GPS week rollover is repaired and far futures are refused; without it
    the receive time given to `feed` serves, and without either neither is done. With `datagram` each `feed` is
    whole in itself (a datagram, a request body) and nothing is remembered from one to the next.
    """

    tracker: str | None = None
    checksum: ChecksumPolicy | Callable[[str | None], ChecksumPolicy] = "if-present"
    reference_ms: int | None = None
    datagram: bool = False


class Counts(msgspec.Struct):
    """What a decoder passed over without making a message of it."""

    skipped: int = 0  # known to be of no use: satellites in view, texts, comments
    late: int = 0  # came after their epoch was complete, changed nothing


class Decoder(Protocol):
    """One per connection or file. The same bytes in any chunks give the same messages."""

    counts: Counts

    @property
    def pending(self) -> int:
        """How many bytes wait for the end of their line."""

    def feed(self, data: bytes, received_ms: int | None = None) -> fixes.Messages:
        """Return the messages that these bytes complete; `received_ms` is when they came."""

    def quiet(self) -> fixes.Messages:
        """Return what need not wait for more bytes; a listener calls it after 2 s without any."""

    def flush(self) -> fixes.Messages:
        """Return what is left at the end of input, and forget all that was learned from it."""


class Refusal(Exception):
    """Inside a decoder only: this message becomes a reject."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


def reject(
    reason: str, raw: bytes, detail: str = "", *, tracker: str | None = None, index: int | None = None
) -> fix.Reject:
    """Return a reject that keeps a bounded piece of the raw bytes and says at least what its reason means."""
    return fix.Reject(
        reason=reason,
        raw=raw[: fix.RAW_KEPT],
        detail=detail or fix.REJECT_REASONS[reason],
        tracker=tracker,
        index=index,
    )
