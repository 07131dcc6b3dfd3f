"""`/consignments`: the plan, its items, and what people state about their custody."""

from __future__ import annotations

from typing import Annotated

import msgspec

from fleettrack.http import handlers
from fleettrack.http.handlers import Asked
from fleettrack.http.routes import EVERYBODY, STAFF
from fleettrack.services import consignments
from fleettrack.services.forms import goods as forms
from fleettrack.services.forms import words


class NewItems(words.New, frozen=True):
    """Items to be added."""

    items: Annotated[list[forms.NewItem], msgspec.Meta(min_length=1)]


class Closing(words.New, frozen=True):
    """When a person closed a consignment; now when not given."""

    at: words.Moment | None = None


async def _get(asked: Asked) -> forms.Consignment:
    found = await consignments.get(asked.services.database, asked.path("ref"))
    return handlers.of_carrier(asked, found, *(leg.carrier for leg in found.legs))


ROUTES = [
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
