"""Which rejects are kept for their sender to read. All are counted and answered; so many of a kind say enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from fleettrack.storage import trackers

HOUR_MS = 3_600_000
KEPT_PER_SENDER = 1_000  # an hour, of one reason: enough to see what is wrong with a whole fleet behind one address
KEPT_TOGETHER = 50_000  # an hour, of what came without a key: addresses cost nothing to who forges them


class Room:
    """Counts what was kept in the present hour by address, key and reason; in memory: a restart begins anew."""

    def __init__(self) -> None:
        self._hour = -1
        self._kept: Counter[tuple[str, int | None, str]] = Counter()
        self._without_key = 0

    def admit(self, refused: Iterable[trackers.Refused]) -> list[trackers.Refused]:
        """Return those to keep."""
        return [r for r in refused if self._has_room(r)]

    def _has_room(self, refused: trackers.Refused) -> bool:
        hour = refused.received_ms // HOUR_MS
        if hour > self._hour:  # what comes late, from disk, counts where the clock is now
            self._hour, self._without_key = hour, 0
            self._kept.clear()
        kind = (refused.source, refused.api_key_id, refused.reject.reason)
        keyless = refused.api_key_id is None
        if self._kept[kind] >= KEPT_PER_SENDER or (keyless and self._without_key >= KEPT_TOGETHER):
            return False
        self._kept[kind] += 1
        self._without_key += keyless
        return True
