"""Gathers deliveries while a batch is under way, and sends them on together: the load makes the batches."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from fleettrack.domain import errors
from fleettrack.services.track import delivery

BATCH_MESSAGES = 5_000  # larger batches gain little and make everybody in them wait longer
BATCH_AGE_S = 0.005  # how long a lone ping waits for company
QUEUE_MESSAGES = 50_000  # about two seconds of full load; beyond it senders are told to wait


class Processor(Protocol):
    """Stores and decides a batch in one transaction."""

    async def process(self, deliveries: Sequence[delivery.Delivery]) -> list[delivery.Answer]:
        """Return the answers in order, after the commit."""


class Batcher:
    """One queue, one batch at a time: strict order per tracker follows from it."""

    def __init__(self, processor: Processor) -> None:
        self._processor = processor
        self._waiting: deque[delivery.Delivery] = deque()
        self._messages = 0
        self._arrived = asyncio.Event()
        self._space = asyncio.Condition()
        self.oldest_ms: int | None = None  # receive time of the oldest delivery not yet committed

    @property
    def queued(self) -> int:
        """How many messages wait."""
        return self._messages

    async def submit(self, parcel: delivery.Delivery) -> delivery.Answer:
        """Wait for space, then for the commit; return what became of each message.

        Raises:
            DatabaseAway: nothing was stored; the sender has to send it again, or the spool to keep it.
        """
        parcel.done = asyncio.get_running_loop().create_future()
        async with self._space:
            await self._space.wait_for(lambda: self._messages < QUEUE_MESSAGES)
            self._waiting.append(parcel)
            self._messages += max(1, len(parcel.messages))
            self._arrived.set()
        return await parcel.done

    async def run(self) -> None:
        """Process batches until cancelled; what still waits then is told that the database is away."""
        try:
            while True:
                await self._arrived.wait()
                if self._messages < BATCH_MESSAGES:
                    await asyncio.sleep(BATCH_AGE_S)
                await self._process(await self._take())
        finally:
            for parcel in self._waiting:
                _fail(parcel, errors.DatabaseAway("the service is stopping"))

    async def _take(self) -> list[delivery.Delivery]:
        taken: list[delivery.Delivery] = []
        size = 0
        async with self._space:
            while self._waiting and (not taken or size + len(self._waiting[0].messages) <= BATCH_MESSAGES):
                parcel = self._waiting.popleft()
                size += max(1, len(parcel.messages))
                taken.append(parcel)
            self._messages -= size
            if not self._waiting:
                self._arrived.clear()
            self._space.notify_all()
        self.oldest_ms = min((p.received_ms for p in taken), default=None)
        return taken

    async def _process(self, taken: list[delivery.Delivery]) -> None:
        try:
            answers = await self._processor.process(taken)
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
                for parcel in taken:
                    await self._process([parcel])
        else:
            for parcel, answer in zip(taken, answers, strict=True):
                if parcel.done is not None and not parcel.done.done():
                    parcel.done.set_result(answer)
        finally:
            self.oldest_ms = min((p.received_ms for p in self._waiting), default=None)

    async def _fail_all(self, taken: list[delivery.Delivery], error: Exception) -> None:
        """Let nobody wait in memory while the database is away: their senders, or the spool, keep it better."""
        async with self._space:
            waiting = [*taken, *self._waiting]
            self._waiting.clear()
            self._messages = 0
            self._arrived.clear()
            self._space.notify_all()
        for parcel in waiting:
            _fail(parcel, error)


def _fail(parcel: delivery.Delivery, error: Exception) -> None:
    if parcel.done is not None:
        with contextlib.suppress(asyncio.InvalidStateError):
            parcel.done.set_exception(error)
