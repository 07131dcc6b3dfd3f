"""The shapes that most routes have. What a route does is one expression, given the request and its form."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from fleettrack.domain import errors, units
from fleettrack.http import bodies, context, pages, problems, routes
from fleettrack.services.forms import words
from fleettrack.storage import keys

_F = TypeVar("_F")
_K = TypeVar("_K")
_R = TypeVar("_R")


class Asked(msgspec.Struct, frozen=True):
    """A request, as the expression of a route needs it."""

    request: web.Request
    caller: keys.Caller

    @property
    def services(self) -> context.Services:
        """What the request is handled with."""
        return context.services(self.request)

    @property
    def now(self) -> dt.datetime:
        """The service's clock."""
        return units.utc(self.services.intake.clock())

    @property
    def carrier(self) -> str | None:
        """The party a carrier's key is bound to, and may see the things of; None for staff, who see all."""
        return self.caller.party if self.caller.role == "carrier" else None

    def path(self, name: str) -> str:
        """Return a part of the path.

        Raises:
            NotFound: it is no text that anything is named by.
        """
        text = self.request.match_info[name]
        try:
            return msgspec.convert(text, words.Text)
        except msgspec.ValidationError as exc:
            raise errors.NotFound(f"there is no {name} {text[:100]!r}", kind=name, unknown=[text]) from exc

    def number(self, name: str) -> int:
        """Return a part of the path that is a number.

        Raises:
            NotFound: it is none, so that nothing can be there.
        """
        text = self.path(name)
        if not text.isascii() or not text.isdigit() or len(text) > 18:
            raise errors.NotFound(f"there is no {name} {text!r}", kind=name, unknown=[text])
        return int(text)

    def word(self, name: str) -> str | None:
        """Return a query parameter."""
        return self._read(name, words.Text)

    def flag(self, name: str) -> bool | None:
        """Return a query parameter that is true or false, None where it is not given."""
        return self._read(name, bool)

    def moment(self, name: str) -> dt.datetime | None:
        """Return a query parameter that is a time with its offset, None where it is not given."""
        found = self._read(name, dt.datetime)
        if found is not None and found.tzinfo is None:
            raise _wrong(name, "a time needs its offset from UTC, as in 2024-05-01T12:00:00Z")
        if found is not None and not words.on_calendar(found):
            raise _wrong(name, "this is too near to the ends of the calendar")
        return found

    def _read(self, name: str, kind: type[_F]) -> _F | None:
        text = self.request.query.get(name)
        if text is None:
            return None
        try:
            return msgspec.convert(text, kind, strict=False)
        except msgspec.ValidationError as exc:
            raise _wrong(name, str(exc)) from exc


def _wrong(name: str, reason: str) -> errors.Invalid:
    return errors.Invalid(f"{name}: {reason}", problems=[{"place": name, "reason": reason}])


def post(path: str, roles: routes.Roles, form: type[_F], act: Callable[[Asked, _F], Awaitable[Any]]) -> routes.Route:
    """Return a route that makes something by a form, and answers how it is."""
    return routes.Route(method="POST", path=path, roles=roles, body=form, handler=_acting(form, act, status=201))


def change(
    method: str, path: str, roles: routes.Roles, form: type[_F], act: Callable[[Asked, _F], Awaitable[Any]]
) -> routes.Route:
    """Return a route that changes something by a form, and answers how it is then."""
    return routes.Route(method=method, path=path, roles=roles, body=form, handler=_acting(form, act, status=200))


def get(path: str, roles: routes.Roles, act: Callable[[Asked], Awaitable[Any]]) -> routes.Route:
    """Return a route that answers with one thing."""

    async def handle(request: web.Request, caller: keys.Caller) -> web.StreamResponse:
        return bodies.json(await act(Asked(request, caller)))

    return routes.Route(method="GET", path=path, roles=roles, handler=handle)


def delete(path: str, roles: routes.Roles, act: Callable[[Asked], Awaitable[object]]) -> routes.Route:
    """Return a route that ends something and has nothing to say."""

    async def handle(request: web.Request, caller: keys.Caller) -> web.StreamResponse:
        await act(Asked(request, caller))
        return web.Response(status=204)

    return routes.Route(method="DELETE", path=path, roles=roles, handler=handle)


def page(
    path: str,
    roles: routes.Roles,
    key: type[_K],
    act: Callable[[Asked, _K | None, int], Awaitable[Sequence[_R]]],
    key_of: Callable[[_R], _K],
    told: Callable[[_R], Any] | None = None,
) -> routes.Route:
    """Return a route that answers with a page; `act` gets the key to go on after and how many rows to fetch."""

    async def handle(request: web.Request, caller: keys.Caller) -> web.StreamResponse:
        wanted = pages.asked(request, key)
        rows = await act(Asked(request, caller), wanted.after, wanted.limit + 1)
        return pages.answer(wanted, rows, key_of, told)

    return routes.Route(method="GET", path=path, roles=roles, handler=handle)


def _acting(form: type[_F], act: Callable[[Asked, _F], Awaitable[Any]], *, status: int) -> routes.Handler:
    async def handle(request: web.Request, caller: keys.Caller) -> web.StreamResponse:
        wanted = await bodies.decode(request, form)
        try:
            return bodies.json(await act(Asked(request, caller), wanted), status=status)
        except errors.NotFound as error:
            unknown = {str(name) for name in error.facts.get("unknown", ())}
            if unknown <= set(request.match_info.values()):
                raise
            raise problems.UnknownReference(str(error), **error.facts) from error

    return handle


def of_carrier(asked: Asked, thing: _R, *carriers: str | None) -> _R:
    """Return a thing of these carriers, if the caller may see it.

    Raises:
        NotFound: it is another carrier's, which is all that this one is told.
    """
    if asked.carrier is not None and asked.carrier not in carriers:
        raise errors.NotFound("there is no such thing, or it is another carrier's")
    return thing
