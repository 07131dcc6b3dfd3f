"""The table of routes: each with who may use it and what body it takes. docs/api.md is this table for people."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler as Plain

from fleettrack.domain import errors
from fleettrack.http import bodies, context, idempotency
from fleettrack.storage import keys

PREFIX = "/api/v1"

Roles = frozenset[keys.Role]
ADMIN: Roles = frozenset({"admin"})
STAFF: Roles = frozenset({"admin", "dispatcher"})
EVERYBODY: Roles = frozenset({"admin", "dispatcher", "carrier"})

Handler = Callable[[web.Request, keys.Caller], Awaitable[web.StreamResponse]]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one address under /api/v1."""

    method: str
    path: str
    roles: Roles
    handler: Handler
    body: Any = None  # the type of a JSON body, None where there is none or it is not plain JSON
    body_bytes: int | None = None  # the largest body, where it is not that of the settings
    repeatable: bool = False  # a POST that may be sent twice without an Idempotency-Key
    told_once: str | None = None  # what of its answer is a secret: never kept, so never told to a retry


def add(app: web.Application, routes: list[Route]) -> None:
    """Put the routes into the application, each behind its guard."""
    for route in routes:
        app.router.add_route(route.method, PREFIX + route.path, _guarded(route))


def _guarded(route: Route) -> Plain:
    keyed = route.method != "GET" and not route.repeatable

    async def handle(request: web.Request) -> web.StreamResponse:
        caller = await authenticate(request)
        if caller.role not in route.roles:
            raise errors.Forbidden(f"the role {caller.role} may not do this", role=caller.role)
        if route.body_bytes is not None:
            request[bodies.LIMIT] = route.body_bytes
        if keyed and idempotency.HEADER in request.headers:
            return await idempotency.once(request, caller, route.handler, told_once=route.told_once)
        return await route.handler(request, caller)

    return handle


async def authenticate(request: web.Request) -> keys.Caller:
    """Return who asks, by `Authorization: Bearer` or `X-Api-Key`.

    Raises:
        Unauthenticated: no key, or none that opens anything.
    """
    token = request.headers.get("X-Api-Key")
    if token is None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise errors.Unauthenticated("send an API key as `Authorization: Bearer …` or `X-Api-Key: …`")
    return await request.app[context.SERVICES].keys.check(token.strip())
