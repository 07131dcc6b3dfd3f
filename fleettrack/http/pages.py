"""Pages by cursor: `?limit=…&cursor=…`, answered `{"items": […], "next": cursor or null}`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import msgspec
from aiohttp import web

from fleettrack.http import bodies, problems
from fleettrack.services.forms import words

LIMIT = 100
LIMIT_MAX = 500
LIMIT_DIGITS = 9

_KEPT: dict[type, Any] = {int: words.Number, str: words.Text}
"""What a cursor may hold of a plain type: no more than the database can."""

_K = TypeVar("_K")
_T = TypeVar("_T")


class Page(msgspec.Struct, Generic[_K], frozen=True):
    """What is asked for: so many items, those after a key (None: from the start)."""

    limit: int
    after: _K | None


def asked(request: web.Request, key: type[_K]) -> Page[_K]:
    """Return the page that a request asks for; `key` is the type of what the list is ordered by.

    Raises:
        Malformed: the limit is no number from 1 to LIMIT_MAX, or the cursor none of ours.
    """
    limit = request.query.get("limit", str(LIMIT))
    if not limit.isascii() or not limit.isdigit() or len(limit) > LIMIT_DIGITS or not 1 <= int(limit) <= LIMIT_MAX:
        raise problems.Malformed(f"limit is a number from 1 to {LIMIT_MAX}")
    given = request.query.get("cursor")
    if given is None:
        return Page(int(limit), None)
    try:
        after = msgspec.json.decode(base64.urlsafe_b64decode(given), type=_KEPT.get(key, key))
    except (msgspec.MsgspecError, binascii.Error, ValueError) as exc:
        raise problems.Malformed("this cursor is not one of ours") from exc
    return Page(int(limit), after)


def answer(
    page: Page[Any], rows: Sequence[_T], key: Callable[[_T], Any], told: Callable[[_T], Any] | None = None
) -> web.Response:
    """Return a page of rows, each as `told` tells it. One row more than asked for shows that there is a next page."""
    items = rows[: page.limit]
    more = len(rows) > page.limit
    following = cursor(key(items[-1])) if more else None
    return bodies.json({"items": [told(item) for item in items] if told else items, "next": following})


def cursor(key: Any) -> str:
    """Return what a caller sends to go on after this key."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode()
