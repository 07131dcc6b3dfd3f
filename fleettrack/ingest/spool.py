"""Where deliveries wait while the database is away: a bounded queue on disk, synced before anybody relies on it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from fleettrack import log
from fleettrack.domain import errors
from fleettrack.ingest import parcels, spool_file
from fleettrack.services.track import delivery

FILE = "spool.sqlite"
ROOM_AGAIN = 0.9  # share of the bound below which a full spool takes more: no flapping at the edge

_log = log.get(__name__)
_T = TypeVar("_T")
_DISK = (sqlite3.Error, OSError)


class Full(Exception):
    """There is no room, or the disk does not take it."""


class Stored(msgspec.Struct, frozen=True):
    """A delivery that waits, and its number."""

    number: int
    size: int  # bytes it takes
    parcel: delivery.Delivery


class Spool:
    """Opened before use, closed at the end. One thread does all work on the file: a slow disk holds up no socket."""

    def __init__(self, folder: Path, limit_bytes: int, *, on_fault: Callable[[], object] = lambda: None) -> None:
        self._path = folder / FILE
        self._limit = limit_bytes
        self._on_fault = on_fault
        self._file = spool_file.File(self._path)
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "spool")
        self._incoming: list[tuple[spool_file.Row, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._filled = asyncio.Event()
        self._roomy = asyncio.Event()
        self.waiting = 0  # deliveries in the queue
        self.aside = 0  # deliveries that the pipeline could not take, tried again at the next start
        self.bytes = 0  # of both
        self.oldest_ms: int | None = None  # receive time of the oldest in the queue

    @property
    def holding(self) -> bool:
        """Whether anything waits or is being written: what comes now belongs behind it."""
        return self.waiting > 0 or self._writer is not None

    @property
    def full(self) -> bool:
        """Whether the bound is reached."""
        return not self._roomy.is_set()

    async def open(self) -> None:
        """Open or make the file, and count what an earlier process left in it.

        Raises:
            Invalid: it cannot be used: damaged, not ours to write, or in use by another process.
        """
        try:
            self.waiting, self.bytes, self.oldest_ms = await self._run(self._file.open)
        except _DISK as exc:
            self._thread.shutdown()
            if getattr(exc, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
                raise errors.Invalid(f"the spool {self._path} is in use: another service works on this folder") from exc
            raise errors.Invalid(
                f"the spool {self._path} cannot be used: {exc}. If it is damaged, move it away, but keep it: it holds "
                "messages of trackers that were not stored yet."
            ) from exc
        self._announce()

    async def close(self) -> None:
        """Write what is still coming in, and close the file."""
        while self._writer is not None:
            await asyncio.wait([self._writer])
        await self._run(self._file.close)
        self._thread.shutdown()

    async def put(self, parcel: delivery.Delivery, raw: bytes, fault: str | None = None) -> None:
        """Keep a delivery; return when it is safe on disk. With a `fault` it is kept aside from the queue.

        Raises:
            Full: it is not kept.
        """
        if self.full:
            raise Full
        row = spool_file.Row(parcel.received_ms, len(parcel.messages), fault, parcels.pack(parcel), raw)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._incoming.append((row, done))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())
        await done

    async def first(self, messages: int) -> list[Stored]:
        """Return the head of the queue: at least one delivery if there is any, and about so many messages."""
        stored: list[Stored] = []
        while not stored and self.waiting:
            for number, size, body in await self._run(lambda: self._file.first(messages)):
                try:
                    stored.append(Stored(number, size, parcels.unpack(body)))
                except msgspec.MsgspecError as exc:  # written by a version with other messages
                    await self.set_aside(number, repr(exc))
        return stored

    async def remove(self, stored: Sequence[Stored]) -> None:
        """Forget deliveries: they are committed."""
        self.oldest_ms = await self._run(lambda: self._file.remove([s.number for s in stored]))
        self.waiting -= len(stored)
        self.bytes -= sum(s.size for s in stored)
        self._announce()

    async def set_aside(self, number: int, fault: str) -> None:
        """Take a delivery out of the queue without forgetting it."""
        self.oldest_ms = await self._run(lambda: self._file.set_aside(number, fault))
        self.waiting -= 1
        self.aside += 1
        self._announce()

    async def wait_holding(self) -> None:
        """Return once something waits."""
        await self._filled.wait()

    async def wait_room(self) -> None:
        """Return once there is room."""
        await self._roomy.wait()

    async def _write(self) -> None:
        """Write what comes in: all that has gathered, with one sync."""
        while self._incoming:
            taken, self._incoming = self._incoming, []
            rows = [row for row, _ in taken]
            fault: Exception | None = None
            try:
                self.oldest_ms = await self._run(lambda rows=rows: self._file.append(rows))  # type: ignore[misc]
            except _DISK as exc:
                self._on_fault()
                _log.error("the spool cannot be written", error=str(exc))
                fault = Full()
            else:
                self.aside += sum(row.fault is not None for row in rows)
                self.waiting += sum(row.fault is None for row in rows)
                self.bytes += sum(row.size for row in rows)
                self._announce()
            for _, done in taken:
                if not done.done():
                    done.set_exception(fault) if fault else done.set_result(None)
        self._writer = None

    def _announce(self) -> None:
        if self.bytes >= self._limit:
            self._roomy.clear()
        elif self.bytes < self._limit * ROOM_AGAIN:
            self._roomy.set()
        if self.waiting:
            self._filled.set()
        else:
            self._filled.clear()

    def _run(self, work: Callable[[], _T]) -> Awaitable[_T]:
        return asyncio.get_running_loop().run_in_executor(self._thread, work)
