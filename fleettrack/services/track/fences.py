"""The fences and our own outages as one index, made anew only when one of them changed."""

from __future__ import annotations

from collections.abc import Iterator

from fleettrack.geofence import calendar, planar
from fleettrack.geofence.index import FenceIndex
from fleettrack.storage import database, fences, service

FRESH = -1
"""As an epoch: read what this transaction sees, for an edit that is not committed yet."""


class FenceBook:
    """Keeps the index of the newest epoch it was asked for."""

    def __init__(self) -> None:
        self._epoch: int | None = None
        self._index: FenceIndex | None = None

    async def index(self, connection: database.Connection, epoch: int) -> FenceIndex:
        """Return the index of the fences as of this epoch of the configuration."""
        if epoch == FRESH:
            return await self.fresh(connection)
        if self._index is None or epoch != self._epoch:
            self._index = await self.fresh(connection)
            self._epoch = epoch
        return self._index

    async def fresh(self, connection: database.Connection) -> FenceIndex:
        """Return the index as this transaction sees the fences; it is not kept, because the edit may roll back."""
        outages = calendar.Calendar(await service.outages(connection))
        return FenceIndex(await fences.load(connection), self._index, outages)


def boxes(index: FenceIndex, place_id: int) -> Iterator[planar.Box]:
    """Yield west, south, east, north boxes that hold every fix which the fences of a place can concern."""
    for fence in index.fences:
        if fence.place_id == place_id:
            around = planar.expanded(planar.lay_out(fence.shape).box, index.margin_m)
            yield from planar.pieces(around)
