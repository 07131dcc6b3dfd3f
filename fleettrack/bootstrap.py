"""Wiring, in one place: settings → database → services → transports. Nothing else reads the settings."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from fleettrack import config, metrics
from fleettrack.services import custody, editing
from fleettrack.services.track import pipeline
from fleettrack.storage import database, embedded, migrations


def now_ms() -> int:
    """Return the clock, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@contextlib.asynccontextmanager
async def dsn(settings: config.Settings, *, migrate: bool = True) -> AsyncIterator[str]:
    """Yield the database to use, migrated: the one that is set, else our own of the data folder, joined or started."""
    if settings.database_url is not None:
        if migrate:
            await asyncio.to_thread(migrations.migrate, settings.database_url)
        yield settings.database_url
        return
    server = await asyncio.to_thread(embedded.Server.start, settings.data_dir)
    try:
        if migrate:
            await asyncio.to_thread(migrations.migrate, server.dsn)
        yield server.dsn
    finally:
        await asyncio.to_thread(server.stop)


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
) -> tuple[pipeline.Pipeline, editing.Editor]:
    """Return the pipeline, and the editor that decides by it."""
    journeys = custody.Custody(none_trust_may_transfer=settings.none_trust_may_transfer)
    line = pipeline.Pipeline(db, journeys, counters)
    return line, editing.Editor(db, line)
