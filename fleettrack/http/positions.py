"""`POST /positions`: pings in a body, answered after the commit that holds them."""

from __future__ import annotations

import collections
from typing import Any

from aiohttp import web

from fleettrack.domain import errors, fix, fixes
from fleettrack.http import bodies, context, problems, routes
from fleettrack.ingest import session
from fleettrack.ingest.codecs import decoder, registry
from fleettrack.services.track import delivery
from fleettrack.storage import keys

DELIVERY_MESSAGES = 5_000  # a longer body goes on in pieces, so that others get their turn between them

PROTOCOLS = {
    "application/json": "json",
    "application/x-ndjson": "json",
    "application/jsonl": "json",
    "application/octet-stream": "json",  # also what stands for no content type at all
    "application/x-www-form-urlencoded": "json",  # what curl -d says when it is told nothing
    "text/plain": "nmea",
    "application/nmea": "nmea",
}
"""Content type → what the body is read as."""


async def post(request: web.Request, caller: keys.Caller) -> web.StreamResponse:
    """Store the pings of a body; tell what became of each."""
    services = request.app[context.SERVICES]
    history = request.query.get("history") == "1"
    if history and caller.role not in routes.STAFF:  # else it would accept its own late visits (law L2)
        raise errors.Forbidden(f"history=1 is for staff: the role {caller.role} may not do this", role=caller.role)
    protocol = PROTOCOLS.get(request.content_type)
    if protocol is None:
        raise problems.MediaType(f"send one of: {', '.join(PROTOCOLS)}")
    received_ms = services.intake.clock()
    sender = delivery.Sender(
        protocol=session.SPOKEN[protocol],
        source=session.address((request.remote,) if request.remote else None),
        trust=fix.Trust.API_KEY,
        api_key_id=caller.key_id,
        carrier_id=caller.party_id if caller.role == "carrier" else None,
    )
    messages, unreadable = await _messages(request, protocol, _tracker(request), received_ms)
    answer = delivery.Answer(outcomes=[], rejects=[])
    for start in range(0, len(messages), DELIVERY_MESSAGES):
        parcel = delivery.Delivery(
            sender=sender,
            messages=messages[start : start + DELIVERY_MESSAGES],
            received_ms=received_ms,
            history=history,
        )
        part = await services.intake.submit(parcel)
        answer.outcomes += part.outcomes
        answer.rejects += [(start + index, reject) for index, reject in part.rejects]
    if unreadable is not None:
        raise bodies.unreadable(unreadable)  # after it was counted and kept among the rejects
    return bodies.json(_said(messages, answer))


def _tracker(request: web.Request) -> str | None:
    """Return whose the pings are that do not say it.

    Raises:
        Invalid: it is no identity.
    """
    tracker = request.query.get("tracker")
    if tracker and not fix.is_identity(tracker):
        reason = f"not printable text of at most {fix.IDENTITY_LIMIT} characters"
        raise errors.Invalid(f"tracker: {reason}", problems=[{"place": "tracker", "reason": reason}])
    return tracker


async def _messages(
    request: web.Request, protocol: str, tracker: str | None, received_ms: int
) -> tuple[fixes.Messages, fix.Reject | None]:
    """Decode the body; where it cannot be read at all the reject that says so is returned beside it, too."""
    try:
        body = await bodies.read_inflated(request)
    except problems.TooLarge as error:
        body = decoder.reject("too_long", b"", str(error))
    if isinstance(body, fix.Reject):
        return fixes.Messages([body]), body
    told = decoder.Settings(tracker=tracker, datagram=True, checksum=request.app[context.SERVICES].checksums)
    messages = registry.open_decoder(protocol, told).feed(body, received_ms)
    first = messages[0] if messages and protocol == "json" else None
    return messages, first if isinstance(first, fix.Reject) and first.index is None else None


def _said(messages: fixes.Messages, answer: delivery.Answer) -> dict[str, Any]:
    """Return the counts, each reject, and what became of pings that have an id of their own."""
    counts = collections.Counter(answer.outcomes)
    said: dict[str, Any] = {
        name: counts[outcome]
        for name, outcome in (
            ("accepted", delivery.Outcome.ACCEPTED),
            ("duplicate", delivery.Outcome.DUPLICATE),
            ("rejected", delivery.Outcome.REJECTED),
            ("held", delivery.Outcome.HELD),
        )
    }
    said["rejects"] = [
        {"index": index if reject.index is None else reject.index, "reason": reject.reason, "detail": reject.detail}
        for index, reject in sorted(answer.rejects, key=lambda r: r[0])
    ]
    named = [
        {"id": ping_id, "outcome": delivery.Outcome(answer.outcomes[i]).name.lower()}
        for i, ping_id in messages.ping_ids()
    ]
    return said | ({"ids": named} if named else {})


ROUTES = [routes.Route(method="POST", path="/positions", roles=routes.EVERYBODY, handler=post, repeatable=True)]
