"""Wiring, in one place: settings → database → services → transports. Nothing else reads the settings."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Coroutine, Iterator
from pathlib import Path
from typing import Any

import msgspec

from fleettrack import config, log, metrics
from fleettrack.domain import errors, units
from fleettrack.http import app, context
from fleettrack.ingest import intake, session, spool, tcp, udp
from fleettrack.services import aging, checksums, custody, heartbeat, keys, planning, watchman
from fleettrack.services.track import batcher, pipeline
from fleettrack.storage import database, embedded, migrations, positions

SERVER_WATCH_S = 1.0  # how soon our own PostgreSQL is brought back after it died
AHEAD_MONTHS = 3  # partitions made ahead, so that the first fix of a month finds its place

_log = log.get(__name__)


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """Where a running service listens; `serve` prints it as its first line."""

    event: str = "ready"
    url: str
    port: int
    nmea_port: int | None
    nmea_udp_port: int | None
    listeners: list[dict[str, Any]]
    data_dir: str
    pid: int


@contextlib.asynccontextmanager
async def dsn(settings: config.Settings, *, migrate: bool = True) -> AsyncIterator[str]:
    """Yield the database to use, migrated: the one that is set, else our own of the data folder, joined or started."""
    if settings.database_url is not None:
        if migrate:
            await asyncio.to_thread(migrations.migrate, settings.database_url)
        yield settings.database_url
        return
    async with _own_server(settings.data_dir) as address:
        if migrate:
            await asyncio.to_thread(migrations.migrate, address)
        yield address


@contextlib.asynccontextmanager
async def _own_server(data_dir: Path) -> AsyncIterator[str]:
    """Run, or join, the PostgreSQL of the data folder, and bring it back whenever it dies."""
    server = await asyncio.to_thread(embedded.Server.start, data_dir)

    async def watch() -> None:
        nonlocal server
        while True:
            await asyncio.sleep(SERVER_WATCH_S)
            if not await asyncio.to_thread(server.alive):
                _log.warning("our PostgreSQL has ended and is started again")
                with contextlib.suppress(errors.DatabaseAway):
                    server = await asyncio.to_thread(embedded.Server.start, data_dir)

    try:
        async with _running(watch()):
            yield server.dsn
    finally:
        await asyncio.to_thread(server.stop)


@contextlib.asynccontextmanager
async def _running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run a task beside the block; cancel and await it at its end. Should it fail before, the block ends with it."""
    block, task = asyncio.current_task(), asyncio.create_task(work)
    assert block is not None

    def end(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            block.cancel()

    task.add_done_callback(end)
    try:
        yield
    finally:
        if task.done() and not task.cancelled():
            block.uncancel()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.asynccontextmanager
async def open_database(settings: config.Settings) -> AsyncIterator[database.Database]:
    """Yield the database, open and migrated."""
    async with dsn(settings) as address:
        db = database.Database(address)
        await db.open()
        try:
            yield db
        finally:
            await db.close()


def make_pipeline(
    db: database.Database, settings: config.Settings, counters: metrics.Metrics
) -> tuple[pipeline.Pipeline, planning.Planner]:
    """Return the pipeline, and the planner that decides by it."""
    journeys = custody.Custody(none_trust_may_transfer=settings.none_trust_may_transfer)
    line = pipeline.Pipeline(db, journeys, counters)
    return line, planning.Planner(db, line)


@contextlib.asynccontextmanager
async def serve(settings: config.Settings) -> AsyncIterator[Addresses]:
    """Run the whole service in this process for as long as the block lasts."""
    counters = metrics.Metrics()
    async with contextlib.AsyncExitStack() as stack:
        db = await stack.enter_async_context(open_database(settings))
        line, editor = make_pipeline(db, settings, counters)
        await positions.Partitions(db).ensure(_months_ahead())
        gather = batcher.Batcher(line)
        store = spool.Spool(settings.data_dir, settings.spool_bytes, on_fault=counters.spool_faults.inc)
        await store.open()
        stack.push_async_callback(store.close)
        door = intake.Intake(gather, store, counters)
        heart = heartbeat.Heart(db, editor)
        old = aging.Aging(db, counters, units.now_ms, reject_days=settings.reject_days, held_days=settings.held_days)
        clock = watchman.Watchman(db, line, heart, units.now_ms, lambda: door.oldest_ms, old.age_out)
        await clock.start()
        policies = checksums.Checksums(db)
        _figures(counters, gather, store, clock)
        for work in (gather.run(), door.run(), clock.run(), policies.run()):
            await stack.enter_async_context(_running(work))
        listeners = [
            await _listen(stack, settings, door, counters, policies, wanted) for wanted in settings.tracker_listeners()
        ]
        services = context.Services(
            database=db,
            editor=editor,
            keys=keys.Keys(db),
            intake=door,
            spool=store,
            metrics=counters,
            checksums=policies,
            body_bytes=settings.body_bytes,
            inflated_bytes=settings.inflated_bytes,
        )
        with _naming_ports():
            runner, port = await app.start(app.make(services), settings.host, settings.port)
        stack.push_async_callback(runner.cleanup)
        yield _addresses(settings, port, listeners)


async def _listen(
    stack: contextlib.AsyncExitStack,
    settings: config.Settings,
    door: intake.Intake,
    counters: metrics.Metrics,
    policies: checksums.Checksums,
    wanted: config.Listener,
) -> dict[str, Any]:
    """Open one socket for trackers; return what to tell of it."""
    told = session.Settings(
        protocol=wanted.protocol,
        tracker=wanted.tracker,
        ack=wanted.ack,
        checksum=wanted.checksum or policies,
        networks=wanted.networks,
        idle_s=wanted.idle_s,
        connections_per_source=wanted.connections_per_source,
    )
    kind = tcp.Listener if wanted.transport == "tcp" else udp.Listener
    listener = kind(door, counters, told)
    with _naming_ports():
        await listener.start(wanted.host or settings.host, wanted.port)
    stack.push_async_callback(listener.close)
    return {"transport": wanted.transport, "protocol": wanted.protocol, "port": listener.port}


@contextlib.contextmanager
def _naming_ports() -> Iterator[None]:
    """Turn what the system says of a port that cannot be had into an error for the person who set it."""
    try:
        yield
    except OSError as exc:
        raise errors.Invalid(f"cannot listen: {exc}") from exc


def _addresses(settings: config.Settings, port: int, listeners: list[dict[str, Any]]) -> Addresses:
    plain = iter(listeners)
    return Addresses(
        url=f"http://{settings.host}:{port}",
        port=port,
        nmea_port=None if settings.nmea_port is None else next(plain)["port"],
        nmea_udp_port=None if settings.nmea_udp_port is None else next(plain)["port"],
        listeners=listeners,
        data_dir=str(settings.data_dir),
        pid=os.getpid(),
    )


def _figures(counters: metrics.Metrics, gather: batcher.Batcher, store: spool.Spool, clock: watchman.Watchman) -> None:
    """Add the figures that are asked for when metrics are read."""
    counters.watch("queue_messages", "Messages that wait for their batch.", lambda: gather.queued)
    counters.watch("spool_messages", "Deliveries that wait on disk.", lambda: store.waiting)
    counters.watch("spool_bytes", "Bytes that wait on disk.", lambda: store.bytes)
    counters.watch("unsealed_entries", "Ledger entries that wait for their seal.", lambda: clock.unsealed)
    counters.watch("unsealed_seconds", "Age of the oldest of them.", lambda: clock.unsealed_s)


def _months_ahead() -> list[int]:
    month_ms = 31 * units.DAY_MS
    return [units.now_ms() + i * month_ms for i in range(AHEAD_MONTHS)]
