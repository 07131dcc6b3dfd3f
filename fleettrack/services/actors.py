"""Parties and vehicles."""

from __future__ import annotations

from fleettrack.serials import gs1
from fleettrack.services import checks, planning
from fleettrack.services.forms import actors as forms
from fleettrack.services.forms import words
from fleettrack.storage import database, parties, vehicles


async def create_party(editor: planning.Planner, form: forms.NewParty) -> parties.Party:
    """Keep a new party.

    Raises:
        Conflict: its reference is taken.
        Invalid: its GLN is malformed.
    """
    number = None if form.gln is None else gs1.gln(form.gln)
    async with editor.edit() as edit:
        await parties.create(edit.connection, form.ref, form.name, number)
        return checks.found(await parties.get(edit.connection, form.ref), "party", form.ref)


async def get_party(db: database.Database, ref: str) -> parties.Party:
    """Return a party; NotFound where there is none."""
    async with db.connection() as connection:
        return checks.found(await parties.get(connection, ref), "party", ref)


async def list_parties(db: database.Database, *, after: str = "", limit: int = words.PAGE) -> list[parties.Party]:
    """Return parties by reference."""
    async with db.connection() as connection:
        return await parties.page(connection, after, checks.limit(limit))


async def create_vehicle(editor: planning.Planner, form: forms.NewVehicle) -> vehicles.Vehicle:
    """Keep a new vehicle.

    Raises:
        Conflict: its reference is taken.
        NotFound: there is no such carrier.
    """
    async with editor.edit() as edit:
        carrier = await parties.ids(edit.connection, [form.carrier])
        await vehicles.create(edit.connection, form.ref, form.giai, carrier.get(form.carrier or ""))
        return checks.found(await vehicles.get(edit.connection, form.ref), "vehicle", form.ref)


async def get_vehicle(db: database.Database, ref: str) -> vehicles.Vehicle:
    """Return a vehicle; NotFound where there is none."""
    async with db.connection() as connection:
        return checks.found(await vehicles.get(connection, ref), "vehicle", ref)


async def list_vehicles(
    db: database.Database, *, carrier: str | None = None, after: str = "", limit: int = words.PAGE
) -> list[vehicles.Vehicle]:
    """Return vehicles by reference; of one carrier where it is given."""
    async with db.connection() as connection:
        return await vehicles.page(connection, carrier, after, checks.limit(limit))
