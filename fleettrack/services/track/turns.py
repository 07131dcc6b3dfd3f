"""The order of the batches under way: what the next one may do, and when.

Rows are stored in the order of the batches, and decided in it. A batch stores while the one before it is decided, so
that the database has something to do while we compute, and the other way round. Where both hold the same fix it waits
inside the database for the one before; that one must never wait for it, so it gives way when the other begins anew.

Two service processes on one database do not know each other's turns. Where the same fix comes through both, and people
edit at that very moment, they may wait for each other until PostgreSQL ends one lock's patience (storage.locks).
"""

from __future__ import annotations

import asyncio

from fleettrack.domain import errors


class Turn:
    """The turn of one batch, behind the turn `before`."""

    def __init__(self, before: Turn | None = None) -> None:
        self._before = before
        self._ahead()  # so that turns long over are let go
        self._anew = False
        self._stored = asyncio.Event()  # or there will be nothing to wait for
        self._decided = asyncio.Event()  # or it begins anew
        self._over = asyncio.Event()

    def _ahead(self) -> Turn | None:
        """Return the nearest turn before this one that is not over: one may end before it came to its own turn."""
        while self._before is not None and self._before._over.is_set():
            self._before = self._before._before
        return self._before

    async def may_store(self) -> None:
        """Wait until the batch before has stored."""
        before = self._ahead()
        if before is not None:
            await before._stored.wait()

    async def may_decide(self) -> None:
        """Wait until the batches before are over.

        Raises:
            StaleConfiguration: one of them begins anew and may meet the rows that we have stored: give way.
        """
        while (before := self._ahead()) is not None:
            await before._decided.wait()
            if before._anew:
                raise errors.StaleConfiguration

    async def alone(self) -> None:
        """Wait until the batches before are over."""
        while (before := self._ahead()) is not None:
            await before._over.wait()

    def stored(self) -> None:
        """Let the next batch store."""
        self._stored.set()

    def begin_anew(self) -> None:
        """Make the next batch give way: what this one stored is gone, and will be stored again."""
        self._anew = True
        self._stored.set()
        self._decided.set()

    def end(self) -> None:
        """Let the next batch go on."""
        for event in (self._stored, self._decided, self._over):
            event.set()
