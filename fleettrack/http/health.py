"""`/healthz`, `/readyz` and `/metrics`: for whoever runs the service; no key needed."""

from __future__ import annotations

import asyncio

from aiohttp import web

from fleettrack import metrics
from fleettrack.domain import errors
from fleettrack.http import bodies, context

ANSWER_S = 2.0  # a database that takes longer is not ready


async def healthz(_request: web.Request) -> web.Response:
    """Say that the process lives."""
    return bodies.json({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """Say whether pings can be stored: 200, or 503 with what is missing."""
    services = request.app[context.SERVICES]
    missing = []
    try:
        async with asyncio.timeout(ANSWER_S), services.database.connection() as connection:
            row = await (await connection.execute("SELECT to_regclass('schema_version') IS NOT NULL")).fetchone()
            if row != (True,):
                missing.append("the database is not migrated")
    except (errors.DatabaseAway, TimeoutError):
        missing.append("the database cannot be reached")
    if services.spool.full:
        missing.append("the spool is full")
    return bodies.json({"ready": not missing, "missing": missing}, status=503 if missing else 200)


async def expose(request: web.Request) -> web.Response:
    """Tell all figures in Prometheus' text form."""
    services = request.app[context.SERVICES]
    return web.Response(body=services.metrics.expose(), headers={"Content-Type": metrics.CONTENT_TYPE})


ROUTES = [
    web.get("/healthz", healthz),
    web.get("/readyz", readyz),
    web.get("/metrics", expose),
]
