"""What goes on by itself beside the pipeline: the clock's decisions, the heartbeat, the seal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from fleettrack.domain import errors, units
from fleettrack.services import heartbeat
from fleettrack.services.track import pipeline
from fleettrack.storage import database, idempotency, seals, trackers

log = structlog.get_logger()

TICK_S = 1.0  # how often the clock is asked
AGE_S = 3_600.0  # what has had its time is deleted about so long after it
AGE_ROWS = 5_000  # at once
SEAL_S = 0.5  # an entry waits at most about this long for its seal


class Watchman:
    """Runs the timers. `now_ms` is the clock, `oldest_ms` the receive time of the oldest ping not yet processed."""

    def __init__(
        self,
        db: database.Database,
        line: pipeline.Pipeline,
        heart: heartbeat.Heart,
        now_ms: Callable[[], int],
        oldest_ms: Callable[[], int | None],
        reject_days: int,
    ) -> None:
        self._db = db
        self._line = line
        self._heart = heart
        self._now_ms = now_ms
        self._oldest_ms = oldest_ms
        self._reject_days = reject_days
        self.unsealed = 0  # entries that wait for their seal
        self.unsealed_s = 0.0  # age of the oldest of them

    async def start(self) -> None:
        """Note the outage that has just ended, before anything else is decided."""
        await self._beat()

    def as_of_ms(self) -> int:
        """Return up to when silence means something: now, or when the oldest ping came that is not processed yet."""
        now, oldest = self._now_ms(), self._oldest_ms()
        return now if oldest is None else min(now, oldest)

    async def tick(self) -> None:
        """Let the clock decide what is due; never over a hole that is not noted yet."""
        await self._beat()
        as_of = self.as_of_ms()
        while await self._line.tick(as_of) == pipeline.TICK_TRACKERS:
            pass

    async def run(self) -> None:
        """Run all timers until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._every(TICK_S, self.tick))
            group.create_task(self._every(SEAL_S, self._seal))
            group.create_task(self._every(heartbeat.BEAT_MS / 1000, self._beat))
            group.create_task(self._every(AGE_S, self.age_out))

    async def age_out(self) -> None:
        """Delete the rejects and the kept answers that have served their time."""
        before_ms = self._now_ms() - self._reject_days * units.DAY_MS
        await self._in_pieces(lambda connection: trackers.forget_rejects(connection, before_ms, AGE_ROWS))
        await self._in_pieces(lambda connection: idempotency.expire(connection, AGE_ROWS))

    async def _in_pieces(self, delete: Callable[[database.Connection], Awaitable[int]]) -> None:
        """Delete AGE_ROWS at once as long as there are so many, so that none holds up others."""
        deleted = AGE_ROWS
        while deleted == AGE_ROWS:
            async with self._db.connection() as connection:
                deleted = await delete(connection)

    async def _seal(self) -> None:
        while await seals.seal(self._db) == seals.BATCH:
            pass
        self.unsealed, self.unsealed_s = await seals.unsealed(self._db)

    async def _beat(self) -> None:
        await self._heart.beat(self._now_ms())

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        away = False
        while True:
            try:
                await work()
                away = False
            except errors.DatabaseAway:
                if not away:
                    log.warning("timer waits for the database", work=work.__name__)
                away = True
            except errors.StaleConfiguration:
                continue
            except Exception:  # the other timers, and this one's next round, must not end with it
                log.exception("a timer failed", work=work.__name__)
            await asyncio.sleep(seconds)
