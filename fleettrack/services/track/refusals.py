"""Which rejects are kept for their sender to read. All are counted and answered; so many of a kind say enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from fleettrack.storage import trackers

HOUR_MS = 3_600_000
KEPT_PER_SENDER = 1_000  # an hour, of one reason: enough to see what is wrong with a whole fleet behind one address
KEPT_TOGETHER = 50_000  # an hour, of what came without a key: addresses cost nothing to who forges them

Bound = tuple[str, int | None, str]
"""Address, key and reason."""

_WITHOUT_KEY: Bound = ("", None, "")


class Room:
    """Counts what was kept in the present hour by address, key and reason; in memory: a restart begins anew."""

    def __init__(self) -> None:
        self._hour = -1
        self._kept: Counter[Bound] = Counter()

    def admit(self, refused: Sequence[trackers.Refused]) -> list[trackers.Refused]:
        """Return those to keep. They take no room until `keep` says that they are kept."""
        self._begin(max((r.received_ms // HOUR_MS for r in refused), default=self._hour))
        admitted, taken = [], Counter[Bound]()
        for r in refused:
            bounds = _bounds(r)
            if all(self._kept[b] + taken[b] < most for b, most in bounds.items()):
                taken.update(bounds.keys())
                admitted.append(r)
        return admitted

    def keep(self, admitted: Iterable[trackers.Refused]) -> None:
        """Count what is kept now: a batch that is tried again admits, but does not keep, twice."""
        for r in admitted:
            self._kept.update(_bounds(r).keys())

    def _begin(self, hour: int) -> None:
        """Make room where a new hour has begun; what comes late, from disk, counts where the clock is now."""
        if hour > self._hour:
            self._hour = hour
            self._kept.clear()


def _bounds(refused: trackers.Refused) -> dict[Bound, int]:
    """Return the bounds that a reject counts in, and how many each has room for."""
    kind = (refused.source, refused.api_key_id, refused.reject.reason)
    return {kind: KEPT_PER_SENDER} | ({_WITHOUT_KEY: KEPT_TOGETHER} if refused.api_key_id is None else {})
