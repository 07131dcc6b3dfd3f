"""The database as one transaction sees it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from fleettrack.storage import database


class Joined(database.Database):
    """Whatever is read and written here is part of a transaction that somebody else opened, and will end."""

    def __init__(self, connection: database.Connection) -> None:
        self._connection = connection

    @contextlib.asynccontextmanager
    async def transaction(self, outer: database.Connection | None = None) -> AsyncIterator[database.Connection]:
        """Yield the connection of that transaction."""
        yield outer or self._connection

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[database.Connection]:
        """Yield the connection of that transaction."""
        yield self._connection
