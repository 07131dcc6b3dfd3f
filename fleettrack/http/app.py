"""The HTTP application, and how it is put on a socket."""

from __future__ import annotations

from aiohttp import web

from fleettrack.http import (
    actors,
    api_keys,
    consignments,
    context,
    goods,
    health,
    middleware,
    places,
    positions,
    routes,
    sightings,
    statements,
    traces,
)

KEEPALIVE_S = 75.0
SHUTDOWN_S = 5.0  # for requests under way when the service stops

TABLE: list[routes.Route] = [
    *positions.ROUTES,
    *actors.ROUTES,
    *places.ROUTES,
    *goods.ROUTES,
    *consignments.ROUTES,
    *statements.ROUTES,
    *traces.ROUTES,
    *sightings.ROUTES,
    *api_keys.ROUTES,
]
"""Every route under /api/v1."""


def make(services: context.Services) -> web.Application:
    """Return the application; put it on a socket with `start`."""
    app = web.Application(middlewares=[middleware.answer])
    app[context.SERVICES] = services
    app.router.add_routes(health.ROUTES)
    routes.add(app, TABLE)
    return app


async def start(app: web.Application, host: str, port: int) -> tuple[web.AppRunner, int]:
    """Serve the application; return what has to be cleaned up in the end, and the port.

    Bodies stay compressed until a handler inflates them within its bound.
    """
    runner = web.AppRunner(
        app, auto_decompress=False, access_log=None, keepalive_timeout=KEEPALIVE_S, shutdown_timeout=SHUTDOWN_S
    )
    await runner.setup()
    site = web.TCPSite(runner, host, port, backlog=1024)
    await site.start()
    return runner, runner.addresses[0][1]
