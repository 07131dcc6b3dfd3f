"""The way of a ping: identify, screen, store, fold, run journeys, commit. One transaction a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from fleettrack import metrics
from fleettrack.domain import errors
from fleettrack.geofence.index import FenceIndex
from fleettrack.services import custody
from fleettrack.services.track import batch as batches
from fleettrack.services.track import delivery, fences, folding, identify, refusals, screen, turns
from fleettrack.storage import database, locks, positions, trackers, visits

ATTEMPTS = 5  # a batch meets an edit at most now and then; five in a row is a bug
TICK_TRACKERS = 500  # trackers the clock decides about in one transaction


class Pipeline:
    """Stores and decides batches; also what edits need decided (editing.Decider)."""

    def __init__(
        self,
        db: database.Database,
        journeys: custody.Custody,
        counters: metrics.Metrics,
        book: fences.FenceBook | None = None,
    ) -> None:
        self._db = db
        self._custody = journeys
        self._metrics = counters
        self._partitions = positions.Partitions(db)
        self._directory = identify.Directory()
        self._fences = book or fences.FenceBook()
        self._folder = folding.Folder()
        self._room = refusals.Room()

    async def process(
        self, deliveries: Sequence[delivery.Delivery], turn: turns.Turn | None = None
    ) -> list[delivery.Answer]:
        """Store and decide these deliveries in one transaction; return the answers in order, after the commit.

        Raises:
            DatabaseAway: nobody said that it was stored; the same again does no harm.
        """
        turn = turn or turns.Turn()
        for attempt in range(ATTEMPTS):
            batch = batches.Batch(deliveries)
            try:
                with self._metrics.batch_seconds.time():
                    async with self._db.transaction() as connection:
                        await self._take(batch, connection, turn, again=attempt > 0)
            except errors.StaleConfiguration:
                turn.begin_anew()
                self._folder.forget()
                self._metrics.batch_retries.labels("stale").inc()
                if attempt == ATTEMPTS - 1:
                    raise
            except BaseException:
                self._folder.forget()
                raise
            else:
                self._folder.committed()
                self._room.keep(batch.kept)
                self._metrics.unkept_rejects.inc(len(batch.refused) - len(batch.kept))
                self._metrics.batch_messages.observe(sum(len(d.messages) for d in deliveries))
                return batch.answers
        raise AssertionError("unreachable")

    async def _take(
        self, batch: batches.Batch, connection: database.Connection, turn: turns.Turn, *, again: bool
    ) -> None:
        """Store, wait for one's turn, decide; `again` locks before it gets ready, so that no edit outruns it twice.

        Nobody may wait for the batch before and hold the lock of the configuration: an editor would queue behind that
        lock, the batch before, should it begin again, behind the editor, and PostgreSQL would not see the ring.
        """
        if again:
            await turn.alone()
        epoch = await (locks.share_configuration if again else locks.epoch)(connection)
        copies = await self._prepare(batch, connection, epoch)
        await turn.may_store()
        seen = await self._store(batch, copies, connection)
        turn.stored()
        await turn.may_decide()
        if await locks.share_configuration(connection) != epoch:
            raise errors.StaleConfiguration
        concerned = await self._decide(batch, seen, connection, epoch)
        if concerned:
            await self._custody.rerun(connection, concerned, await self._index(connection, epoch))

    async def _prepare(self, batch: batches.Batch, connection: database.Connection, epoch: int) -> screen.Copies:
        """Identify and screen a batch, and bring what is to be stored as far as the stage."""
        found = await identify.identify(batch, connection, self._directory, epoch)
        copies = screen.screen(batch, found)
        if batch.columns is not None and len(batch.columns):
            await self._partitions.ensure(batch.columns.fix_time)
            await positions.stage(connection, batch.columns)
        return copies

    async def _store(
        self, batch: batches.Batch, copies: screen.Copies, connection: database.Connection
    ) -> folding.Seen | None:
        """Store what is staged; return what of it is new, None where there is nothing."""
        if batch.columns is None or not len(batch.columns):
            return None
        known, changed = await positions.store(connection)
        screen.report(batch, copies, known)
        return _seen(batch.columns, known, changed, batch.history)

    async def _decide(
        self, batch: batches.Batch, seen: folding.Seen | None, connection: database.Connection, epoch: int
    ) -> set[int]:
        """Fold a batch that is stored; return the consignments whose journeys it concerns."""
        concerned: set[int] = set()
        if seen is not None and batch.columns is not None:
            trackers_here = np.unique(batch.columns.tracker_id).tolist()
            await locks.lock_trackers(connection, trackers_here)
            index = await self._index(connection, epoch)
            held = await self._folder.held(connection, trackers_here, epoch)
            late = folding.late(seen.columns, seen.again_from, held, index)
            changes = await self._folder.fold(connection, seen, held, late, index)
            concerned = await self._custody.concerned(connection, changes)
            concerned |= await self._custody.watched(connection, seen.columns, late, index)
        if batch.held:
            await trackers.hold(connection, batch.held)
        batch.kept = self._room.admit(batch.refused)
        if batch.kept:
            await trackers.refuse(connection, batch.kept)
        return concerned

    async def _index(self, connection: database.Connection, epoch: int) -> FenceIndex:
        return await self._fences.index(connection, epoch)

    async def tick(self, as_of_ms: int) -> int:
        """Let the clock decide up to a time; return how many trackers it looked at (at most TICK_TRACKERS)."""
        try:
            async with self._db.transaction() as connection:
                epoch = await locks.share_configuration(connection)
                due = await visits.due(connection, as_of_ms, TICK_TRACKERS)
                if due:
                    await locks.lock_trackers(connection, due)
                    index = await self._index(connection, epoch)
                    changes = await self._folder.settle(connection, due, as_of_ms, index)
                    concerned = await self._custody.concerned(connection, changes)
                    await self._custody.rerun(connection, concerned, index)
        except BaseException:
            self._folder.forget()
            raise
        return len(due)

    async def refold_places(self, connection: database.Connection, places: Mapping[int, int]) -> set[int]:
        """Fold again the trackers that were near these places since a time (ms); return the consignments concerned."""
        index = await self._fences.fresh(connection)
        since: dict[int, int] = {}
        for place_id, from_ms in places.items():
            for box in await fences.boxes(connection, place_id, index.margin_m):
                for tracker_id in await visits.near_place(connection, place_id, from_ms, box):
                    since[tracker_id] = min(from_ms, since.get(tracker_id, from_ms))
        concerned = await self._refold(connection, since, index)
        return concerned | await self._custody.watching(connection, places)

    async def refold_silences(self, connection: database.Connection, since_ms: int) -> set[int]:
        """Fold again the trackers at a place that were heard since a time (ms); return the consignments concerned."""
        index = await self._fences.fresh(connection)
        heard = await visits.staying_since(connection, since_ms)
        return await self._refold(connection, dict.fromkeys(heard, since_ms), index)

    async def _refold(self, connection: database.Connection, since: Mapping[int, int], index: FenceIndex) -> set[int]:
        if not since:
            return set()
        await locks.lock_trackers(connection, since)
        seen = folding.Seen(columns=positions.empty(), again_from=since, history=frozenset(since))
        # A folder of its own, because the edit may yet roll back; the epoch tells ours that its states may be old.
        folder = folding.Folder()
        held = await folder.held(connection, since, fences.FRESH)
        changes = await folder.fold(connection, seen, held, since, index)
        return await self._custody.concerned(connection, changes)

    async def feed(self, connection: database.Connection, deliveries: list[delivery.Delivery]) -> set[int]:
        """Take in pings inside the caller's transaction (adoption on claim); return the consignments concerned."""
        helper = Pipeline(self._db, self._custody, self._metrics, self._fences)
        batch = batches.Batch(deliveries)
        copies = await helper._prepare(batch, connection, fences.FRESH)
        seen = await helper._store(batch, copies, connection)
        concerned = await helper._decide(batch, seen, connection, fences.FRESH)
        self._metrics.unkept_rejects.inc(len(batch.refused) - len(batch.kept))
        return concerned

    async def rerun(self, connection: database.Connection, consignments: Iterable[int]) -> None:
        """Run the journeys of these consignments again and write what changed to the ledger."""
        await self._custody.rerun(connection, consignments, await self._fences.fresh(connection))


def _seen(
    columns: positions.Columns, known: Sequence[int], changed: Sequence[int], history: frozenset[int]
) -> folding.Seen:
    """Return what the fold has to look at: new rows, and from where on changed ones ask for folding again."""
    again: dict[int, int] = {}
    for row in changed:
        tracker_id, ms = int(columns.tracker_id[row]), int(columns.fix_time[row])
        again[tracker_id] = min(ms, again.get(tracker_id, ms))
    if known:
        fresh = np.ones(len(columns), bool)
        fresh[list(known)] = False
        columns = screen.take(columns, np.flatnonzero(fresh))
    return folding.Seen(columns=columns, again_from=again, history=history)
