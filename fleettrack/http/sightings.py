"""`/visits`, tracks and `/rejects`: what was seen, and what was refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fleettrack.domain import errors, fix
from fleettrack.http import handlers
from fleettrack.http.handlers import Asked
from fleettrack.http.routes import EVERYBODY, STAFF
from fleettrack.services import claims
from fleettrack.services.track import delivery
from fleettrack.storage import views


async def _visits(asked: Asked, before: int | None, limit: int) -> Sequence[views.Visit]:
    async with asked.services.database.connection() as connection:
        return await views.visits(
            connection,
            tracker=asked.word("tracker"),
            place=asked.word("place"),
            arrived=asked.flag("arrived"),
            before=before,
            limit=limit,
        )


async def _rejects(asked: Asked, before: int | None, limit: int) -> Sequence[views.Refused]:
    party_id = asked.caller.party_id if asked.carrier is not None else None
    async with asked.services.database.connection() as connection:
        return await views.rejects(
            connection, party_id=party_id, reason=asked.word("reason"), before=before, limit=limit
        )


async def _tracker_track(asked: Asked, after: views.Key | None, limit: int) -> Sequence[views.Position]:
    identity = asked.path("identity")
    tracker = await claims.get(asked.services.database, identity)
    handlers.of_carrier(asked, tracker, tracker.carrier)
    async with asked.services.database.connection() as connection:
        spans = await views.tracker_spans(connection, identity)
    return await _positions(asked, spans, after, limit)


async def _consignment_track(asked: Asked, after: views.Key | None, limit: int) -> Sequence[views.Position]:
    ref = asked.path("ref")
    async with asked.services.database.connection() as connection:
        if not await views.consignment_exists(connection, ref):
            raise errors.NotFound(f"there is no consignment {ref!r}", kind="consignment", unknown=[ref])
        spans = await views.consignment_spans(connection, ref)
    return await _positions(asked, spans, after, limit)


async def _positions(
    asked: Asked, spans: Sequence[views.Span], after: views.Key | None, limit: int
) -> Sequence[views.Position]:
    async with asked.services.database.connection() as connection:
        return await views.positions(
            connection, spans, since=asked.moment("from"), until=asked.moment("to"), after=after, limit=limit
        )


def position(p: views.Position) -> dict[str, Any]:
    """Return a stored fix in the units people use; null for what was not sent."""
    return {
        "tracker": p.tracker,
        "time": p.fix_time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "lat": p.lat_e7 / fix.E7,
        "lon": p.lon_e7 / fix.E7,
        "speed_mps": _over(p.speed_cms, 100),
        "course": _over(p.course_ddeg, 10),
        "altitude_m": _over(p.altitude_dm, 10),
        "accuracy_m": _over(p.accuracy_dm, 10),
        "battery_pct": p.battery_pct,
        "trust": fix.Trust(p.trust).name.lower(),
        "flags": [str(flag.name).lower() for flag in fix.Flag(p.flags)],
        "received_at": p.received_at,
    }


def _over(stored: int | None, by: int) -> float | None:
    return None if stored is None else stored / by


def _reject(r: views.Refused) -> dict[str, Any]:
    return {
        "id": r.id,
        "received_at": r.received_at,
        "reason": r.reason,
        "detail": r.detail,
        "protocol": delivery.Protocol(r.protocol).name.lower(),
        "source": r.source,
        "tracker": r.tracker,
        "api_key": r.api_key,
        "raw": r.raw.decode("utf-8", "backslashreplace"),
    }


ROUTES = [
    handlers.page("/visits", STAFF, int, _visits, lambda visit: visit.id),
    handlers.page("/rejects", EVERYBODY, int, _rejects, lambda reject: reject.id, _reject),
    handlers.page("/trackers/{identity}/track", EVERYBODY, views.Key, _tracker_track, lambda p: p.key, position),
    handlers.page("/consignments/{ref}/track", STAFF, views.Key, _consignment_track, lambda p: p.key, position),
]
