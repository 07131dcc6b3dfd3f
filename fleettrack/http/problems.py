"""Errors as RFC 9457 problems. This is the one place where an error gets an HTTP status."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from fleettrack import log
from fleettrack.domain import errors

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER_S = 2  # the own database is back within a second or two of a crash

_log = log.get(__name__)


class Kind(NamedTuple):
    """What all problems of one type share."""

    status: int
    slug: str
    title: str
    headers: Mapping[str, str] = {}


_COME_AGAIN = {"Retry-After": str(RETRY_AFTER_S)}

KINDS: dict[type[Exception], Kind] = {
    errors.NotFound: Kind(404, "not-found", "There is no such thing"),
    errors.Ambiguous: Kind(409, "ambiguous", "The name fits more than one thing"),
    errors.Invalid: Kind(422, "invalid", "The input breaks a rule"),
    errors.Conflict: Kind(409, "conflict", "It contradicts what is already known"),
    errors.Forbidden: Kind(403, "forbidden", "This key may not do this"),
    errors.Unauthenticated: Kind(
        401, "unauthenticated", "A valid API key is needed", {"WWW-Authenticate": 'Bearer realm="fleettrack"'}
    ),
    errors.DatabaseAway: Kind(503, "database-away", "The database cannot be reached just now", _COME_AGAIN),
    errors.StaleConfiguration: Kind(503, "busy", "The configuration keeps changing just now", _COME_AGAIN),
}
"""Error → problem. A class stands for its subclasses."""

HTTP_KINDS: dict[int, Kind] = {
    400: Kind(400, "malformed", "The request cannot be read"),
    404: Kind(404, "no-such-route", "There is nothing at this address"),
    405: Kind(405, "method-not-allowed", "This address does not know this method"),
    413: Kind(413, "too-large", "The body is larger than the limit"),
    415: Kind(415, "media-type", "This type of body is not understood here"),
}
"""What the HTTP layer itself has to say, by status."""

INTERNAL = Kind(500, "internal", "Something went wrong on our side")


class Malformed(errors.Invalid):
    """The body cannot be read."""


class TooLarge(errors.Invalid):
    """The body is larger than the limit."""


class MediaType(errors.Invalid):
    """This type of body is not understood here."""


class KeyReused(errors.Conflict):
    """This Idempotency-Key was used for another request."""


class UnknownReference(errors.Invalid):
    """The body names something that does not exist."""


KINDS |= {
    UnknownReference: Kind(422, "unknown-reference", "The body names something that does not exist"),
    Malformed: HTTP_KINDS[400],
    TooLarge: HTTP_KINDS[413],
    MediaType: HTTP_KINDS[415],
    KeyReused: Kind(422, "idempotency-key-reused", "This Idempotency-Key was used for another request"),
}


def of_error(error: errors.FleettrackError, path: str) -> web.Response:
    """Return the problem that tells of a known error."""
    kind = next((KINDS[c] for c in type(error).__mro__ if c in KINDS), INTERNAL)
    return _response(kind, str(error), path, error.facts)


def of_http(error: web.HTTPException, path: str) -> web.Response:
    """Return the problem for what aiohttp itself refused."""
    kind = HTTP_KINDS.get(error.status) or Kind(error.status, f"http-{error.status}", error.reason)
    allowed = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    return _response(kind._replace(headers=allowed), kind.title + ".", path, {})


def of_fault(error: Exception, path: str) -> web.Response:
    """Return the problem for a fault of ours; the log has it under the same number."""
    number = secrets.token_hex(8)
    _log.error("a request failed", fault=number, path=path, exc_info=error)
    return _response(INTERNAL, "It is in our log under this number.", path, {"fault": number})


def _response(kind: Kind, detail: str, path: str, facts: Mapping[str, Any]) -> web.Response:
    said = {
        "type": f"urn:fleettrack:problem:{kind.slug}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": path,
    }
    body = msgspec.json.encode({**facts, **said}, enc_hook=str)
    return web.Response(status=kind.status, body=body, content_type=CONTENT_TYPE, headers=kind.headers)
