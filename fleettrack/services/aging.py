"""What is kept for a time only: refused messages, and the pings of trackers that nobody claims."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fleettrack import metrics
from fleettrack.domain import units
from fleettrack.storage import database, trackers

PIECE_ROWS = 5_000  # deleted at once, so that nothing is held up for long

Forget = Callable[[database.Connection, int, int], Awaitable[int]]
"""Deletes what came before a time (ms), at most so many rows; returns how many it were."""


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
        """Delete, in pieces, the rejects and the held pings that are too old."""
        await self._forget(trackers.forget_rejects, self._reject_days)
        self._metrics.unclaimed.inc(await self._forget(trackers.forget_held, self._held_days))

    async def _forget(self, forget: Forget, days: int) -> int:
        before_ms, deleted, total = self._now_ms() - days * units.DAY_MS, PIECE_ROWS, 0
        while deleted == PIECE_ROWS:
            async with self._db.connection() as connection:
                deleted = await forget(connection, before_ms, PIECE_ROWS)
            total += deleted
        return total
