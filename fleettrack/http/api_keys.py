"""`/api-keys`: for admins only."""

from __future__ import annotations

from aiohttp import web

from fleettrack.http import bodies, context, handlers, pages, routes
from fleettrack.services.forms import words
from fleettrack.storage import keys


class NewKey(words.New, frozen=True):
    """A key to be made; a carrier's names its party."""

    name: words.Text
    role: keys.Role
    party: words.Ref | None = None
    expires_at: words.Moment | None = None


async def post(request: web.Request, _caller: keys.Caller) -> web.StreamResponse:
    """Make a key; the answer is the only time its token is told."""
    wanted = await bodies.decode(request, NewKey)
    made = await context.services(request).keys.create(
        name=wanted.name, role=wanted.role, party=wanted.party, expires_at=wanted.expires_at
    )
    return bodies.json(made, status=201)


async def listed(request: web.Request, _caller: keys.Caller) -> web.StreamResponse:
    """List keys, without anything that opens doors."""
    page = pages.asked(request, int)
    rows = await context.services(request).keys.page(page.after or 0, page.limit + 1)
    return pages.answer(page, rows, lambda row: row.id)


async def delete(request: web.Request, caller: keys.Caller) -> web.StreamResponse:
    """End a key."""
    await context.services(request).keys.revoke(handlers.Asked(request, caller).path("key"))
    return web.Response(status=204)


ROUTES = [
    routes.Route(method="POST", path="/api-keys", roles=routes.ADMIN, handler=post, body=NewKey, told_once="token"),
    routes.Route(method="GET", path="/api-keys", roles=routes.ADMIN, handler=listed),
    routes.Route(method="DELETE", path="/api-keys/{key}", roles=routes.ADMIN, handler=delete, repeatable=True),
]
