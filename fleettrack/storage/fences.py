"""The fences as the visit fold reads them."""

from __future__ import annotations

import msgspec

from fleettrack.domain import units
from fleettrack.geofence import geojson, rules, shapes
from fleettrack.storage import database, sql

_SQL = sql.queries("visits")


class Terms(msgspec.Struct, frozen=True, omit_defaults=True):
    """What `geofence_version.rules` holds: only what differs from the defaults."""

    through_road: bool = False
    rules: rules.Rules | None = None


async def load(connection: database.Connection) -> list[shapes.Fence]:
    """Return every version of every fence, as known now."""
    rows = await (await connection.execute(_SQL["fences"])).fetchall()
    found = []
    for version, geofence_id, place_id, shape, terms, valid in rows:
        said = msgspec.convert(terms, Terms)
        found.append(
            shapes.Fence(
                id=version,
                fence_id=geofence_id,
                place_id=place_id,
                shape=geojson.read(shape),
                valid_from_ms=units.to_ms(valid.lower),
                valid_to_ms=None if valid.upper is None else units.to_ms(valid.upper),
                through_road=said.through_road,
                rules=said.rules,
            )
        )
    return found
