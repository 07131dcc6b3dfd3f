"""The one doorway to the database: it owns the pool and turns driver errors into ours."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import psycopg_pool
from psycopg import errors as pg

from fleettrack.domain import errors
from fleettrack.storage import arrays

POOL_MAX = 8  # pipeline, sealer, timers and a handful of requests: more would only queue on two cores
POOL_TIMEOUT_S = 10.0  # a request that waited this long is better told to come back
LOOK_S = 1.0  # a wait is cut short when the server turns out to be away
AWAY_LOOK_S = 0.2  # while it is known to be away: time enough to find it back
RECONNECT_S = 1.0  # for longer the pool would double its pauses, up to minutes, before it looks again
CONNECT_TIMEOUT_S = 5

AWAY = ("08", "53", "57P")
"""SQLSTATEs with which the server serves nobody: connection lost, out of resources, shutting down. Other operational
errors are about what was asked (too large for an index, took too long), and a retry would meet them again."""

MESSAGES = {
    "party_ref_unique": "a party with this reference exists already",
    "place_ref_unique": "a place with this reference exists already",
    "vehicle_ref_unique": "a vehicle with this reference exists already",
    "tracker_identity_unique": "a tracker with this identity exists already",
    "consignment_ref_unique": "a consignment with this reference exists already",
    "object_ref_unique": "this serial or unit exists already",
    "assignment_one_subject": "the tracker is assigned to something else in that time",
    "containment_one_parent": "the object lies in another unit in that time",
    "geofence_version_one_at_a_time": "another version of this geofence is valid in that time",
}
"""Constraint name → the sentence its violation means."""

Connection = psycopg.AsyncConnection[tuple[Any, ...]]


def translate(error: psycopg.Error) -> errors.FleettrackError | None:
    """Return our error for a driver's, or None where the driver's own is the honest answer (a bug)."""
    if isinstance(error, (pg.UniqueViolation, pg.ExclusionViolation)):
        name = error.diag.constraint_name or ""
        return errors.Conflict(MESSAGES.get(name, f"contradicts what is stored ({name})"), constraint=name)
    if isinstance(error, (pg.SerializationFailure, pg.DeadlockDetected)):
        return errors.StaleConfiguration()
    if isinstance(error, pg.LockNotAvailable):
        return errors.DatabaseAway("the database is busy with a long edit; nothing was stored")
    if isinstance(error, psycopg.DataError):
        return errors.Invalid(f"a value cannot be kept: {str(error).partition(chr(10))[0]}")
    return errors.DatabaseAway() if _is_away(error) else None


def _is_away(error: psycopg.Error) -> bool:
    if error.sqlstate is not None:
        return error.sqlstate.startswith(AWAY)
    return isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))  # the driver found nobody there


class Database:
    """A pool of connections, opened explicitly and closed by whoever opened it."""

    def __init__(self, dsn: str, *, pool_max: int = POOL_MAX) -> None:
        self.dsn = dsn
        self._away = False  # the last attempts to connect found nobody
        self._pool = psycopg_pool.AsyncConnectionPool(
            dsn,
            min_size=1,
            max_size=pool_max,
            open=False,
            timeout=POOL_TIMEOUT_S,
            reconnect_timeout=RECONNECT_S,
            reconnect_failed=lambda _pool: self._note_away(),
            kwargs={"autocommit": True, "options": "-c timezone=UTC", "connect_timeout": CONNECT_TIMEOUT_S},
            configure=_configure,
            check=psycopg_pool.AsyncConnectionPool.check_connection,
        )

    async def open(self) -> None:
        """Open the pool and wait until a connection stands."""
        with _translated():
            await self._pool.open(wait=True, timeout=POOL_TIMEOUT_S)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    @contextlib.asynccontextmanager
    async def transaction(self, outer: Connection | None = None) -> AsyncIterator[Connection]:
        """Yield a connection inside a transaction; joins `outer` where one is given.

        Raises:
            DatabaseAway: no connection could be had, or it broke.
            Conflict: a constraint says that the fact contradicts another.
        """
        if outer is not None:
            yield outer
            return
        with _translated():
            async with self._pooled() as connection, connection.transaction():
                yield connection

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Yield a connection in autocommit, for reads of one statement and for DDL."""
        with _translated():
            async with self._pooled() as connection:
                yield connection

    @contextlib.asynccontextmanager
    async def _pooled(self) -> AsyncIterator[Connection]:
        """Yield a connection of the pool; wait long for a busy one, but not for one to a server that is away."""
        async with contextlib.AsyncExitStack() as stack:
            yield await self._wait(stack)
        _heed_cancellation()

    async def _wait(self, stack: contextlib.AsyncExitStack) -> Connection:
        waited = 0.0
        while True:
            look_s = AWAY_LOOK_S if self._away else LOOK_S
            try:
                connection = await stack.enter_async_context(self._pool.connection(look_s))
            except psycopg_pool.PoolTimeout:
                waited += look_s
                if self._away or waited >= POOL_TIMEOUT_S:
                    raise
            else:
                self._away = False
                _heed_cancellation()
                return connection

    def _note_away(self) -> None:
        self._away = True


def _heed_cancellation() -> None:
    """Raise a cancellation that was lost: asyncio.wait_for of Python 3.11, with which psycopg waits, swallows some."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def _configure(connection: Connection) -> None:
    arrays.register(connection)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (psycopg.Error, psycopg_pool.PoolTimeout, psycopg_pool.PoolClosed) as exc:
        ours = errors.DatabaseAway() if not isinstance(exc, psycopg.Error) else translate(exc)
        if ours is None:
            raise
        raise ours from exc
