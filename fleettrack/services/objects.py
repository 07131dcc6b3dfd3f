"""Serials and units: commissioning them. Whoever issues them holds them first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

from fleettrack.domain import consignment, custody, errors, units
from fleettrack.serials import gs1, names
from fleettrack.services import checks, planning
from fleettrack.services.forms import goods as forms
from fleettrack.storage import database, ledger, objects, parties, places


async def commission(editor: planning.Planner, form: forms.NewSerials, *, now: dt.datetime) -> forms.Commissioned:
    """Make serials of one product; the issuer holds them from `commissioned_at` on.

    Raises:
        Invalid: some are malformed or named twice (each is listed), or neither GTIN nor product is given.
        Conflict: some exist already: a serial is unique forever per issuer and product.
        NotFound: there is no such issuer or place.
    """
    if (form.gtin is None) == (form.product is None):
        raise checks.refusal("gtin, product", None, "name either the GTIN or the issuer's own product code")
    if form.gtin is not None:
        gs1.gtin14(form.gtin)
    lot = None if form.lot is None else gs1.lot(form.lot)
    named = _named(form.serials, "serials", lambda code: _serial(form, code))
    at = checks.past("commissioned_at", form.commissioned_at, now)
    return await _commission(editor, named, form.issuer, form.place, at, lot=lot, expiry=form.expiry)


async def commission_units(editor: planning.Planner, form: forms.NewUnits, *, now: dt.datetime) -> forms.Commissioned:
    """Make logistic units; the issuer holds them from `commissioned_at` on. Refused as `commission` is."""
    named = _named(form.ssccs, "ssccs", names.sscc)
    at = checks.past("commissioned_at", form.commissioned_at, now)
    return await _commission(editor, named, form.issuer, form.place, at)


async def get(db: database.Database, name: str) -> objects.Thing:
    """Return a serial or unit by its canonical form, a link of any host, or its bare code where that is unique."""
    async with db.connection() as connection:
        found = await objects.find(connection, [name])
        return checks.found(await objects.get(connection, found[name]), "serial or unit", name)


def commissioned(batch_id: int, issuer_id: int, place_id: int | None, at: dt.datetime) -> ledger.Addition:
    """Return the ledger entry that gives the objects of a batch their first holder."""
    entry = custody.Entry(
        key="commissioned",
        kind="commissioned",
        scope=custody.Scope(),  # the batch itself
        event_ms=units.to_ms(at),
        status="confirmed",
        level=consignment.Level.SCAN,
        to_party=issuer_id,
        place_id=place_id,
    )
    return ledger.Addition(entry=entry, batch_id=batch_id, actor="commissioning")


def _serial(form: forms.NewSerials, code: str) -> names.Name:
    if form.gtin is not None:
        return names.sgtin(form.gtin, code)
    return names.own(form.issuer, form.product or "", code)


def _named(codes: Sequence[str], place: str, name: Callable[[str], names.Name]) -> list[names.Name]:
    """Return the names for codes, refusing all if one is malformed or comes twice."""
    if not codes:
        raise checks.refusal(place, None, "name at least one")
    made: dict[str, names.Name] = {}
    problems = []
    for i, code in enumerate(codes):
        try:
            named = name(code)
            if made.setdefault(named.ref, named) is not named:
                raise errors.Invalid("it is named twice")
        except errors.Invalid as exc:
            problems.append({"place": f"{place}[{i}]", "value": code, "reason": str(exc)})
    if problems:
        raise errors.Invalid(f"{place}: {problems[0]['value']!r}: {problems[0]['reason']}", problems=problems)
    return list(made.values())


async def _commission(
    editor: planning.Planner,
    named: Sequence[names.Name],
    issuer: str,
    place: str | None,
    at: dt.datetime,
    *,
    lot: str | None = None,
    expiry: dt.date | None = None,
) -> forms.Commissioned:
    async with editor.edit() as edit:
        connection = edit.connection
        await ledger.join_writers(connection)
        issuer_id = (await parties.ids(connection, [issuer]))[issuer]
        site = None
        if place is not None:
            site = checks.found((await places.known(connection, [place])).get(place), "place", place).id
        batch_id = await objects.new_batch(
            connection, issuer_id=issuer_id, place_id=site, commissioned_at=at, source="people"
        )
        await objects.create(connection, named, batch_id=batch_id, issuer_id=issuer_id, lot=lot, expiry=expiry)
        await ledger.append(connection, [commissioned(batch_id, issuer_id, site, at)])
    return forms.Commissioned(batch=batch_id, count=len(named), refs=[n.ref for n in named])
