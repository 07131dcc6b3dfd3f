"""The heartbeat, and the outages of ours that show as holes in it (law L6)."""

from __future__ import annotations

import structlog

from fleettrack.services import editing
from fleettrack.storage import database, service

BEAT_MS = 5_000
HOLE_MS = 2 * BEAT_MS  # one beat may be late

log = structlog.get_logger()


class Heart:
    """Notes that we are alive, and when we were not: the process, or the database without which nothing is decided."""

    def __init__(self, db: database.Database, editor: editing.Editor) -> None:
        self._db = db
        self._editor = editor
        self._beaten_ms: int | None = None  # by this process

    async def beat(self, now_ms: int) -> None:
        """Note that we are alive, if that was not done just before; a hole is an outage, noted before anything else."""
        if self._beaten_ms is not None and self._beaten_ms <= now_ms < self._beaten_ms + BEAT_MS:
            return
        async with self._db.connection() as connection:
            if not _is_hole(await service.last_beat(connection), now_ms):
                await service.beat(connection, now_ms)
                self._beaten_ms = now_ms
                return
        await self._note(now_ms)
        self._beaten_ms = now_ms

    async def _note(self, now_ms: int) -> None:
        """Keep the hole, and let what was decided in it be decided again."""
        async with self._editor.edit(configuration=True) as edit:
            last_ms = await service.last_beat(edit.connection)
            if last_ms is not None and _is_hole(last_ms, now_ms):
                from_ms = last_ms + BEAT_MS  # until then we may have lived
                await service.note_outage(edit.connection, from_ms, now_ms)
                edit.touch_silences(from_ms)
                log.warning("we were away", seconds=(now_ms - from_ms) / 1000)
            await service.beat(edit.connection, now_ms)


def _is_hole(last_ms: int | None, now_ms: int) -> bool:
    return last_ms is not None and now_ms - last_ms > HOLE_MS
