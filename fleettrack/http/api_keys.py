"""`/api-keys`: for admins only."""

from __future__ import annotations

import datetime as dt

import msgspec
from aiohttp import web

from fleettrack.domain import errors
from fleettrack.http import bodies, context, pages, routes
from fleettrack.storage import keys


class NewKey(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A key to be made; a carrier's names its party."""

    name: str
    role: keys.Role
    party: str | None = None
    expires_at: dt.datetime | None = None


async def post(request: web.Request, _caller: keys.Caller) -> web.StreamResponse:
    """Make a key; the answer is the only time its token is told."""
    wanted = await bodies.decode(request, NewKey)
    if wanted.expires_at is not None and wanted.expires_at.tzinfo is None:
        raise errors.Invalid("the time has no offset", problems=[{"place": "expires_at", "reason": "no UTC offset"}])
    made = await context.services(request).keys.create(
        name=wanted.name, role=wanted.role, party=wanted.party, expires_at=wanted.expires_at
    )
    return bodies.json(made, status=201)


async def listed(request: web.Request, _caller: keys.Caller) -> web.StreamResponse:
    """List keys, without anything that opens doors."""
    page = pages.asked(request, int)
    rows = await context.services(request).keys.page(page.after or 0, page.limit + 1)
    return pages.answer(page, rows, lambda row: row.id)


async def delete(request: web.Request, _caller: keys.Caller) -> web.StreamResponse:
    """End a key."""
    await context.services(request).keys.revoke(request.match_info["key"])
    return web.Response(status=204)


ROUTES = [
    routes.Route(method="POST", path="/api-keys", roles=routes.ADMIN, handler=post, body=NewKey, told_once="token"),
    routes.Route(method="GET", path="/api-keys", roles=routes.ADMIN, handler=listed),
    routes.Route(method="DELETE", path="/api-keys/{key}", roles=routes.ADMIN, handler=delete, repeatable=True),
]
