"""What senders that wait for answers share: one task works, its callers wait for conditions."""

from __future__ import annotations

import abc
import asyncio
from collections.abc import Callable

from fleettrack.client.parcel import Signal, Tally


class Sending(abc.ABC):
    """A task that sends what waits until it is told that nothing more will come."""

    def __init__(self) -> None:
        self.tally = Tally()
        self._finishing = False
        self._signal = Signal()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin; the other end need not be there yet."""
        self._task = asyncio.create_task(self._keep_going())
        self._task.add_done_callback(lambda _: self._signal.changed())

    async def finish(self) -> None:
        """Return when everything sent is acknowledged or refused."""
        self._finishing = True
        self._signal.changed()
        if self._task is not None:
            await self._task

    async def close(self) -> None:
        """Give up what is not acknowledged."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _wait(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds; raise what the task has failed with."""
        task = self._task
        assert task is not None
        await self._signal.until(lambda: task.done() or condition())
        if task.done():
            task.result()

    @abc.abstractmethod
    async def _keep_going(self) -> None:
        """Send until all is settled after `finish`; raise Refused or Unreachable."""
