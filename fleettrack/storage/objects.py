"""Serials and logistic units: made in batches, found by canonical form or bare code."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Literal

import msgspec

from fleettrack.domain import errors
from fleettrack.serials import names
from fleettrack.storage import database, rows, sql

_SQL = sql.queries("objects")


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    """A serial or a unit."""

    ref: str
    kind: Literal["serial", "unit"]
    code: str  # the bare serial, or the SSCC
    gtin: str | None
    issuer: str | None
    product: str | None
    lot: str | None
    expiry: dt.date | None
    batch: int


async def new_batch(
    connection: database.Connection, *, issuer_id: int, place_id: int | None, commissioned_at: dt.datetime, source: str
) -> int:
    """Begin a batch of objects that are commissioned together; return its id."""
    values = {"issuer_id": issuer_id, "place_id": place_id, "commissioned_at": commissioned_at, "source": source}
    batch_id: int = await rows.value(connection, _SQL["batch"], **values)
    return batch_id


async def create(
    connection: database.Connection,
    named: Sequence[names.Name],
    *,
    batch_id: int,
    issuer_id: int,
    lot: str | None = None,
    expiry: dt.date | None = None,
) -> None:
    """Make objects of one kind and product.

    Raises:
        Conflict: some exist already; facts['existing'] lists at most 100 of them.
    """
    first, refs = named[0], [n.ref for n in named]
    made = await rows.value(
        connection,
        _SQL["create"],
        kind=first.kind,
        refs=refs,
        codes=[n.code for n in named],
        gtin=first.gtin,
        issuer_id=issuer_id,
        product=first.product,
        lot=lot,
        expiry=expiry,
        batch_id=batch_id,
    )
    if made != len(refs):
        found = [r[0] for r in await rows.plain(connection, _SQL["existing"], refs=refs, batch_id=batch_id)]
        raise errors.Conflict("a serial or unit is unique forever, and some of these exist already", existing=found)


async def find(
    connection: database.Connection, wanted: Iterable[str], *, among: Collection[int] | None = None
) -> dict[str, int]:
    """Return the id of each object, named by a link of any host, our canonical form, or a bare code.

    `among`: the ids of all there are for who asks; None for every object.

    Raises:
        NotFound: some are unknown; facts['unknown'] lists them.
        Ambiguous: a bare code fits more than one; facts['candidates'] lists their canonical forms.
        Invalid: a link is malformed.
    """
    asked = list(dict.fromkeys(wanted))
    found = await _by_ref(connection, asked, among)
    parsed = {name: names.parse(name) for name in asked if name not in found}
    links = {name: n.ref for name, n in parsed.items() if n is not None}
    by_ref = await _by_ref(connection, list(links.values()), among) if links else {}
    found |= {name: by_ref[ref] for name, ref in links.items() if ref in by_ref}
    codes = [name for name, n in parsed.items() if n is None]
    if codes:
        found |= await _by_code(connection, codes, among)
    unknown = [name for name in asked if name not in found]
    if unknown:
        raise errors.NotFound(f"there is no serial or unit {unknown[0]!r}", kind="object", unknown=unknown)
    return found


async def _by_ref(connection: database.Connection, wanted: list[str], among: Collection[int] | None) -> dict[str, int]:
    found = await rows.plain(connection, _SQL["by_ref"], names=wanted)
    return {ref: object_id for ref, object_id in found if among is None or object_id in among}


async def _by_code(connection: database.Connection, codes: list[str], among: Collection[int] | None) -> dict[str, int]:
    fits: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    for code, object_id, ref in await rows.plain(connection, _SQL["by_code"], codes=codes):
        if among is None or object_id in among:
            fits[code].append((object_id, ref))
    for code, candidates in fits.items():
        if len(candidates) > 1:
            raise errors.Ambiguous(f"{code!r} is more than one serial", candidates=[ref for _, ref in candidates])
    return {code: candidates[0][0] for code, candidates in fits.items()}


async def refs(connection: database.Connection, ids: Iterable[int]) -> dict[int, str]:
    """Return the canonical form of each object."""
    wanted = list(ids)
    return dict(await rows.plain(connection, _SQL["refs"], ids=wanted)) if wanted else {}


async def get(connection: database.Connection, object_id: int) -> Thing | None:
    """Return an object by its id."""
    return await rows.one(connection, _SQL["get"], Thing, id=object_id)


async def younger(connection: database.Connection, ids: Iterable[int], at: dt.datetime) -> list[str]:
    """Return at most 100 of these objects that were not there yet at a time."""
    return [r[0] for r in await rows.plain(connection, _SQL["younger"], ids=list(ids), at=at)]


async def units(connection: database.Connection, ids: Iterable[int]) -> set[int]:
    """Return those of these objects that are logistic units."""
    return {r[0] for r in await rows.plain(connection, _SQL["units"], ids=list(ids))}
