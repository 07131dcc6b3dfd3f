"""What the custody of single objects is read from, as known at a time: few indexed queries, never a walk over items."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from fleettrack.domain import consignment, custody, fix, units
from fleettrack.storage import database, rows, sql

_SQL = sql.queries("tracing")


class Span(NamedTuple):
    """Where an object lay: in `member`, `depth` levels up, over [from_ms, to_ms); None is without end."""

    member: int
    from_ms: int | None
    to_ms: int | None
    depth: int

    def holds(self, at_ms: int) -> bool:
        """Tell whether it did at a time."""
        return (self.from_ms is None or self.from_ms <= at_ms) and (self.to_ms is None or at_ms < self.to_ms)


class Line(NamedTuple):
    """An item line."""

    object_id: int
    item_set_id: int
    consignment_id: int
    from_seq: int
    to_seq: int


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A ledger entry; its scope's lists are named by id, their members left out. `ended_at`: when it was corrected."""

    id: int
    consignment_id: int | None
    batch_id: int | None
    only_list_id: int | None
    except_list_id: int | None
    entry: custody.Entry
    recorded_at: dt.datetime
    ended_at: dt.datetime | None
    voided: bool


class Ride(NamedTuple):
    """A vehicle under a consignment: scanned (a time range, maybe one object) or planned (stops)."""

    consignment_id: int
    vehicle_id: int
    object_id: int | None
    from_at: dt.datetime | None
    to_at: dt.datetime | None
    from_seq: int | None
    to_seq: int | None


class Watching(NamedTuple):
    """An assignment by ids."""

    tracker_id: int
    vehicle_id: int | None
    consignment_id: int | None
    object_id: int | None
    from_at: dt.datetime
    to_at: dt.datetime | None


def _ms(moment: dt.datetime | None) -> int | None:
    return None if moment is None else units.to_ms(moment)


async def lineage(
    connection: database.Connection, object_ids: Collection[int], known: dt.datetime
) -> dict[int, list[Span]]:
    """Return for each object what contains it over time, the object itself first."""
    found: defaultdict[int, list[Span]] = defaultdict(list)
    for root, member, since, until, depth in await _all(connection, "lineage", objects=object_ids, known=known):
        found[root].append(Span(member, _ms(since), _ms(until), depth))
    return found


async def lines(connection: database.Connection, object_ids: Collection[int], known: dt.datetime) -> list[Line]:
    """Return the item lines of these objects."""
    return [Line(*r) for r in await _all(connection, "lines", objects=object_ids, known=known)]


async def lists(connection: database.Connection, object_ids: Collection[int]) -> dict[int, frozenset[int]]:
    """Return which lists name some of these objects, and which of them."""
    return {list_id: frozenset(named) for list_id, named in await _all(connection, "lists", objects=object_ids)}


async def batches(connection: database.Connection, object_ids: Collection[int]) -> dict[int, int]:
    """Return in which batch each object was commissioned."""
    return dict(await _all(connection, "batches", objects=object_ids))


async def entries(
    connection: database.Connection,
    *,
    batch_ids: Collection[int],
    consignment_ids: Collection[int],
    list_ids: Collection[int],
    known: dt.datetime,
) -> list[Written]:
    """Return the entries of batches and consignments, and those that name lists, in the order they were recorded."""
    found = await _all(
        connection, "entries", batches=batch_ids, consignments=consignment_ids, lists=list_ids, known=known
    )
    return [_written(r) for r in found]


def _written(r: Sequence[Any]) -> Written:
    (
        id_, consignment_id, batch_id, key, kind, status, item_set_id, only, excluded, event, lo, hi, recorded,
        from_party, to_party, place_id, stop_seq, visit_id, fact_id, level, corroborated_by, ended_at, voided,
    ) = r  # fmt: skip
    entry = custody.Entry(
        key=key,
        kind=kind,
        scope=custody.Scope(item_set_id=item_set_id),
        event_ms=units.to_ms(event),
        status=status,
        level=consignment.Level(level),
        lo_ms=_ms(lo),
        hi_ms=_ms(hi),
        stop_seq=stop_seq,
        from_party=from_party,
        to_party=to_party,
        place_id=place_id,
        visit_id=visit_id,
        fact_id=fact_id,
        corroborated_by=tuple(corroborated_by),
    )
    return Written(
        id=id_,
        consignment_id=consignment_id,
        batch_id=batch_id,
        only_list_id=only,
        except_list_id=excluded,
        entry=entry,
        recorded_at=recorded,
        ended_at=ended_at,
        voided=voided,
    )


async def evidence(
    connection: database.Connection, entry_ids: Collection[int]
) -> dict[int, list[tuple[str, dt.datetime]]]:
    """Return the fixes copied with each entry: (tracker's identity, time)."""
    found: defaultdict[int, list[tuple[str, dt.datetime]]] = defaultdict(list)
    for entry_id, identity, time in await _all(connection, "evidence", entries=entry_ids):
        found[entry_id].append((identity, time))
    return found


async def names(
    connection: database.Connection,
    *,
    parties: Iterable[int | None] = (),
    places: Iterable[int | None] = (),
    consignments: Iterable[int | None] = (),
    objects: Iterable[int | None] = (),
) -> Mapping[tuple[str, int | None], str]:
    """Return what ids are called, by ('party' | 'place' | 'consignment' | 'object', id)."""
    asked = {"parties": parties, "places": places, "consignments": consignments, "objects": objects}
    wanted = {key: {i for i in ids if i is not None} for key, ids in asked.items()}
    return {(kind, i): ref for kind, i, ref in await _all(connection, "names", **wanted)}


async def rides(connection: database.Connection, consignment_ids: Collection[int], known: dt.datetime) -> list[Ride]:
    """Return the vehicles that these consignments were on by scan, or are planned on."""
    return [Ride(*r) for r in await _all(connection, "rides", consignments=consignment_ids, known=known)]


async def watching(
    connection: database.Connection,
    *,
    objects: Collection[int],
    consignments: Collection[int],
    vehicles: Collection[int],
    known: dt.datetime,
) -> list[Watching]:
    """Return the trackers that were ever on these things."""
    asked = {"objects": objects, "consignments": consignments, "vehicles": vehicles}
    return [Watching(*r) for r in await _all(connection, "assignments", known=known, **asked)]


async def last_fixes(
    connection: database.Connection, spans: Sequence[tuple[int, int | None, int]], known: dt.datetime
) -> dict[int, tuple[int, int, int]]:
    """Return by index the last usable fix of a (tracker, from ms, to ms) span: (lat_e7, lon_e7, time ms)."""
    found = await _all(
        connection,
        "last_fixes",
        trackers=[t for t, _, _ in spans],
        **{"from": [units.utc(units.GPS_EPOCH_MS if a is None else a) for _, a, _ in spans]},
        to=[units.utc(b) for _, _, b in spans],
        known=known,
        doubt=fix.UNDECIDING,
    )
    return {ord_ - 1: (lat, lon, units.to_ms(time)) for ord_, lat, lon, time in found}


async def visited(connection: database.Connection, tracker_id: int, at: dt.datetime, known: dt.datetime) -> int | None:
    """Return the place that a tracker is at at a time."""
    found: int | None = await rows.value(connection, _SQL["visited"], tracker=tracker_id, at=at, known=known)
    return found


async def consignment_id(connection: database.Connection, ref: str) -> int | None:
    """Return the id of a consignment."""
    found: int | None = await rows.value(connection, _SQL["consignment"], ref=ref)
    return found


async def directly(
    connection: database.Connection, consignment: int, known: dt.datetime, after: str, limit: int
) -> list[tuple[Any, ...]]:
    """Return (id, ref, kind, gtin, lot, from stop, to stop) of what lies directly in a consignment, by ref."""
    return await _all(connection, "directly", consignment=consignment, known=known, after=after, limit=limit)


async def inside(
    connection: database.Connection, parent: int, at: dt.datetime, known: dt.datetime, after: str, limit: int
) -> list[tuple[Any, ...]]:
    """Return (id, ref, kind, gtin, lot) of what lies directly in a unit at a time, by ref."""
    return await _all(connection, "inside", parent=parent, at=at, known=known, after=after, limit=limit)


async def contains(
    connection: database.Connection, object_ids: Collection[int], at: dt.datetime, known: dt.datetime
) -> dict[int, int]:
    """Return how much lies directly in each of these objects at a time, where anything does."""
    return dict(await _all(connection, "contains", objects=object_ids, at=at, known=known))


async def alike(
    connection: database.Connection, consignment: int, known: dt.datetime
) -> list[tuple[int, int, int, int]]:
    """Return (from stop, to stop, one object, how many) of the item lines that the same lists name."""
    return [(r[0], r[1], r[2], r[3]) for r in await _all(connection, "alike", consignment=consignment, known=known)]


async def _all(connection: database.Connection, name: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """Run a query; collections of ids go as arrays."""
    sent = {k: list(v) if isinstance(v, Collection) and not isinstance(v, str) else v for k, v in parameters.items()}
    return await rows.plain(connection, _SQL[name], **sent)
