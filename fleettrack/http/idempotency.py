"""`Idempotency-Key`: a request sent again gets the first one's answer, and nothing happens twice."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Awaitable, Callable

from aiohttp import web

from fleettrack import log
from fleettrack.domain import errors
from fleettrack.http import bodies, context, problems
from fleettrack.storage import idempotency, keys

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEY_LIMIT = 255  # characters

_log = log.get(__name__)


async def once(
    request: web.Request,
    caller: keys.Caller,
    handler: Callable[[web.Request, keys.Caller], Awaitable[web.StreamResponse]],
) -> web.StreamResponse:
    """Handle the request unless that was done already; answers that changed nothing are not kept.

    Raises:
        KeyReused: another request came under this key before.
        Conflict: the first request is still being handled.
    """
    key = request.headers[HEADER]
    if not 0 < len(key) <= KEY_LIMIT:
        raise problems.Malformed(f"{HEADER} is empty or longer than {KEY_LIMIT} characters")
    digest = await _digest(request)
    db = request.app[context.SERVICES].database
    async with db.transaction() as connection:
        before = await idempotency.claim(connection, caller.key_id, key, digest)
    if before is not None:
        return _again(before, digest)
    try:
        response = await handler(request, caller)
    except Exception:
        with contextlib.suppress(errors.FleettrackError):  # what matters is why the request failed
            async with db.transaction() as connection:
                await idempotency.release(connection, caller.key_id, key)
        raise
    text = response.text if isinstance(response, web.Response) else None
    try:
        async with db.transaction() as connection:
            await idempotency.answer(connection, caller.key_id, key, response.status, text or "")
    except errors.FleettrackError as error:
        _log.warning("the answer to an Idempotency-Key could not be kept", error=str(error))
    return response


async def _digest(request: web.Request) -> bytes:
    body = await bodies.read(request)
    sha = hashlib.sha256(f"{request.method} {request.path_qs}\n{request.content_type}\n".encode())
    sha.update(body)
    return sha.digest()


def _again(before: idempotency.Answered, digest: bytes) -> web.Response:
    if before.request_sha256 != digest:
        raise problems.KeyReused
    if before.status == 0:
        raise errors.Conflict("a request with this Idempotency-Key is being handled; ask again in a moment")
    body = before.body if before.status != 204 else None
    return web.Response(status=before.status, body=body, content_type="application/json", headers={REPLAYED: "true"})
