"""Gathers deliveries while a batch is under way, and sends them on together: the load makes the batches.

Where the load fills the next one meanwhile, it sets out at once, and gets as far as deciding (see turns).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from fleettrack.domain import errors
from fleettrack.services.track import delivery, turns

BATCH_MESSAGES = 20_000  # under full load about half a second; what a batch costs by itself hardly counts then
BATCH_AGE_S = 0.005  # how long a lone ping waits for company
QUEUE_MESSAGES = 50_000  # one or two seconds of full load; beyond it senders are told to wait
UNDER_WAY = 2


class Processor(Protocol):
    """Stores and decides a batch in one transaction."""

    async def process(
        self, deliveries: Sequence[delivery.Delivery], turn: turns.Turn | None = None
    ) -> list[delivery.Answer]:
        """Return the answers in order, after the commit; store and decide when it is this batch's turn."""


class Batcher:
    """One queue, and batches that are decided one after the other: strict order per tracker follows from it."""

    def __init__(self, processor: Processor) -> None:
        self._processor = processor
        self._waiting: deque[delivery.Delivery] = deque()
        self._messages = 0
        self._under_way = 0
        self._changed = asyncio.Condition()
        self._last: turns.Turn | None = None  # of the batch that was taken last

    @property
    def queued(self) -> int:
        """How many messages wait."""
        return self._messages

    async def submit(self, parcel: delivery.Delivery) -> delivery.Answer:
        """Wait for space, then for the commit; return what became of each message.

        Raises:
            DatabaseAway: nobody said that it was stored; the sender has to send it again, or the spool to keep it.
        """
        parcel.done = asyncio.get_running_loop().create_future()
        async with self._changed:
            await self._changed.wait_for(lambda: self._messages < QUEUE_MESSAGES)
            self._waiting.append(parcel)
            self._messages += max(1, len(parcel.messages))
            self._changed.notify_all()
        return await parcel.done

    async def run(self) -> None:
        """Process batches until cancelled; what still waits then is told that the database is away."""
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(UNDER_WAY):
                    group.create_task(self._work())
        finally:
            for parcel in self._waiting:
                _fail(parcel, errors.DatabaseAway("the service is stopping"))

    async def _work(self) -> None:
        while True:
            async with self._changed:
                await self._changed.wait_for(self._may_set_out)
                self._under_way += 1
            try:
                if self._messages < BATCH_MESSAGES:
                    await asyncio.sleep(BATCH_AGE_S)
                await self._next()
            finally:
                self._under_way -= 1
            async with self._changed:
                self._changed.notify_all()

    def _may_set_out(self) -> bool:
        """Say whether there is a batch: of anything where none is under way, a full one behind another."""
        return bool(self._waiting) and (not self._under_way or self._messages >= BATCH_MESSAGES)

    async def _next(self) -> None:
        taken = self._take()
        if not taken:  # the other worker took all while this one waited for company
            return
        turn = self._last = turns.Turn(self._last)
        async with self._changed:
            self._changed.notify_all()  # there is room again
        try:
            await self._process(taken, turn)
        finally:
            turn.end()

    def _take(self) -> list[delivery.Delivery]:
        taken: list[delivery.Delivery] = []
        size = 0
        while self._waiting and (not taken or size + len(self._waiting[0].messages) <= BATCH_MESSAGES):
            parcel = self._waiting.popleft()
            size += max(1, len(parcel.messages))
            taken.append(parcel)
        self._messages -= size
        return taken

    async def _process(self, taken: list[delivery.Delivery], turn: turns.Turn) -> None:
        try:
            answers = await self._processor.process(taken, turn)
        except asyncio.CancelledError:
            for parcel in taken:
                _fail(parcel, errors.DatabaseAway("the service is stopping"))
            raise
        except Exception as exc:
            if isinstance(exc, errors.DatabaseAway):
                await self._fail_all(taken, exc)
            elif len(taken) == 1:
                _fail(taken[0], exc)
            else:  # one poisoned delivery must not take its companions with it: each is tried by itself
                turn.begin_anew()
                try:
                    for parcel in taken:
                        await self._process([parcel], turn)
                finally:  # cancelled amid them: nobody may wait for ever
                    for parcel in taken:
                        _fail(parcel, errors.DatabaseAway("the service is stopping"))
        else:
            for parcel, answer in zip(taken, answers, strict=True):
                if parcel.done is not None and not parcel.done.done():
                    parcel.done.set_result(answer)

    async def _fail_all(self, taken: list[delivery.Delivery], error: Exception) -> None:
        """Let nobody wait in memory while the database is away: their senders, or the spool, keep it better."""
        async with self._changed:
            waiting = [*taken, *self._waiting]
            self._waiting.clear()
            self._messages = 0
            self._changed.notify_all()
        for parcel in waiting:
            _fail(parcel, error)


def _fail(parcel: delivery.Delivery, error: Exception) -> None:
    if parcel.done is not None:
        with contextlib.suppress(asyncio.InvalidStateError):
            parcel.done.set_exception(error)
