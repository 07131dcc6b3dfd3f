"""The HTTP application on a real socket and a real database; the pipeline is a recorder where a test wants none."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from recording import Door
from yarl import URL

from fleettrack import metrics
from fleettrack.http import app, context
from fleettrack.services import custody, keys, planning
from fleettrack.services.track import batcher, pipeline
from fleettrack.storage import database


@dataclasses.dataclass
class Api:
    """A running application, and how to ask it."""

    url: str
    services: context.Services
    door: Door
    session: aiohttp.ClientSession
    tokens: dict[str, str]

    async def ask(
        self,
        method: str,
        path: str | URL,
        *,
        role: str | None = "admin",
        headers: dict[str, str] | None = None,
        **sent: Any,
    ) -> tuple[int, Any]:
        """Return the status and the JSON body."""
        said = dict(headers or {})
        if role is not None:
            said["Authorization"] = f"Bearer {self.tokens[role]}"
        url = path if isinstance(path, URL) else self.url + path
        async with self.session.request(method, url, headers=said, **sent) as response:
            text = await response.text()
            if not text:
                return response.status, None
            assert "json" in response.content_type
            return response.status, await response.json(content_type=None)


@contextlib.asynccontextmanager
async def running(processor: batcher.Processor) -> AsyncIterator[batcher.Batcher]:
    gather = batcher.Batcher(processor)
    task = asyncio.create_task(gather.run())
    try:
        yield gather
    finally:
        task.cancel()
        await asyncio.wait([task])


@contextlib.asynccontextmanager
async def serving(url: str, folder: Path, *, real: bool = False, **limits: int) -> AsyncIterator[Api]:
    db = database.Database(url)
    await db.open()
    line = pipeline.Pipeline(db, custody.Custody(), metrics.Metrics())
    async with (
        running(line) as gather,
        Door(folder, behind=gather if real else None) as door,
        aiohttp.ClientSession() as session,
    ):
        services = context.Services(
            database=db,
            editor=planning.Planner(db, line),
            keys=keys.Keys(db),
            intake=door.intake,
            spool=door.spool,
            metrics=door.metrics,
            checksums=lambda who: "if-present",
            **limits,
        )
        runner, port = await app.start(app.make(services), "127.0.0.1", 0)
        tokens = await _tokens(db, services.keys)
        try:
            yield Api(f"http://127.0.0.1:{port}", services, door, session, tokens)
        finally:
            await runner.cleanup()
            await db.close()


async def _tokens(db: database.Database, made: keys.Keys) -> dict[str, str]:
    async with db.transaction() as connection:
        await connection.execute("INSERT INTO party (ref, name) VALUES ('ACME', 'Acme'), ('OTHER', 'Other')")
    return {
        "admin": (await made.create(name="a", role="admin")).token,
        "dispatcher": (await made.create(name="d", role="dispatcher")).token,
        "carrier": (await made.create(name="c", role="carrier", party="ACME")).token,
    }


Serving = Callable[..., AbstractAsyncContextManager[Api]]


@pytest.fixture
def serve(database_url: str, tmp_path: Path) -> Serving:
    """`async with serve(body_bytes=…) as api`: with limits of its own, or `real=True` with the pipeline behind it."""
    return lambda **limits: serving(database_url, tmp_path, **limits)


@pytest.fixture
async def api(serve: Serving) -> AsyncIterator[Api]:
    async with serve() as one:
        yield one
