"""Facts that people enter: one transaction that also decides again whatever the fact changes (laws L2, L9)."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Protocol, Self

from fleettrack.services.track import delivery
from fleettrack.storage import database, locks


class Decider(Protocol):
    """What decides: the two folds over what is stored."""

    async def refold_places(self, connection: database.Connection, places: Mapping[int, int]) -> set[int]:
        """Fold again the trackers that were near these places since a time (ms); return the consignments concerned."""

    async def refold_silences(self, connection: database.Connection, since_ms: int) -> set[int]:
        """Fold again the trackers at a place that were heard since a time; return the consignments concerned."""

    async def feed(self, connection: database.Connection, deliveries: list[delivery.Delivery]) -> set[int]:
        """Take in pings inside this transaction (adoption on claim); return the consignments concerned."""

    async def rerun(self, connection: database.Connection, consignments: Iterable[int]) -> None:
        """Run the journeys of these consignments again and write what changed to the ledger."""


class Edit:
    """One edit under way. Name what it touches; the decisions that hang on it follow at its end."""

    def __init__(self, connection: database.Connection) -> None:
        self.connection = connection
        self._consignments: set[int] = set()
        self._places: dict[int, int] = {}
        self._silent_since_ms: int | None = None
        self._deliveries: list[delivery.Delivery] = []

    def touch_consignments(self, ids: Iterable[int]) -> None:
        """The plan, assignments, loads or facts of these consignments changed."""
        self._consignments.update(ids)

    def touch_place(self, place_id: int, since_ms: int) -> None:
        """The fences of this place changed with effect from a time."""
        self._places[place_id] = min(since_ms, self._places.get(place_id, since_ms))

    def touch_silences(self, since_ms: int) -> None:
        """What silence since a time means has changed."""
        self._silent_since_ms = since_ms

    def adopt(self, deliveries: Iterable[delivery.Delivery]) -> None:
        """Pings that were held have found their tracker."""
        self._deliveries.extend(deliveries)

    async def decide(self, decider: Decider) -> None:
        """Do what the touched things ask for, within this transaction."""
        if self._places:
            self._consignments |= await decider.refold_places(self.connection, self._places)
        if self._silent_since_ms is not None:
            self._consignments |= await decider.refold_silences(self.connection, self._silent_since_ms)
        if self._deliveries:
            self._consignments |= await decider.feed(self.connection, self._deliveries)
        if self._consignments:
            await decider.rerun(self.connection, sorted(self._consignments))


class Editor:
    """Opens edits. `configuration=True` for whatever batches read once: fences, assignments, trackers."""

    def __init__(self, db: database.Database, decider: Decider) -> None:
        self._db = db
        self._decider = decider

    def on(self, db: database.Database) -> Self:
        """Return one that opens its edits on another database, or inside a transaction of it (storage.joined)."""
        return type(self)(db, self._decider)

    @contextlib.asynccontextmanager
    async def edit(self, *, configuration: bool = False) -> AsyncIterator[Edit]:
        """Yield an edit; on leaving, decide again what it touched, then commit all of it or nothing."""
        async with self._db.transaction() as connection:
            if configuration:
                await locks.edit_configuration(connection)
            else:
                await locks.share_configuration(connection)
            edit = Edit(connection)
            yield edit
            await edit.decide(self._decider)
