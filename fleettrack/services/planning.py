"""Edits of plans: whatever changes which consignments a tracker concerns, without being read once by batches."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from fleettrack.services import editing
from fleettrack.storage import consignments, ledger


class Planner(editing.Editor):
    """An Editor that also opens edits of plans (consignments, loads, containment)."""

    @contextlib.asynccontextmanager
    async def plan(self, *, fresh: bool = False) -> AsyncIterator[editing.Edit]:
        """Yield an edit that no batch overtakes: one that misses the new plan has committed before it is decided.

        `fresh`: the edit writes rows that nobody else can see yet, however many; batches then wait for its
        decisions only. Any other edit keeps batches out from the start, because it locks what they lock.
        """
        async with self._db.transaction() as connection:
            if not fresh:
                await consignments.hold_batches(connection)
            await ledger.join_writers(connection)
            edit = editing.Edit(connection)
            yield edit
            if fresh:
                await consignments.hold_batches(connection)
            await edit.decide(self._decider)
