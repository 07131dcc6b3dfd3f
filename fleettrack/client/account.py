"""Which parcels of a connection are safe, by what the service answers: `OK <n>` to NMEA, a line of counts to JSON.

`OK <n>` says how many fixes were stored, not which sentences they came from. So the service's own decoder reads along
here: the fix of a second may be complete only when its tracker speaks again, and what is safe follows from that.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterable
from typing import Protocol

import msgspec

from fleettrack.client import opening
from fleettrack.client.parcel import Parcel, Tally
from fleettrack.domain import fix
from fleettrack.ingest.codecs import decoder, registry


class Account(Protocol):
    """Kept by a sender, over all its connections."""

    def begin(self, first: Parcel) -> bytes:
        """Begin with a new connection; return what is to be written before its first parcel."""

    def wrote(self, parcel: Parcel, tally: Tally, *, again: bool) -> None:
        """Note that a parcel was written, and whether it had been written before."""

    def safe(self, parcel: Parcel) -> None:
        """Note that the oldest parcel need not be sent again."""

    def ended(self, tally: Tally) -> None:
        """Note that nothing more will be written on this connection."""

    def answered(self, line: bytes, tally: Tally) -> int:
        """Take an answer; return how many of the oldest parcels are safe by it."""

    @property
    def left(self) -> int:
        """How many fixes (of JSON: pings) were written on this connection and not acknowledged."""


class Lines:
    """JSON, a ping a line: each line is answered by itself, in order."""

    def __init__(self) -> None:
        self.left = 0

    def begin(self, first: Parcel) -> bytes:
        """Begin with a new connection."""
        self.left = 0
        return b""

    def wrote(self, parcel: Parcel, tally: Tally, *, again: bool) -> None:
        """Note a line."""
        self.left += 1
        tally.resent += again
        tally.sent += not again

    def safe(self, parcel: Parcel) -> None:
        """Do nothing: no line relies on another."""

    def ended(self, tally: Tally) -> None:
        """Do nothing: a line is complete by itself."""

    def answered(self, line: bytes, tally: Tally) -> int:
        """Take the counts of the oldest line."""
        try:
            counts = msgspec.json.decode(line, type=dict[str, int | None])
        except msgspec.DecodeError:
            return 0
        tally.duplicate += counts.get("duplicate") or 0
        tally.held += counts.get("held") or 0
        tally.rejected += counts.get("rejected") or 0
        self.left -= 1
        return 1


class Sentences:
    """NMEA: what is safe is told by a number of fixes."""

    def __init__(self) -> None:
        self._last: dict[str | None, tuple[int, int, int]] = {}  # tracker → its last fix that was counted as sent
        self._carried: set[str | None] = set()  # those of them that were counted on an earlier connection
        self._opening = opening.Opening()
        self._forget()

    def _forget(self) -> None:
        self._codec = registry.open_decoder("nmea", decoder.Settings())
        self._made = self._acknowledged = self._number = 0
        self._open: deque[tuple[int, frozenset[bytes]]] = deque()  # (number, who spoke) of the oldest not complete on
        self._complete: deque[int] = deque()  # of the parcels before these: the fixes made when they were complete
        self._spoke: dict[bytes, int] = {}  # who → the parcel in which it spoke last

    @property
    def left(self) -> int:
        """How many fixes were written on this connection and not acknowledged."""
        return max(0, self._made - self._acknowledged)

    def begin(self, first: Parcel) -> bytes:
        """Begin with a new connection, on which the service's decoder begins anew, too."""
        self._forget()
        self._carried = set(self._last)
        before = self._opening.before(first)
        self._codec.feed(before)
        return before

    def safe(self, parcel: Parcel) -> None:
        """Remember what later sentences may rely on."""
        self._opening.learn(parcel)

    def wrote(self, parcel: Parcel, tally: Tally, *, again: bool) -> None:
        """Note sentences."""
        self._number += 1
        self._spoke |= dict.fromkeys(parcel.speakers, self._number)
        self._make(self._codec.feed(parcel.data), tally, again=again)
        self._open.append((self._number, parcel.speakers))
        while self._open and all(self._spoke[who] > self._open[0][0] for who in self._open[0][1]):
            self._open.popleft()
            self._complete.append(self._made)

    def ended(self, tally: Tally) -> None:
        """Complete everything."""
        self._make(self._codec.flush(), tally, again=False)
        self._complete += [self._made] * len(self._open)
        self._open.clear()

    def answered(self, line: bytes, tally: Tally) -> int:
        """Take the number of fixes that are safe now beside those told before."""
        word, _, number = line.strip().partition(b" ")
        if word != b"OK" or not number.isdigit():
            return 0
        self._acknowledged += int(number)
        if self._acknowledged > self._made:  # the service has completed one because nothing came for a while
            self._make(self._codec.quiet(), tally, again=False)
        if self._acknowledged >= self._made and not _fixes(copy.deepcopy(self._codec).flush()):
            safe = len(self._complete) + len(self._open)
            self._complete.clear()
            self._open.clear()
            return safe
        safe = 0
        while self._complete and self._complete[0] <= self._acknowledged:
            self._complete.popleft()
            safe += 1
        return safe

    def _make(self, messages: Iterable[fix.Message], tally: Tally, *, again: bool) -> None:
        """Count fixes as sent, or as sent again; one whose sentences came over two connections is counted once."""
        for one in _fixes(messages):
            self._made += 1
            if one.tracker in self._carried:
                before = self._last[one.tracker]
                if one.key == before or (again and one.time_ms <= before[0]):
                    tally.resent += 1
                    continue
                self._carried.discard(one.tracker)
            tally.sent += 1
            self._last[one.tracker] = one.key


def _fixes(messages: Iterable[fix.Message]) -> list[fix.Fix]:
    return [message for message in messages if isinstance(message, fix.Fix)]
