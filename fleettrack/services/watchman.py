"""What goes on by itself beside the pipeline: the clock's decisions, the heartbeat, the seal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from fleettrack.domain import errors
from fleettrack.services.track import pipeline
from fleettrack.storage import database, seals, service

log = structlog.get_logger()

TICK_S = 1.0  # how often the clock is asked
SEAL_S = 0.5  # an entry waits at most about this long for its seal
HEARTBEAT_S = 5.0  # a longer hole in the heartbeat is an outage of ours
AFTER_START_MS = 300_000  # silence counts again when listeners were back for this long (law L6)


class Watchman:
    """Runs the timers. `now_ms` is the clock, `oldest_ms` the receive time of the oldest ping not yet processed."""

    def __init__(
        self,
        db: database.Database,
        line: pipeline.Pipeline,
        now_ms: Callable[[], int],
        oldest_ms: Callable[[], int | None],
    ) -> None:
        self._db = db
        self._line = line
        self._now_ms = now_ms
        self._oldest_ms = oldest_ms
        self._up_since_ms = now_ms()
        self._held_back = False
        self.unsealed = 0  # entries that wait for their seal
        self.unsealed_s = 0.0  # age of the oldest of them

    async def start(self) -> None:
        """Note an outage if our last heartbeat is old; until the trackers had their chance, the clock is held back."""
        outage = await service.note_outage(self._db, self._now_ms(), round(HEARTBEAT_S * 2000))
        self._held_back = outage is not None

    def as_of_ms(self) -> int | None:
        """Return up to when silence means something; None while we came back too lately to tell."""
        now = self._now_ms()
        if self._held_back and now < self._up_since_ms + AFTER_START_MS:
            return None
        oldest = self._oldest_ms()
        return now if oldest is None else min(now, oldest)

    async def tick(self) -> None:
        """Let the clock decide what is due."""
        as_of = self.as_of_ms()
        while as_of is not None and await self._line.tick(as_of) == pipeline.TICK_TRACKERS:
            pass

    async def run(self) -> None:
        """Run all timers until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._every(TICK_S, self.tick))
            group.create_task(self._every(SEAL_S, self._seal))
            group.create_task(self._every(HEARTBEAT_S, self._beat))

    async def _seal(self) -> None:
        while await seals.seal(self._db) == seals.BATCH:
            pass
        self.unsealed, self.unsealed_s = await seals.unsealed(self._db)

    async def _beat(self) -> None:
        await service.beat(self._db, self._now_ms())

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
            await asyncio.sleep(seconds)
