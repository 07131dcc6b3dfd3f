"""Batches are decided one after the other, whatever becomes of those between them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import weakref
from collections.abc import AsyncIterator, Sequence

from recording import parcel, until

from fleettrack.domain import errors, fix
from fleettrack.services.track import batcher, delivery, turns


class Deciding:
    """Stores and decides nothing, but in turn; `away` are the batches, by number, that fail before theirs."""

    def __init__(self, away: Sequence[int] = ()) -> None:
        self.away = away
        self.sizes: list[int] = []
        self.at_once = self.most = 0
        self.gate = asyncio.Event()

    async def process(
        self, deliveries: Sequence[delivery.Delivery], turn: turns.Turn | None = None
    ) -> list[delivery.Answer]:
        assert turn is not None
        self.sizes.append(sum(len(d.messages) for d in deliveries))
        if len(self.sizes) in self.away:
            raise errors.DatabaseAway
        await turn.may_store()
        turn.stored()
        await turn.may_decide()
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await self.gate.wait()
        self.at_once -= 1
        return [delivery.Answer(outcomes=[], rejects=[]) for _ in deliveries]


def pings(number: int) -> delivery.Delivery:
    return parcel(*[fix.Status(tracker="t", kind="void")] * number)


@contextlib.asynccontextmanager
async def running(processor: Deciding) -> AsyncIterator[batcher.Batcher]:
    gather = batcher.Batcher(processor)
    work = asyncio.create_task(gather.run())
    try:
        yield gather
    finally:
        work.cancel()
        await asyncio.wait([work])


def submit(gather: batcher.Batcher, *parcels: delivery.Delivery) -> list[asyncio.Task[delivery.Answer]]:
    return [asyncio.create_task(gather.submit(one)) for one in parcels]


async def test_a_worker_that_finds_all_taken_breaks_no_order() -> None:
    processor = Deciding()
    full = batcher.BATCH_MESSAGES
    async with running(processor) as gather:
        sent = submit(gather, pings(500))
        await until(lambda: gather.queued == 500)  # one worker waits for company…
        sent += submit(gather, pings(full - 500))
        await until(lambda: processor.sizes == [full])  # …and the other takes it all
        await asyncio.sleep(2 * batcher.BATCH_AGE_S)  # that one worker waits so long is time, no condition
        sent += submit(gather, pings(full))
        await until(lambda: processor.sizes == [full, full])
        processor.gate.set()
        await asyncio.gather(*sent)
    assert processor.most == 1


async def test_a_batch_that_fails_before_its_turn_breaks_no_order() -> None:
    processor = Deciding(away=[2])
    async with running(processor) as gather:
        first = submit(gather, pings(batcher.BATCH_MESSAGES))
        await until(lambda: processor.at_once)
        (failed,) = await asyncio.gather(*submit(gather, pings(batcher.BATCH_MESSAGES)), return_exceptions=True)
        assert isinstance(failed, errors.DatabaseAway)
        third = submit(gather, pings(batcher.BATCH_MESSAGES))
        await until(lambda: len(processor.sizes) == 3)
        processor.gate.set()
        await asyncio.gather(*first, *third)
    assert processor.most == 1


async def test_turns_that_are_over_are_let_go() -> None:
    first = turns.Turn()
    last, made = first, []
    for _ in range(100):  # none of them comes to its turn
        last = turns.Turn(last)
        made.append(weakref.ref(last))
        last.end()
    gc.collect()
    assert [turn() for turn in made if turn() is not None] == [last]


async def test_who_waits_for_a_batch_that_is_tried_one_by_one_is_told_when_the_service_stops() -> None:
    class Poisoned(Deciding):
        async def process(
            self, deliveries: Sequence[delivery.Delivery], turn: turns.Turn | None = None
        ) -> list[delivery.Answer]:
            if len(deliveries) > 1:
                raise ArithmeticError
            return await super().process(deliveries, turn)

    processor = Poisoned()
    async with running(processor) as gather:
        sent = submit(gather, pings(1), pings(1), pings(1))
        await until(lambda: processor.at_once)
    assert [type(answer) for answer in await asyncio.gather(*sent, return_exceptions=True)] == [errors.DatabaseAway] * 3
