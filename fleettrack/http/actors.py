"""`/parties`, `/vehicles`, `/trackers` and `/assignments`."""

from __future__ import annotations

from fleettrack.http import handlers
from fleettrack.http.handlers import Asked
from fleettrack.http.routes import EVERYBODY, STAFF
from fleettrack.services import actors, assignments, claims
from fleettrack.services.forms import actors as forms
from fleettrack.services.forms import words
from fleettrack.storage import claims as stored_trackers
from fleettrack.storage import vehicles as stored_vehicles
from fleettrack.storage import views


class Ending(words.New, frozen=True):
    """Until when an assignment held."""

    valid_to: words.Moment


async def _vehicle(asked: Asked) -> stored_vehicles.Vehicle:
    found = await actors.get_vehicle(asked.services.database, asked.path("ref"))
    return handlers.of_carrier(asked, found, found.carrier)


async def _tracker(asked: Asked) -> stored_trackers.Tracker:
    found = await claims.get(asked.services.database, asked.path("identity"))
    return handlers.of_carrier(asked, found, found.carrier)


async def _held(asked: Asked, after: str | None, limit: int) -> list[views.Held]:
    async with asked.services.database.connection() as connection:
        return await views.held(connection, after=after or "", limit=limit)


ROUTES = [
    handlers.post("/parties", STAFF, forms.NewParty, lambda a, f: actors.create_party(a.services.editor, f)),
    handlers.page(
        "/parties",
        STAFF,
        str,
        lambda a, after, n: actors.list_parties(a.services.database, after=after or "", limit=n),
        lambda party: party.ref,
    ),
    handlers.get("/parties/{ref}", STAFF, lambda a: actors.get_party(a.services.database, a.path("ref"))),
    handlers.post("/vehicles", STAFF, forms.NewVehicle, lambda a, f: actors.create_vehicle(a.services.editor, f)),
    handlers.page(
        "/vehicles",
        EVERYBODY,
        str,
        lambda a, after, n: actors.list_vehicles(
            a.services.database, carrier=a.carrier or a.word("carrier"), after=after or "", limit=n
        ),
        lambda vehicle: vehicle.ref,
    ),
    handlers.get("/vehicles/{ref}", EVERYBODY, _vehicle),
    handlers.post("/trackers", STAFF, forms.NewTracker, lambda a, f: claims.register(a.services.editor, f)),
    handlers.page(
        "/trackers",
        EVERYBODY,
        str,
        lambda a, after, n: claims.page(
            a.services.database, carrier=a.carrier or a.word("carrier"), after=after or "", limit=n
        ),
        lambda tracker: tracker.identity,
    ),
    handlers.get("/trackers/{identity}", EVERYBODY, _tracker),
    handlers.page("/held-trackers", STAFF, str, _held, lambda held: held.identity),
    handlers.post(
        "/assignments",
        STAFF,
        forms.NewAssignment,
        lambda a, f: assignments.assign(a.services.editor, f, now=a.now),
    ),
    handlers.page(
        "/assignments",
        STAFF,
        int,
        lambda a, after, n: assignments.page(a.services.database, tracker=a.word("tracker"), after=after or 0, limit=n),
        lambda assignment: assignment.id,
    ),
    handlers.change(
        "PATCH",
        "/assignments/{assignment}",
        STAFF,
        Ending,
        lambda a, f: assignments.end(a.services.editor, a.number("assignment"), f.valid_to),
    ),
    handlers.post(
        "/assignments/{assignment}/move",
        STAFF,
        forms.NewAssignment,
        lambda a, f: assignments.move(a.services.editor, a.number("assignment"), f, now=a.now),
    ),
]
