"""`/serials`, `/units` and `/loads`."""

from __future__ import annotations

from fleettrack.http import handlers
from fleettrack.http.routes import STAFF
from fleettrack.services import loads, objects, packing
from fleettrack.services.forms import goods as forms
from fleettrack.services.forms import words


class Unloading(words.New, frozen=True):
    """When a load left its vehicle."""

    loaded_until: words.Moment


ROUTES = [
    handlers.post(
        "/serials", STAFF, forms.NewSerials, lambda a, f: objects.commission(a.services.editor, f, now=a.now)
    ),
    handlers.post(
        "/units", STAFF, forms.NewUnits, lambda a, f: objects.commission_units(a.services.editor, f, now=a.now)
    ),
    handlers.get("/units/{unit}", STAFF, lambda a: objects.get(a.services.database, a.path("unit"))),
    handlers.change(
        "POST",
        "/units/{unit}/pack",
        STAFF,
        forms.NewPacking,
        lambda a, f: packing.pack(a.services.editor, a.path("unit"), f, now=a.now),
    ),
    handlers.change(
        "POST",
        "/units/{unit}/unpack",
        STAFF,
        forms.NewPacking,
        lambda a, f: packing.unpack(a.services.editor, a.path("unit"), f, now=a.now),
    ),
    handlers.post("/loads", STAFF, forms.NewLoad, lambda a, f: loads.load(a.services.editor, f, now=a.now)),
    handlers.page(
        "/loads",
        STAFF,
        int,
        lambda a, after, n: loads.page(
            a.services.database,
            consignment=a.word("consignment"),
            vehicle=a.word("vehicle"),
            after=after or 0,
            limit=n,
        ),
        lambda load: load.id,
    ),
    handlers.change(
        "PATCH",
        "/loads/{load}",
        STAFF,
        Unloading,
        lambda a, f: loads.unload(a.services.editor, a.number("load"), f.loaded_until, now=a.now),
    ),
]
