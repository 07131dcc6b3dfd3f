"""Sends parcels no faster than a multiple of the speed at which they were recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

LEAP_MS = 86_400_000  # a longer step in device time is no pause, but a clock that was set: nobody waits for it


class Pace:
    """Waits until a device time has come. Time never runs backwards: a late parcel goes out at once."""

    def __init__(self, speed: float, clock: Callable[[], float]) -> None:
        self._speed = speed  # 0: as fast as it goes
        self._clock = clock
        self._start: tuple[int, float] | None = None  # (device time in ms, clock in s)
        self._last_ms = 0

    def wait_s(self, time_ms: int | None) -> float:
        """Return how long to wait before a parcel of this time is sent."""
        if not self._speed or time_ms is None:
            return 0.0
        if self._start is None or abs(time_ms - self._last_ms) > LEAP_MS:
            self._start = time_ms, self._clock()
        self._last_ms = time_ms
        since_ms, since_s = self._start
        return max(0.0, since_s + (time_ms - since_ms) / 1000 / self._speed - self._clock())

    async def until(self, time_ms: int | None) -> None:
        """Wait until it is time."""
        wait_s = self.wait_s(time_ms)
        if wait_s > 0:
            await asyncio.sleep(wait_s)
