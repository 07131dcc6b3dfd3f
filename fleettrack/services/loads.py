"""Scans of goods onto and off vehicles. Planned loads need none: they follow from legs and departures."""

from __future__ import annotations

import datetime as dt

from fleettrack.domain import errors, units
from fleettrack.services import checks, planning
from fleettrack.services.forms import goods as forms
from fleettrack.services.forms import words
from fleettrack.storage import consignments, database, journeys, loads, objects, rows, vehicles


async def load(editor: planning.Planner, form: forms.NewLoad, *, now: dt.datetime) -> loads.Load:
    """Note that a consignment, or one object of it, was put on a vehicle; it leaves the vehicle it was on before.

    Raises:
        NotFound: there is no such consignment, vehicle or object.
        Invalid: the object is not part of the consignment then.
        Conflict: it is on that vehicle already.
    """
    at = checks.past("at", form.at, now)
    async with editor.plan() as edit:
        connection = edit.connection
        consignment = (await consignments.lock(connection, [form.consignment]))[form.consignment]
        vehicle_id = (await vehicles.ids(connection, [form.vehicle]))[form.vehicle]
        object_id = await _part(connection, consignment.id, form.object, at)
        known = await rows.clock(connection)
        until: dt.datetime | None = None
        for other in reversed(await loads.of_object(connection, consignment.id, object_id)):
            if other.since > at:
                until = other.since
            elif other.until is None or other.until > at:
                if other.vehicle_id == vehicle_id:
                    since = other.since.isoformat()
                    raise errors.Conflict(f"it is on {form.vehicle} since {since}", load=other.id)
                if other.since == at:
                    raise errors.Conflict("it was put on another vehicle at the same time", load=other.id)
                until = until if other.until is None else other.until
                await loads.restate(connection, other.id, at, known)
        made = await loads.create(
            connection,
            vehicle_id=vehicle_id,
            consignment_id=consignment.id,
            object_id=object_id,
            since=at,
            until=until,
            known=known,
        )
        edit.touch_consignments([consignment.id])
        return checks.found(await loads.get(connection, made), "load", made)


async def unload(editor: planning.Planner, load_id: int, at: dt.datetime, *, now: dt.datetime) -> loads.Load:
    """State when a load left its vehicle.

    Raises:
        NotFound: there is no such load.
        Invalid: it was loaded later, or left the vehicle earlier.
    """
    when = checks.past("at", at, now)
    async with editor.plan() as edit:
        connection = edit.connection
        known_load = await loads.current(connection, load_id)
        await consignments.lock_ids(connection, [known_load.consignment_id])
        if when <= known_load.since:
            raise checks.refusal("at", when.isoformat(), f"it was loaded at {known_load.since.isoformat()}")
        if known_load.until is not None and when > known_load.until:
            raise checks.refusal("at", when.isoformat(), f"it left the vehicle at {known_load.until.isoformat()}")
        await loads.restate(connection, load_id, when, await rows.clock(connection))
        edit.touch_consignments([known_load.consignment_id])
        return checks.found(await loads.get(connection, load_id), "load", load_id)


async def page(
    db: database.Database,
    *,
    consignment: str | None = None,
    vehicle: str | None = None,
    after: int = 0,
    limit: int = words.PAGE,
) -> list[loads.Load]:
    """Return scanned loads by id; of one consignment or vehicle where given."""
    async with db.connection() as connection:
        return await loads.page(connection, consignment, vehicle, after, checks.limit(limit))


async def _part(connection: database.Connection, consignment_id: int, name: str | None, at: dt.datetime) -> int | None:
    """Return the id of an object that goes with a consignment; None for the whole of it."""
    if name is None:
        return None
    object_id = (await objects.find(connection, [name]))[name]
    (home,) = await journeys.homes(connection, consignment_id, [(object_id, units.to_ms(at))])
    if home.item_set_id is None:
        raise checks.offending("object", [name], "it is not part of the consignment then")
    return object_id
