"""What is kept for a time only: refused messages, pings of trackers that nobody claims, answers to keyed requests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fleettrack import metrics
from fleettrack.domain import units
from fleettrack.storage import database, idempotency, trackers

PIECE_ROWS = 5_000  # deleted at once, so that nothing is held up for long
REJECTS_WITHOUT_KEY = 1_000_000  # under 1 GB; the newest, since a flood would keep out what is honest after it

Forget = Callable[[database.Connection, int, int], Awaitable[int]]
"""Deletes what is past a bound, at most so many rows; returns how many it were."""


class Aging:
    """Deletes what has had its time; `now_ms` is the clock."""

    def __init__(
        self,
        db: database.Database,
        counters: metrics.Metrics,
        now_ms: Callable[[], int],
        *,
        reject_days: int,
        held_days: int,
    ) -> None:
        self._db = db
        self._metrics = counters
        self._now_ms = now_ms
        self._reject_days = reject_days
        self._held_days = held_days

    async def age_out(self) -> None:
        """Delete the rejects, held pings and kept answers that are too old, and the rejects that are too many."""
        await self._forget(trackers.forget_rejects, self._before_ms(self._reject_days))
        await self._forget(trackers.thin_rejects, REJECTS_WITHOUT_KEY)
        unclaimed = await self._forget(trackers.forget_held, self._before_ms(self._held_days))
        self._metrics.unclaimed.inc(unclaimed)
        await self._forget(lambda connection, _, rows: idempotency.expire(connection, rows), 0)

    def _before_ms(self, days: int) -> int:
        return self._now_ms() - days * units.DAY_MS

    async def _forget(self, forget: Forget, bound: int) -> int:
        deleted, total = PIECE_ROWS, 0
        while deleted == PIECE_ROWS:
            async with self._db.connection() as connection:
                deleted = await forget(connection, bound, PIECE_ROWS)
            total += deleted
        return total
