"""The TCP listener: lets connections in, watches for quiet and idle ones, and closes them in good order."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import socket

from fleettrack import metrics
from fleettrack.ingest import connection, intake, limits, session
from fleettrack.services.track import delivery


class Listener:
    """One listening socket. `start` it, `close` it."""

    def __init__(self, door: intake.Intake, counters: metrics.Metrics, settings: session.Settings) -> None:
        self.intake = door
        self.settings = settings
        self._metrics = counters
        self._room = limits.PerSource(settings.connections_per_source, limits.CONNECTIONS)
        self._open: set[connection.Connection] = set()
        self._tasks: set[asyncio.Task[delivery.Answer | None]] = set()
        self._on_way = 0  # messages
        self._unfinished = 0  # bytes that wait for the end of their line
        self._server: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self.time = self._loop.time
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Listen; `self.port` says where when `port` was 0."""
        self._server = await self._loop.create_server(lambda: connection.Connection(self), host, port, backlog=1024)
        for sock in self._server.sockets:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, limits.RECEIVE_BYTES)  # connections inherit it
        self.port = self._server.sockets[0].getsockname()[1]
        self._timer = self._loop.call_later(limits.SWEEP_S, self._sweep)

    async def close(self, grace_s: float = 5.0) -> None:
        """Read nothing more; give what was read so long to be committed or reach the disk."""
        if self._server is None or self._timer is None:
            return
        self._server.close()
        self._timer.cancel()
        for conn in list(self._open):
            conn.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                while self._tasks:  # one that is done lets the next of its connection go
                    await asyncio.wait(self._tasks)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # the last answers are written by callbacks

    # For connections.

    def admit(self, conn: connection.Connection) -> bool:
        """Note a connection, or refuse it because too many are open."""
        if not self._room.admit(conn.source):
            self._metrics.closed_connections.labels("too_many").inc()
            return False
        self._open.add(conn)
        self._metrics.connections.inc()
        return True

    def gone(self, conn: connection.Connection) -> None:
        """Forget a connection."""
        if conn in self._open:
            self._open.remove(conn)
            self._room.leave(conn.source)
            self._metrics.connections.dec()
            self._count_passed_over(conn)

    def keep(self, parcel: delivery.Delivery, raw: bytes) -> asyncio.Task[delivery.Answer | None]:
        """Start a delivery on its way; it goes on when its connection is gone."""
        size = len(parcel.messages)
        self._on_way += size

        def arrived(task: asyncio.Task[delivery.Answer | None]) -> None:
            self._tasks.discard(task)
            self._on_way -= size

        task = self._loop.create_task(self.intake.keep(parcel, raw))
        self._tasks.add(task)
        task.add_done_callback(arrived)
        return task

    @property
    def crowded(self) -> bool:
        """Whether so much is on its way that only who has nothing there goes on reading."""
        return self._on_way >= limits.ON_WAY_MESSAGES

    def read_bytes(self, number: int) -> None:
        """Count what was read."""
        self._metrics.received_bytes.labels("tcp").inc(number)

    def count_unfinished(self, more: int) -> None:
        """Count bytes that wait for the end of their line; beyond the bound close who has most of them."""
        self._unfinished += more
        if more > 0 and self._unfinished > limits.UNFINISHED_BYTES:
            self._close_unfinished()

    def _close_unfinished(self) -> None:
        """Close first what comes from the address with most: many small ones must not push out one of another's."""
        of = collections.Counter[str]()
        for conn in self._open:
            of[conn.source] += conn.unfinished
        for conn in sorted(self._open, key=lambda c: (of[c.source], c.unfinished), reverse=True):
            if self._unfinished <= limits.UNFINISHED_BYTES * limits.UNFINISHED_BYTES_AFTER:
                break
            self._metrics.closed_connections.labels("unfinished").inc()
            conn.close()

    # By the clock.

    def _sweep(self) -> None:
        self.sweep(self.time())
        self._timer = self._loop.call_later(limits.SWEEP_S, self._sweep)

    def sweep(self, now: float) -> None:
        """Look at every connection: complete what has been quiet, close what has been idle."""
        for conn in list(self._open):
            silent = now - conn.last_heard
            if silent >= self.settings.idle_s and not conn.busy:
                self._metrics.closed_connections.labels("idle").inc()
                conn.close()
            elif conn.unquiet and silent >= limits.QUIET_S:
                conn.quiet()
                self._count_passed_over(conn)

    def _count_passed_over(self, conn: connection.Connection) -> None:
        counts = conn.counts()
        self._metrics.passed_over.labels("skipped").inc(counts.skipped)
        self._metrics.passed_over.labels("late").inc(counts.late)
