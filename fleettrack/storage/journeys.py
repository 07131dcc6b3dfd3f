"""What the journeys of consignments depend on, read in bulk: the plan, who watched it, what people stated."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from fleettrack.domain import consignment, fix, units
from fleettrack.storage import arrays, database, sql

_SQL = sql.queries("journeys")

T = TypeVar("T")
Rows = list[tuple[Any, ...]]


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """A tracker whose next fixes may change a consignment's custody without any visit."""

    tracker_id: int
    consignment_id: int
    place_id: int | None  # left for good when further than 1 km from it; None: any usable fix counts
    trust: int = fix.Trust.NONE  # fixes of less change nothing, unless they are late
    since_ms: int
    until_ms: int | None = None


async def _fetch(connection: database.Connection, name: str, **parameters: Any) -> Rows:
    return await (await connection.execute(_SQL[name], parameters)).fetchall()


def _ms(moment: dt.datetime | None) -> int | None:
    return None if moment is None else units.to_ms(moment)


async def affected(connection: database.Connection, spans: Sequence[tuple[int, int, int]]) -> set[int]:
    """Return the consignments that a change at (tracker, from ms, to ms) can concern."""
    if not spans:
        return set()
    trackers, starts, ends = zip(*spans, strict=True)
    rows = await _fetch(
        connection,
        "affected",
        trackers=arrays.int8s(trackers),
        **{"from": arrays.times(starts), "to": arrays.times(ends)},
    )
    return {r[0] for r in rows}


async def watched(connection: database.Connection, tracker_ids: Iterable[int]) -> list[Watch]:
    """Return the watches on these trackers."""
    rows = await _fetch(connection, "watched", trackers=arrays.int8s(tracker_ids))
    return [
        Watch(tracker_id=t, consignment_id=c, place_id=p or None, trust=trust, since_ms=s, until_ms=u)
        for t, c, p, trust, s, u in rows
    ]


async def watching_place(connection: database.Connection, place_id: int, since_ms: int) -> set[int]:
    """Return the consignments with a watch on leaving a place that begins at a time or later."""
    rows = await _fetch(connection, "watching_place", place=place_id, since=units.utc(since_ms))
    return {row[0] for row in rows}


async def set_watches(connection: database.Connection, ids: Sequence[int], watches: Sequence[Watch]) -> None:
    """Replace the watches of these consignments."""
    await connection.execute(_SQL["watch_clear"], {"ids": list(ids)})
    if watches:
        await connection.execute(
            _SQL["watch_set"],
            {
                "trackers": arrays.int8s([w.tracker_id for w in watches]),
                "consignments": arrays.int8s([w.consignment_id for w in watches]),
                "places": arrays.int8s([w.place_id or 0 for w in watches]),
                "trusts": [int(w.trust) for w in watches],
                "since": arrays.times([w.since_ms for w in watches]),
                "until": arrays.times([w.until_ms for w in watches]),
            },
        )


async def lock_plans(connection: database.Connection, ids: Iterable[int]) -> dict[int, consignment.Known]:
    """Lock the consignments in ascending order; return plan, assignments, loads and facts of each."""
    wanted = sorted(ids)
    heads = await _fetch(connection, "lock", ids=wanted)
    stops = _grouped(await _fetch(connection, "stops", ids=wanted), _stop)
    legs = _grouped(await _fetch(connection, "legs", ids=wanted), _leg)
    sets = _grouped(
        await _fetch(connection, "item_sets", ids=wanted),
        lambda r: consignment.ItemSet(id=r[0], from_seq=r[1], to_seq=r[2], lines=r[3]),
    )
    assignments = _grouped(await _fetch(connection, "assignments", ids=wanted), _assignment)
    loads = _grouped(await _fetch(connection, "loads", ids=wanted), _load)
    facts = await _facts(connection, wanted)
    return {
        id_: consignment.Known(
            consignment=consignment.Consignment(
                id=id_,
                consignor_id=consignor,
                consignee_id=consignee,
                effective_from_ms=units.to_ms(since),
                closed_ms=_ms(closed),
                stops=tuple(stops[id_]),
                legs=tuple(legs[id_]),
                item_sets=tuple(sets[id_]),
            ),
            assignments=tuple(assignments[id_]),
            loads=tuple(loads[id_]),
            facts=tuple(facts[id_]),
        )
        for id_, consignor, consignee, since, closed in heads
    }


def _grouped(rows: Rows, make: Callable[[Sequence[Any]], T]) -> defaultdict[int, list[T]]:
    found: defaultdict[int, list[T]] = defaultdict(list)
    for consignment_id, *rest in rows:
        found[consignment_id].append(make(rest))
    return found


def _stop(r: Sequence[Any]) -> consignment.Stop:
    return consignment.Stop(
        id=r[0],
        seq=r[1],
        place_id=r[2],
        role=r[3],
        party_id=r[4],
        on_arrival=r[5],
        window_from_ms=_ms(r[6]),
        window_to_ms=_ms(r[7]),
    )


def _leg(r: Sequence[Any]) -> consignment.Leg:
    return consignment.Leg(from_seq=r[0], to_seq=r[1], carrier_id=r[2], vehicle_id=r[3])


def _assignment(r: Sequence[Any]) -> consignment.Assignment:
    return consignment.Assignment(
        tracker_id=r[0],
        level=r[1],
        from_ms=units.to_ms(r[2].lower),
        to_ms=_ms(r[2].upper),
        object_id=r[3],
        vehicle_id=r[4],
        identity=r[5],
    )


def _load(r: Sequence[Any]) -> consignment.Load:
    return consignment.Load(vehicle_id=r[0], from_ms=units.to_ms(r[1].lower), to_ms=_ms(r[1].upper), object_id=r[2])


async def _facts(connection: database.Connection, ids: list[int]) -> defaultdict[int, list[consignment.Fact]]:
    objects: defaultdict[int, dict[Any, frozenset[int]]] = defaultdict(dict)
    for fact_id, outcome, members in await _fetch(connection, "fact_objects", ids=ids):
        objects[fact_id][outcome] = frozenset(members)
    found: defaultdict[int, list[consignment.Fact]] = defaultdict(list)
    for r in await _fetch(connection, "facts", ids=ids):
        found[r[0]].append(
            consignment.Fact(
                id=r[1],
                kind=r[2],
                event_ms=units.to_ms(r[3]),
                level=consignment.Level(r[4]),
                stop_seq=r[5],
                from_party=r[6],
                to_party=r[7],
                effective_ms=_ms(r[8]),
                only_listed=r[9],
                target_fact_id=r[10],
                objects=objects[r[1]],
            )
        )
    return found


async def visits(
    connection: database.Connection, trackers: Iterable[int], since_ms: int, *, none_trust_may_transfer: bool
) -> list[consignment.Visit]:
    """Return the arrived visits of these trackers that ended or changed after a time, as custody follows them."""
    wanted = list(trackers)
    if not wanted:
        return []
    rows = await _fetch(
        connection,
        "visits",
        trackers=wanted,
        since=units.utc(since_ms),
        none_trust=none_trust_may_transfer,
    )
    return [
        consignment.Visit(
            id=r[0],
            tracker_id=r[1],
            place_id=r[2],
            enter_ms=units.to_ms(r[3]),
            lo_ms=units.to_ms(r[4]),
            hi_ms=units.to_ms(r[5]),
            rule=r[6],
            confirmed_ms=units.to_ms(r[7]),
            trust=r[8],
            exit_ms=_ms(r[9]),
            exit_trust=r[10],
            cut_off=r[11],
            place_class=r[12],
            expected=r[13],
        )
        for r in rows
    ]


async def homes(
    connection: database.Connection, consignment_id: int, named: Iterable[tuple[int, int]]
) -> list[consignment.Home]:
    """Return where objects, each at a time (ms), lay in the consignment."""
    pairs = sorted(named)
    if not pairs:
        return []
    rows = await _fetch(
        connection,
        "homes",
        objects=[o for o, _ in pairs],
        times=[units.utc(t) for _, t in pairs],
        consignment=consignment_id,
    )
    return [consignment.Home(object_id=o, item_set_id=s, ancestors=tuple(up or ())) for o, s, up in rows]


async def silences(
    connection: database.Connection, until: Mapping[int, int | None], since_ms: int, limit_ms: int
) -> list[consignment.Silence]:
    """Return the spans longer than the limit in which trackers gave no usable fix, each until a time of its own (ms).

    The last span of each is open: of what comes after its time nothing is read.
    """
    rows = await _fetch(
        connection,
        "silences",
        trackers=arrays.int8s(until),
        until=arrays.times(until.values()),
        since=units.utc(since_ms),
        limit=dt.timedelta(milliseconds=limit_ms),
        doubt=fix.UNDECIDING,
    )
    return [consignment.Silence(tracker_id=t, from_ms=units.to_ms(a) + limit_ms, to_ms=_ms(b)) for t, a, b in rows]


async def near_time(
    connection: database.Connection, wanted: Sequence[tuple[int, int]], limit_ms: int
) -> dict[int, tuple[int, int]]:
    """Return by index into `wanted` (tracker, ms) the (lat_e7, lon_e7) of the last fix not older than the limit."""
    rows = await _fetch(
        connection,
        "near_time",
        trackers=[t for t, _ in wanted],
        times=[units.utc(m) for _, m in wanted],
        limit=dt.timedelta(milliseconds=limit_ms),
        doubt=fix.UNDECIDING,
    )
    return {ord_ - 1: (lat, lon) for ord_, lat, lon in rows}
