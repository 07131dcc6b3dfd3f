"""Reading bodies within their limits, and writing JSON."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from fleettrack.domain import errors, fix
from fleettrack.http import context, problems
from fleettrack.ingest.codecs import inflate

_T = TypeVar("_T")
_BODY = web.RequestKey("body", bytes)
LIMIT = web.RequestKey("limit", int)
"""What a route sets where the limit of the settings is not its own, in bytes."""
_PLACE = re.compile(r" - at `\$\.?(.*)`$")


async def read(request: web.Request) -> bytes:
    """Return the body as sent.

    Raises:
        TooLarge: it is longer than the limit; no more than that was read.
    """
    if _BODY in request:
        return request[_BODY]
    limit = request.get(LIMIT) or request.app[context.SERVICES].body_bytes
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    parts, size = [], 0
    async for part in request.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > limit:
            raise _too_large(limit)
    request[_BODY] = b"".join(parts)
    return request[_BODY]


async def read_inflated(request: web.Request) -> bytes | fix.Reject:
    """Return the body with its content encoding undone, or the reject that says why that fails."""
    body = await read(request)
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if encoding == "identity":
        return body
    return inflate.inflate(body, encoding, request.app[context.SERVICES].inflated_bytes)


async def decode(request: web.Request, kind: type[_T]) -> _T:
    """Return the JSON body as a value of this type.

    Raises:
        Malformed: it is no JSON.
        Invalid: it has another shape; the problem names the place.
    """
    body = await read_inflated(request)
    if isinstance(body, fix.Reject):
        raise unreadable(body)
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as exc:
        said = str(exc)
        place = _PLACE.search(said)
        reason = _PLACE.sub("", said)
        raise errors.Invalid(
            f"the body breaks a rule: {said}", problems=[{"place": place[1] if place else "", "reason": reason}]
        ) from exc
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise problems.Malformed(f"the body is not valid JSON: {exc}") from exc


def unreadable(reject: fix.Reject) -> errors.Invalid:
    """Return the error for a body that could not be read as a whole."""
    kind = problems.TooLarge if reject.reason in ("too_long", "inflated_size") else problems.Malformed
    return kind(reject.detail, reason=reject.reason)


def json(value: Any, *, status: int = 200) -> web.Response:
    """Return a response with this value as JSON."""
    return web.Response(status=status, body=msgspec.json.encode(value), content_type="application/json")


def _too_large(limit: int) -> problems.TooLarge:
    return problems.TooLarge(f"The body is longer than {limit} bytes.", reason="too_long", limit=limit)
