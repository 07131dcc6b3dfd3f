"""`Idempotency-Key`: a request sent again gets the first one's answer, and nothing happens twice.

What a request does and the answer it gets are one transaction: whoever dies between the two has done nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from fleettrack.domain import errors
from fleettrack.http import bodies, context, problems
from fleettrack.storage import idempotency, keys

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEY_LIMIT = 255  # characters


async def once(
    request: web.Request,
    caller: keys.Caller,
    handler: Callable[[web.Request, keys.Caller], Awaitable[web.StreamResponse]],
    *,
    told_once: str | None = None,
) -> web.StreamResponse:
    """Handle the request unless that was done already; a request that fails changes nothing and may be sent again.

    `told_once`: the member of the answer that is a secret, and is not kept.

    Raises:
        KeyReused: another request came under this key before.
        Conflict: the first request is still being handled, or its answer cannot be told again.
    """
    key = request.headers[HEADER]
    if not (0 < len(key) <= KEY_LIMIT and key.isascii() and key.isprintable()):  # headers may hold any byte
        raise problems.Malformed(f"{HEADER} is not 1 to {KEY_LIMIT} printable ASCII characters")
    digest = await _digest(request)
    async with context.services(request).database.transaction() as connection:
        before = await idempotency.before(connection, caller.key_id, key)
        if before is not None:
            return _again(before, digest, told_once)
        context.join(request, connection)
        response = await handler(request, caller)
        answered = idempotency.Answered(request_sha256=digest, status=response.status, body=_kept(response, told_once))
        await idempotency.keep(connection, caller.key_id, key, answered)
    return response


async def _digest(request: web.Request) -> bytes:
    body = await bodies.read(request)
    sha = hashlib.sha256(f"{request.method} {request.path_qs}\n{request.content_type}\n".encode())
    sha.update(body)
    return sha.digest()


def _kept(response: web.StreamResponse, told_once: str | None) -> bytes:
    text = response.text if isinstance(response, web.Response) else None
    if not text or told_once is None:
        return (text or "").encode()
    said = msgspec.json.decode(text)
    return msgspec.json.encode({name: value for name, value in said.items() if name != told_once})


def _again(before: idempotency.Answered, digest: bytes, told_once: str | None) -> web.Response:
    if before.request_sha256 != digest:
        raise problems.KeyReused
    if told_once is not None:
        said = f"this was done before; its {told_once} was told then, and is told to nobody again"
        raise errors.Conflict(said, **msgspec.json.decode(before.body))
    body = before.body if before.status != 204 else None
    return web.Response(status=before.status, body=body, content_type="application/json", headers={REPLAYED: "true"})
