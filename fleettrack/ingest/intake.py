"""The door between listeners and pipeline: counts what passes, and sends to disk what finds the database away."""

from __future__ import annotations

import asyncio
import collections
import contextlib
from collections.abc import Callable, Iterator
from typing import Protocol

from fleettrack import log, metrics
from fleettrack.domain import errors, fix, units
from fleettrack.ingest import spool
from fleettrack.services.track import delivery

DRAIN_MESSAGES = 5_000  # taken from disk at a time: a full batch
RETRY_S = 0.5  # between looks whether the database, or room on disk, is back
RETRY_MAX_S = 5.0

STORED = frozenset(
    (delivery.Outcome.ACCEPTED, delivery.Outcome.DUPLICATE, delivery.Outcome.HELD, delivery.Outcome.PENDING)
)
"""Outcomes with which a fix is safe: its sender may forget it. PENDING is one that waits on disk."""

_log = log.get(__name__)


class Pipeline(Protocol):
    """What takes deliveries; in the service the batcher."""

    async def submit(self, parcel: delivery.Delivery) -> delivery.Answer:
        """Return what became of each message, after the commit."""


class Intake:
    """One for all listeners of a process. `run` has to be running for the spool to empty."""

    def __init__(
        self,
        pipeline: Pipeline,
        store: spool.Spool,
        counters: metrics.Metrics,
        *,
        clock: Callable[[], int] = units.now_ms,
    ) -> None:
        self._pipeline = pipeline
        self._spool = store
        self._metrics = counters
        self._under_way: dict[int, int] = {}  # delivery → receive time
        self._trying = 0
        self.away = False  # the last attempt found no database
        self.clock = clock

    @property
    def oldest_ms(self) -> int | None:
        """Receive time of the oldest message that is not in the database yet, on its way or on disk."""
        known = [ms for ms in (min(self._under_way.values(), default=None), self._spool.oldest_ms) if ms is not None]
        return min(known, default=None)

    def stalled(self, reason: str) -> None:
        """Count that a listener stops reading for a while."""
        self._metrics.stalls.labels(reason).inc()

    async def submit(self, parcel: delivery.Delivery) -> delivery.Answer:
        """Take a delivery whose sender can be told to come again.

        Raises:
            DatabaseAway: nobody said that it was stored.
        """
        with self._noted(parcel):
            answer = await self._try(parcel)
        self._count(parcel, answer)
        return answer

    async def keep(self, parcel: delivery.Delivery, raw: bytes, *, wait: bool = True) -> delivery.Answer | None:
        """Take a delivery whose sender would not come again: to the database, or else to disk.

        Fixes that are on disk are PENDING in the answer. While there is no room on disk either, `wait` decides
        whether this waits, or drops the delivery, counts that, and returns None.
        """
        stalled = False
        with self._noted(parcel):
            while True:
                if not self._spool.holding:
                    with contextlib.suppress(errors.DatabaseAway):
                        return await self._or_aside(parcel, raw)
                try:
                    await self._spool.put(parcel, raw)
                except spool.Full:
                    if not wait:
                        self._metrics.dropped.labels("spool_full").inc(len(parcel.messages))
                        return None
                    if not stalled:
                        self.stalled("spool_full")
                    stalled = True
                    await self._room()
                else:
                    self._metrics.spooled.inc(len(parcel.messages))
                    return pending(parcel)

    async def run(self) -> None:
        """Bring what waits on disk to the database, in order, whenever that is there. Runs until cancelled."""
        pause = RETRY_S
        while True:
            await self._spool.wait_holding()
            try:
                await self._drain()
                pause = RETRY_S
                continue
            except errors.DatabaseAway:
                pass
            except Exception:  # a fault of the disk; nothing is lost by trying again
                _log.exception("the spool could not be emptied")
            await asyncio.sleep(pause)
            pause = min(2 * pause, RETRY_MAX_S)

    async def _drain(self) -> None:
        head = await self._spool.first(1 if self.away else DRAIN_MESSAGES)
        results = await asyncio.gather(*(self._try(s.parcel) for s in head), return_exceptions=True)
        done: list[spool.Stored] = []
        for stored, result in zip(head, results, strict=True):
            if isinstance(result, delivery.Answer):
                done.append(stored)
                self._count(stored.parcel, result)
                self._metrics.drained.inc(len(stored.parcel.messages))
            elif not isinstance(result, errors.DatabaseAway):
                self._blame(result)
                await self._spool.set_aside(stored.number, repr(result))
        if done:
            await self._spool.remove(done)
        if any(isinstance(result, errors.DatabaseAway) for result in results):
            raise errors.DatabaseAway

    async def _try(self, parcel: delivery.Delivery) -> delivery.Answer:
        """Submit; while the database is known to be away only one delivery at a time finds out whether it still is."""
        if self.away and self._trying:
            raise errors.DatabaseAway
        self._trying += 1
        try:
            answer = await self._pipeline.submit(parcel)
        except errors.DatabaseAway:
            if not self.away:
                _log.warning("the database is away")
            self.away = True
            raise
        finally:
            self._trying -= 1
        self.away = False
        return answer

    async def _or_aside(self, parcel: delivery.Delivery, raw: bytes) -> delivery.Answer | None:
        try:
            answer = await self._try(parcel)
        except errors.DatabaseAway:
            raise
        except Exception as exc:
            self._blame(exc)
            try:
                await self._spool.put(parcel, raw, fault=repr(exc))
            except spool.Full:
                self._metrics.dropped.labels("fault").inc(len(parcel.messages))
                return None
            return pending(parcel)
        self._count(parcel, answer)
        return answer

    async def _room(self) -> None:
        """Wait a little, or until the spool takes more."""
        if self._spool.full:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RETRY_S):
                    await self._spool.wait_room()
        else:  # there would be room, but the disk refuses
            await asyncio.sleep(RETRY_S)

    def _blame(self, fault: BaseException) -> None:
        self._metrics.failed.inc()
        _log.error("a delivery was set aside", exc_info=fault)

    def _count(self, parcel: delivery.Delivery, answer: delivery.Answer) -> None:
        protocol = parcel.sender.protocol.name.lower()
        for outcome, number in collections.Counter(answer.outcomes).items():
            self._metrics.messages.labels(protocol, delivery.Outcome(outcome).name.lower()).inc(number)
        for _, reject in answer.rejects:
            self._metrics.rejects.labels(reject.reason).inc()

    @contextlib.contextmanager
    def _noted(self, parcel: delivery.Delivery) -> Iterator[None]:
        self._under_way[id(parcel)] = parcel.received_ms
        try:
            yield
        finally:
            del self._under_way[id(parcel)]


def pending(parcel: delivery.Delivery) -> delivery.Answer:
    """Return the answer for a delivery whose fixes wait on disk."""
    of = {fix.Fix: delivery.Outcome.PENDING, fix.Status: delivery.Outcome.STATUS, fix.Reject: delivery.Outcome.REJECTED}
    rejects = [(i, m) for i, m in enumerate(parcel.messages) if isinstance(m, fix.Reject)]
    return delivery.Answer(outcomes=[of[type(m)] for m in parcel.messages], rejects=rejects)
