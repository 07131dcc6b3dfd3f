"""What is sent and acknowledged as one, and the count of what became of it."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import NamedTuple, Protocol

from fleettrack.domain import errors


class Parcel(NamedTuple):
    """Bytes for the wire that are acknowledged, or sent again, as one.

    `time_ms` is the device time, by which a replay is paced; None where it is not known. Of NMEA, `login` is what says
    whose the sentences are that do not say it, and `speakers` tells who has sentences in it, by the bytes before `$`.
    """

    data: bytes
    time_ms: int | None = None
    login: bytes = b""
    speakers: frozenset[bytes] = frozenset()


@dataclasses.dataclass(slots=True)
class Tally:
    """What became of the fixes (of JSON: pings) that were sent."""

    sent: int = 0
    acknowledged: int = 0
    duplicate: int = 0  # of those acknowledged
    held: int = 0  # of those acknowledged: from trackers that nobody has claimed yet
    rejected: int = 0
    resent: int = 0
    reconnects: int = 0
    answers: bool = False  # the other end has acknowledged anything at all

    def add(self, other: Tally) -> None:
        """Count another's, too."""
        for field in dataclasses.fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))
        self.answers = bool(self.answers)


class Sink(Protocol):
    """Where parcels go: one address over one transport."""

    tally: Tally

    async def start(self) -> None:
        """Begin; the other end need not be there yet."""

    async def send(self, parcel: Parcel) -> None:
        """Take a parcel; waits while too many are not acknowledged."""

    async def finish(self) -> None:
        """Return when everything sent is acknowledged or refused."""

    async def close(self) -> None:
        """Give up what is not acknowledged."""


class Unreachable(errors.FleettrackError):
    """Nobody answers at this address."""


class BackOff:
    """How long to wait before the next try, and when to give up."""

    FIRST_S = 0.1
    MOST_S = 5.0

    def __init__(self, give_up_s: float | None = None) -> None:
        self._give_up_s = give_up_s
        self._pause_s = self.FIRST_S
        self._failing_since: float | None = None

    def worked(self) -> None:
        """Begin again with short pauses."""
        self._pause_s, self._failing_since = self.FIRST_S, None

    async def failed(self, why: str, at_least_s: float = 0.0) -> None:
        """Wait, longer each time.

        Raises:
            Unreachable: it has failed for as long as one has patience.
        """
        now = asyncio.get_running_loop().time()
        self._failing_since = now if self._failing_since is None else self._failing_since
        if self._give_up_s is not None and now - self._failing_since >= self._give_up_s:
            raise Unreachable(why)
        await asyncio.sleep(max(self._pause_s, at_least_s))
        self._pause_s = min(2 * self._pause_s, self.MOST_S)


class Signal:
    """Wakes whoever waits for a condition that some other task of the same loop changes."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def changed(self) -> None:
        """Have all conditions looked at again."""
        self._event.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until it holds."""
        while not condition():
            self._event.clear()
            await self._event.wait()
