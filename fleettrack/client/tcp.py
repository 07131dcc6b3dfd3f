"""Sends over TCP and keeps what was not acknowledged, to send it again when the connection was lost."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import deque

from fleettrack.client import account
from fleettrack.client.parcel import BackOff, Parcel
from fleettrack.client.sending import Sending

WINDOW = 2_000  # parcels that may wait for their acknowledgement
AT_ONCE = 64  # parcels joined into one write
SOUND_S = 5.0  # a connection that held so long was no failure of the other end
MUTE_S = 6.0  # a full window without any answer ever: this listener does not acknowledge
ENDS_ALIKE = 3  # connections ended in good order with the same left over: that was refused (a kill looks like one end)
STALLED_S = 20.0  # … without an answer lately: what is in it may have been refused


class Tcp(Sending):
    """One connection after another to one listener. The account knows what its answers mean."""

    def __init__(
        self,
        host: str,
        port: int,
        kept: account.Account | None = None,
        *,
        give_up_s: float | None = None,
    ) -> None:
        super().__init__()
        self._address = host, port
        self._account = account.Sentences() if kept is None else kept
        self._back_off = BackOff(give_up_s)
        self._window: deque[Parcel] = deque()
        self._written = 0  # parcels of the window that are on this connection
        self._ever_written = 0  # … that were on this or an earlier one
        self._begun = False  # something was said on this connection
        self._left: list[int] = []  # in the window whenever a connection was ended in good order
        self._acknowledges = True

    async def send(self, parcel: Parcel) -> None:
        """Take a parcel; waits while too many are not acknowledged.

        Raises:
            Unreachable: nobody answers.
        """
        await self._wait(lambda: not self._full)
        self._window.append(parcel)
        self._signal.changed()

    async def acknowledged(self) -> None:
        """Wait until all that was sent is acknowledged; for ever where the other end does not do that."""
        await self._wait(lambda: not self._window)

    async def _keep_going(self) -> None:
        host, port = self._address
        time = asyncio.get_running_loop().time
        while True:
            try:
                reader, writer = await asyncio.open_connection(host, port)
            except OSError as exc:
                self._left.clear()  # it was down: whatever ended before ended with it
                await self._back_off.failed(f"{host}:{port} cannot be reached: {exc}")
                continue
            since = time()
            try:
                await self._converse(reader, writer)
            except (OSError, EOFError):
                self.tally.reconnects += 1
                if time() - since >= SOUND_S:
                    self._back_off.worked()
                await self._back_off.failed(f"{host}:{port} closes every connection")
                continue
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
            if self._settled() and self._finishing:
                return

    def _settled(self) -> bool:
        """Judge a connection that was ended in good order: what several of them leave unacknowledged was refused.

        One is not enough: a service that is killed may end its connections just so.
        """
        self._left = [left for left in self._left if left == len(self._window)] + [len(self._window)]
        enough = ENDS_ALIKE if self.tally.answers else ENDS_ALIKE - 1
        if self._window and self._acknowledges and len(self._left) < enough:
            return False
        if self.tally.answers:
            self.tally.rejected += self._account.left if self._window else 0
            self.tally.acknowledged = self.tally.sent - self.tally.rejected
        while self._window:
            self._account.safe(self._window.popleft())
        self._left, self._ever_written = [], 0
        self._signal.changed()
        return True

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Write, and take answers, until there is nothing left to write; raise where the connection is lost before."""
        self._written, self._begun = 0, False
        answers = asyncio.create_task(self._take_answers(reader))
        answers.add_done_callback(lambda _: self._signal.changed())
        try:
            while True:
                await self._write(writer)
                if self._finishing or not await self._more_to_do(answers):
                    self._account.ended(self.tally)
                    writer.write_eof()
                    await answers
                    return
                if answers.done():
                    answers.result()
                    raise EOFError
        finally:
            answers.cancel()
            await asyncio.gather(answers, return_exceptions=True)

    async def _write(self, writer: asyncio.StreamWriter) -> None:
        while self._written < len(self._window):
            some = list(itertools.islice(self._window, self._written, self._written + AT_ONCE))
            for i, parcel in enumerate(some, self._written):
                if i == 0 and not self._begun:
                    writer.write(self._account.begin(parcel))
                    self._begun = True
                writer.write(parcel.data)
                self._account.wrote(parcel, self.tally, again=i < self._ever_written)
            self._written += len(some)
            self._ever_written = max(self._ever_written, self._written)
            await writer.drain()
            if not self._acknowledges:
                self._forget(self._written - WINDOW // 2)  # the rest is kept, in case the connection is lost

    @property
    def _full(self) -> bool:
        return self._acknowledges and len(self._window) >= WINDOW

    async def _more_to_do(self, answers: asyncio.Task[None]) -> bool:
        """Wait for something to write or the end; return False where the window is full of what was refused."""

        def moved() -> bool:
            return answers.done() or self._finishing or self._written < len(self._window)

        while True:
            await self._signal.until(lambda: moved() or self._full)
            if moved():
                return True
            try:
                async with asyncio.timeout(STALLED_S if self.tally.answers else MUTE_S):
                    await self._signal.until(lambda: moved() or not self._full)
            except TimeoutError:
                if self.tally.answers:
                    return False
                self._acknowledges = False
                self._forget(self._written - WINDOW // 2)

    async def _take_answers(self, reader: asyncio.StreamReader) -> None:
        async for line in reader:
            if not line.endswith(b"\n"):
                return
            self.tally.answers = True
            self._back_off.worked()
            self._forget(self._account.answered(line, self.tally))
            if self._written >= self._ever_written:
                self.tally.acknowledged = self.tally.sent - self.tally.rejected - self._account.left
            self._signal.changed()

    def _forget(self, number: int) -> None:
        """Drop the oldest parcels of the window."""
        for _ in range(max(0, min(number, self._written))):
            self._account.safe(self._window.popleft())
            self._written -= 1
            self._ever_written = max(0, self._ever_written - 1)
        self._signal.changed()
