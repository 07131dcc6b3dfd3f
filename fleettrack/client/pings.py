"""Sends pings over HTTP, in batches that grow with the load, one request at a time."""

from __future__ import annotations

import itertools
from collections import deque

from fleettrack.client import opening
from fleettrack.client.api import Api
from fleettrack.client.parcel import Parcel
from fleettrack.client.sending import Sending

BATCH = 500  # pings of a request
WAITING = 2_000  # pings that may wait for their request
COUNTS = ("accepted", "duplicate", "held")


class Http(Sending):
    """`POST /positions` of JSON pings or NMEA sentences, again and again until all is answered for."""

    def __init__(self, api: Api, *, nmea: bool = False, history: bool = False) -> None:
        super().__init__()
        self._api = api
        self._nmea = nmea
        self._opening = opening.Opening()
        self._query = {"history": "1"} if history else {}
        self._waiting: deque[Parcel] = deque()

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
