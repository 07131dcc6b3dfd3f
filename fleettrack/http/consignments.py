"""`/consignments`: the plan, its items, and what people state about their custody."""

from __future__ import annotations

import io
from typing import Annotated

import msgspec
from aiohttp import web

from fleettrack.http import bodies, handlers
from fleettrack.http.handlers import Asked
from fleettrack.http.routes import EVERYBODY, STAFF, Route
from fleettrack.services import consignments, manifest
from fleettrack.services.forms import goods as forms
from fleettrack.services.forms import words
from fleettrack.storage import keys

CSV = "text/csv"
MANIFEST_BYTES = 64 << 20  # half a million serials


class NewItems(words.New, frozen=True):
    """Items to be added."""

    items: Annotated[list[forms.NewItem], msgspec.Meta(min_length=1)]


class Closing(words.New, frozen=True):
    """When a person closed a consignment; now when not given."""

    at: words.Moment | None = None


_create = handlers.post(
    "/consignments",
    STAFF,
    forms.NewConsignment,
    lambda a, f: consignments.create(a.services.editor, f, now=a.now),
)


async def _post(request: web.Request, caller: keys.Caller) -> web.StreamResponse:
    """Keep one consignment from JSON, or many from a manifest in CSV, all or nothing."""
    if request.content_type != CSV:
        return await _create.handler(request, caller)
    asked = Asked(request, caller)
    report = await manifest.import_manifest(
        asked.services.editor,
        io.BytesIO(await bodies.read(request)),
        name=asked.word("name") or "upload",
        now=asked.now,
        effective_from=asked.moment("effective_from"),
    )
    return bodies.json(report, status=200 if report.already else 201)


async def _get(asked: Asked) -> forms.Consignment:
    found = await consignments.get(asked.services.database, asked.path("ref"))
    return handlers.of_carrier(asked, found, *(leg.carrier for leg in found.legs))


ROUTES = [
    Route(
        method="POST",
        path=_create.path,
        roles=STAFF,
        body=_create.body,
        body_bytes=MANIFEST_BYTES,
        handler=_post,
    ),
    handlers.page(
        "/consignments",
        EVERYBODY,
        str,
        lambda a, after, n: consignments.page(
            a.services.database, carrier=a.carrier or a.word("carrier"), after=after or "", limit=n
        ),
        lambda consignment: consignment.ref,
    ),
    handlers.get("/consignments/{ref}", EVERYBODY, _get),
    handlers.change(
        "POST",
        "/consignments/{ref}/items",
        STAFF,
        NewItems,
        lambda a, f: consignments.add_items(a.services.editor, a.path("ref"), f.items, now=a.now),
    ),
    handlers.change(
        "POST",
        "/consignments/{ref}/close",
        STAFF,
        Closing,
        lambda a, f: consignments.close(a.services.editor, a.path("ref"), f.at or a.now, now=a.now),
    ),
]
