"""The fences and our own outages as one index, made anew only when one of them changed."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from fleettrack.geofence import calendar, planar, shapes
from fleettrack.geofence.index import FenceIndex
from fleettrack.storage import database, fences, service

FRESH = -1
"""As an epoch: read what this transaction sees, for an edit that is not committed yet."""


class FenceBook:
    """Keeps the index of the newest epoch it was asked for."""

    def __init__(self) -> None:
        self._epoch: int | None = None
        self._index: FenceIndex | None = None
        self._made_of: _Parts | None = None
        self._known: dict[int, shapes.Fence] = {}  # by statement: most edits are about something else than fences

    async def index(self, connection: database.Connection, epoch: int) -> FenceIndex:
        """Return the index of the fences as of this epoch of the configuration."""
        if epoch == FRESH:
            return await self.fresh(connection)
        if self._index is None or epoch != self._epoch:
            parts = await self._parts(connection)
            self._index = self._made(parts)
            self._epoch, self._made_of = epoch, parts
            self._known = {statement: self._known[statement] for statement in parts.statements}
        return self._index

    async def fresh(self, connection: database.Connection) -> FenceIndex:
        """Return the index as this transaction sees the fences; it is not kept, because the edit may roll back."""
        return self._made(await self._parts(connection))

    async def _parts(self, connection: database.Connection) -> _Parts:
        statements = await fences.current(connection)
        missing = [statement for statement in statements if statement not in self._known]
        if missing:
            self._known |= await fences.read(connection, missing)
        return _Parts(statements, tuple(await service.outages(connection)))

    def _made(self, parts: _Parts) -> FenceIndex:
        if self._index is not None and parts == self._made_of:
            return self._index
        known = [self._known[statement] for statement in parts.statements]
        return FenceIndex(known, self._index, calendar.Calendar(parts.outages))


class _Parts(msgspec.Struct, frozen=True):
    """What an index is made of."""

    statements: tuple[int, ...]
    outages: tuple[calendar.Span, ...]


def boxes(index: FenceIndex, place_id: int) -> Iterator[planar.Box]:
    """Yield west, south, east, north boxes that hold every fix which the fences of a place can concern."""
    for fence in index.fences:
        if fence.place_id == place_id:
            around = planar.expanded(planar.lay_out(fence.shape).box, index.margin_m)
            yield from planar.pieces(around)
