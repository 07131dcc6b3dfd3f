"""When we ourselves were not listening: time that counts for no tracker's silence (law L6)."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator

Span = tuple[int, int]
"""(from ms, to ms)"""

RETURN_MS = 300_000  # after an outage a tracker may take so long to connect again


class Calendar:
    """Our outages, in the time of the wall clock, which is event time for whoever reports live.

    For a silence that began before an outage ended, the outage lasts RETURN_MS longer: a tracker that was heard after
    it has found us again, and one that was not may still be looking for us.
    """

    def __init__(self, outages: Iterable[Span] = ()) -> None:
        self._from: list[int] = []
        self._to: list[int] = []
        for start, end in sorted(outages):
            if self._to and start <= self._to[-1]:
                self._to[-1] = max(end, self._to[-1])
            elif end > start:
                self._from.append(start)
                self._to.append(end)

    def heard_ms(self, since_ms: int, until_ms: int) -> int:
        """Return how much of a silence we could have heard something in."""
        heard, at = 0, since_ms
        for start, end in self._after(since_ms):
            if start >= until_ms:
                break
            heard += max(0, start - at)
            at = max(at, end + RETURN_MS)
        return heard + max(0, until_ms - at)

    def until_ms(self, since_ms: int, heard_ms: int) -> int:
        """Return when a silence that began then has been heard for so long, if it lasts."""
        at, left = since_ms, heard_ms
        for start, end in self._after(since_ms):
            if start - at >= left:
                break
            left -= max(0, start - at)
            at = max(at, end + RETURN_MS)
        return at + left

    def _after(self, since_ms: int) -> Iterator[Span]:
        for i in range(bisect.bisect_right(self._to, since_ms), len(self._to)):
            yield self._from[i], self._to[i]


ALWAYS = Calendar()
"""We never were away."""
