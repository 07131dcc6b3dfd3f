"""The fences and our own outages as one index, made anew only when one of them changed."""

from __future__ import annotations

import msgspec

from fleettrack.geofence import calendar, planar, shapes
from fleettrack.geofence.index import FenceIndex
from fleettrack.storage import database, fences, service

FRESH = -1
"""As an epoch: read what this transaction sees, for an edit that is not committed yet."""


_Known = dict[int, shapes.Fence]
"""Fences by the statement that says them."""


class FenceBook:
    """Keeps the index of the newest epoch it was asked for."""

    def __init__(self) -> None:
        self._epoch: int | None = None
        self._index: FenceIndex | None = None
        self._made_of: _Parts | None = None
        self._known: _Known = {}  # most edits are about something else than fences

    async def index(self, connection: database.Connection, epoch: int) -> FenceIndex:
        """Return the index of the fences as of this epoch of the configuration."""
        if epoch == FRESH:
            return await self.fresh(connection)
        if self._index is None or epoch != self._epoch:
            parts, known = await self._parts(connection)
            self._index = self._made(parts, known)
            self._epoch, self._made_of = epoch, parts
            self._known = {statement: known[statement] for statement in parts.statements}
        return self._index

    async def fresh(self, connection: database.Connection) -> FenceIndex:
        """Return the index as this transaction sees the fences; nothing is kept, because the edit may roll back."""
        return self._made(*await self._parts(connection))

    async def _parts(self, connection: database.Connection) -> tuple[_Parts, _Known]:
        statements, known = await fences.current(connection), self._known
        missing = [statement for statement in statements if statement not in known]
        if missing:
            known = known | await fences.read(connection, missing)
        return _Parts(statements, tuple(await service.outages(connection))), known

    def _made(self, parts: _Parts, known: _Known) -> FenceIndex:
        if self._index is not None and parts == self._made_of:
            return self._index
        said = [known[statement] for statement in parts.statements]
        return FenceIndex(said, self._index, calendar.Calendar(parts.outages))


class _Parts(msgspec.Struct, frozen=True):
    """What an index is made of."""

    statements: tuple[int, ...]
    outages: tuple[calendar.Span, ...]


async def boxes(connection: database.Connection, place_id: int, margin_m: float) -> list[planar.Box]:
    """Return west, south, east, north boxes that hold every fix which the fences of a place concern, or ever concerned.

    Who is where a replaced version was may be judged by it still.
    """
    shapes_said = dict.fromkeys(fence.shape for fence in (await fences.of_place(connection, place_id)).values())
    return [box for s in shapes_said for box in planar.pieces(planar.expanded(planar.lay_out(s).box, margin_m))]
