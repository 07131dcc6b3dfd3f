"""The order of the batches under way: what the next one may do, and when.

Rows are stored in the order of the batches, and decided in it. A batch stores while the one before it is decided, so
that the database has something to do while we compute, and the other way round. Where both hold the same fix it waits
inside the database for the one before; that one must never wait for it, so it gives way when the other begins anew.
"""

from __future__ import annotations

import asyncio

from fleettrack.domain import errors


class Turn:
    """The turn of one batch, behind the turn `before`."""

    def __init__(self, before: Turn | None = None) -> None:
        self._before = before
        self._anew = False
        self._stored = asyncio.Event()  # or there will be nothing to wait for
        self._decided = asyncio.Event()  # or it begins anew
        self._over = asyncio.Event()

    async def may_store(self) -> None:
        """Wait until the batch before has stored."""
        before = self._before
        if before is None:
            return
        await before._stored.wait()
        if before._anew or before._over.is_set():
            await self.alone()

    async def may_decide(self) -> None:
        """Wait until the batch before is over.

        Raises:
            StaleConfiguration: that one begins anew and may meet the rows that we have stored: give way.
        """
        if self._before is None:
            return
        await self._before._decided.wait()
        if self._before._anew:
            raise errors.StaleConfiguration
        self._before = None

    async def alone(self) -> None:
        """Wait until the batch before is over, and forget it."""
        if self._before is not None:
            await self._before._over.wait()
            self._before = None

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
