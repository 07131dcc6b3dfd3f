"""`/places` and `/geofences`."""

from __future__ import annotations

from fleettrack.http import handlers
from fleettrack.http.handlers import Asked
from fleettrack.http.routes import STAFF
from fleettrack.services import places
from fleettrack.services.forms import actors as forms
from fleettrack.services.forms import words


class PlacedFence(forms.NewFence, frozen=True):
    """A further fence of a place."""

    place: words.Ref


async def _delete(asked: Asked) -> None:
    await places.delete_fence(asked.services.editor, asked.number("geofence"), at=asked.moment("at"), now=asked.now)


ROUTES = [
    handlers.post("/places", STAFF, forms.NewPlace, lambda a, f: places.create(a.services.editor, f, now=a.now)),
    handlers.page(
        "/places",
        STAFF,
        str,
        lambda a, after, n: places.page(a.services.database, after=after or "", limit=n),
        lambda place: place.ref,
    ),
    handlers.get("/places/{ref}", STAFF, lambda a: places.get(a.services.database, a.path("ref"))),
    handlers.post(
        "/geofences", STAFF, PlacedFence, lambda a, f: places.add_fence(a.services.editor, f.place, f, now=a.now)
    ),
    handlers.page(
        "/geofences",
        STAFF,
        int,
        lambda a, after, n: places.list_fences(a.services.database, place=a.word("place"), after=after or 0, limit=n),
        lambda fence: fence.version,
    ),
    handlers.change(
        "PUT",
        "/geofences/{geofence}",
        STAFF,
        forms.NewFence,
        lambda a, f: places.change_fence(a.services.editor, a.number("geofence"), f, now=a.now),
    ),
    handlers.delete("/geofences/{geofence}", STAFF, _delete),
]
