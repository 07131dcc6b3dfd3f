"""Sends pings over HTTP, in batches that grow with the load, one request at a time."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable

from fleettrack.client import opening
from fleettrack.client.api import Api
from fleettrack.client.parcel import Parcel, Signal, Tally

BATCH = 500  # pings of a request
WAITING = 2_000  # pings that may wait for their request
COUNTS = ("accepted", "duplicate", "held")


class Http:
    """`POST /positions` of JSON pings or NMEA sentences, again and again until all is answered for."""

    def __init__(self, api: Api, *, nmea: bool = False, history: bool = False) -> None:
        self.tally = Tally()
        self._api = api
        self._nmea = nmea
        self._opening = opening.Opening()
        self._query = {"history": "1"} if history else {}
        self._waiting: deque[Parcel] = deque()
        self._finishing = False
        self._signal = Signal()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin; the other end need not be there yet."""
        self._task = asyncio.create_task(self._keep_going())
        self._task.add_done_callback(lambda _: self._signal.changed())

    async def send(self, parcel: Parcel) -> None:
        """Take one ping as JSON, or sentences; waits while too many wait.

        Raises:
            Refused: the service will not have it, whatever it is: a wrong key, say.
            Unreachable: nobody answers.
        """
        await self._wait(lambda: len(self._waiting) < WAITING)
        self._waiting.append(parcel)
        self._signal.changed()

    async def acknowledged(self) -> None:
        """Wait until the service has answered for all that was sent."""
        await self._wait(lambda: not self._waiting)

    async def finish(self) -> None:
        """Return when everything sent is answered for."""
        self._finishing = True
        self._signal.changed()
        if self._task is not None:
            await self._task

    async def close(self) -> None:
        """Give up what is not answered for."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _wait(self, condition: Callable[[], bool]) -> None:
        task = self._task
        assert task is not None
        await self._signal.until(lambda: task.done() or condition())
        if task.done():
            task.result()

    async def _keep_going(self) -> None:
        while True:
            await self._signal.until(lambda: bool(self._waiting) or self._finishing)
            if not self._waiting:
                return
            batch = list(itertools.islice(self._waiting, BATCH))
            await self._post(batch)
            for _ in batch:
                self._opening.learn(self._waiting.popleft())
            self._signal.changed()

    async def _post(self, batch: list[Parcel]) -> None:
        before = self._api.retries
        if self._nmea:
            body, kind = self._opening.before(batch[0]) + b"".join(parcel.data for parcel in batch), "text/plain"
        else:
            body, kind = b"[" + b",".join(parcel.data for parcel in batch) + b"]", "application/json"
        headers = {"Content-Type": kind}
        answer = await self._api.ask("POST", "/positions", data=body, query=self._query, headers=headers)
        self.tally.answers = True
        known = sum(answer[name] or 0 for name in COUNTS)
        self.tally.sent += known + answer["rejected"]
        self.tally.acknowledged += known
        self.tally.duplicate += answer["duplicate"] or 0
        self.tally.held += answer["held"] or 0
        self.tally.rejected += answer["rejected"]
        self.tally.resent += (self._api.retries - before) * len(batch)
