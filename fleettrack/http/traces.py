"""Where a serial is and who holds it, and what is in a consignment: at any time, as known at any time."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from fleettrack.http import bodies, handlers, pages
from fleettrack.http.handlers import Asked
from fleettrack.http.routes import STAFF, Route
from fleettrack.services import tracing
from fleettrack.services.forms import traced as forms
from fleettrack.storage import keys


async def _trace(asked: Asked) -> forms.Trace:
    return await tracing.trace(
        asked.services.database,
        asked.path("serial"),
        at=asked.moment("at"),
        known_at=asked.moment("known_at"),
        now=asked.now,
    )


async def _history(asked: Asked) -> dict[str, Any]:
    found = await _trace(asked)
    return {"serial": found.serial, "at": found.at, "known_at": found.known_at, "history": found.history}


async def _custody(asked: Asked) -> forms.ConsignmentCustody:
    return await tracing.custody(
        asked.services.database,
        asked.path("ref"),
        at=asked.moment("at"),
        known_at=asked.moment("known_at"),
        now=asked.now,
    )


async def _contents(request: web.Request, caller: keys.Caller) -> web.StreamResponse:
    """List what lies in a consignment, or `within` a unit of it, with who holds each."""
    asked = Asked(request, caller)
    page = pages.asked(request, str)
    found = await tracing.contents(
        asked.services.database,
        asked.path("ref"),
        within=asked.word("within"),
        at=asked.moment("at"),
        known_at=asked.moment("known_at"),
        now=asked.now,
        after=page.after,
        limit=page.limit,
    )
    return bodies.json({**msgspec.structs.asdict(found), "next": found.next and pages.cursor(found.next)})


ROUTES = [
    handlers.get("/serials/{serial}", STAFF, _trace),
    handlers.get("/serials/{serial}/history", STAFF, _history),
    handlers.get("/consignments/{ref}/custody", STAFF, _custody),
    Route(method="GET", path="/consignments/{ref}/items", roles=STAFF, handler=_contents),
]
