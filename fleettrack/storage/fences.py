"""The fences as the visit fold reads them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from fleettrack.domain import units
from fleettrack.geofence import geojson, rules, shapes
from fleettrack.storage import arrays, database, sql

_SQL = sql.queries("visits")


class Terms(rules.Rules, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `geofence_version.rules` holds, flat: whether a public road runs through, and the numbers that are set."""

    through_road: bool = False


def _rules(said: dict[str, Any]) -> tuple[bool, rules.Rules | None]:
    """Return whether a road runs through, and the rules where they are not the defaults for that."""
    terms = msgspec.convert(said, Terms)
    given = {name: getattr(terms, name) for name in said if name != "through_road"}
    usual = rules.THROUGH_ROAD if terms.through_road else rules.Rules()
    return terms.through_road, msgspec.structs.replace(usual, **given) if given else None


async def current(connection: database.Connection) -> tuple[int, ...]:
    """Return the statements that hold as known now, one for each version of each fence, by the version."""
    row = await (await connection.execute(_SQL["fence_statements"])).fetchone()
    return tuple(row[0] or ()) if row else ()


async def read(connection: database.Connection, statements: Iterable[int]) -> dict[int, shapes.Fence]:
    """Return what statements say: a version of a fence each."""
    rows = await (await connection.execute(_SQL["fences"], {"ids": arrays.int8s(statements)})).fetchall()
    return _read(rows)


async def of_place(connection: database.Connection, place_id: int) -> dict[int, shapes.Fence]:
    """Return by statement all that was ever said of the fences of a place."""
    return _read(await (await connection.execute(_SQL["fences_of_place"], {"place": place_id})).fetchall())


def _read(rows: Iterable[tuple[Any, ...]]) -> dict[int, shapes.Fence]:
    found = {}
    for statement, version, geofence_id, place_id, shape, terms, valid in rows:
        through_road, numbers = _rules(terms)
        found[statement] = shapes.Fence(
            id=version,
            fence_id=geofence_id,
            place_id=place_id,
            shape=geojson.read(shape),
            valid_from_ms=units.to_ms(valid.lower),
            valid_to_ms=None if valid.upper is None else units.to_ms(valid.upper),
            through_road=through_road,
            rules=numbers,
        )
    return found
