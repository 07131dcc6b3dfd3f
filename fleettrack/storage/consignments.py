"""Consignments and their plan: stops and legs. Items are in `staging`, which makes them, and `tracing`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

import msgspec

from fleettrack.domain import consignment, errors
from fleettrack.storage import database, locks, rows, sql

_SQL = sql.queries("consignments")


class Consignment(msgspec.Struct, frozen=True, kw_only=True):
    """A consignment as kept, without its plan."""

    ref: str
    consignor: str
    consignee: str
    effective_from: dt.datetime
    closed_at: dt.datetime | None


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """A stop as planned."""

    seq: int
    place: str
    role: consignment.Role
    party: str
    on_arrival: consignment.OnArrival
    window_from: dt.datetime | None
    window_to: dt.datetime | None


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """A leg as planned."""

    from_stop: int
    to_stop: int
    carrier: str
    vehicle: str | None


class ItemSet(msgspec.Struct, frozen=True, kw_only=True):
    """How many item lines go from one stop to another."""

    from_stop: int
    to_stop: int
    lines: int


class Locked(msgspec.Struct, frozen=True, kw_only=True):
    """A consignment held by this transaction."""

    ref: str
    id: int
    consignor_id: int
    consignee_id: int
    effective_from: dt.datetime
    closed_at: dt.datetime | None


class Halt(msgspec.Struct, frozen=True, kw_only=True):
    """What a fact needs of a stop."""

    seq: int
    place_id: int
    role: consignment.Role
    party_id: int


class NewConsignment(msgspec.Struct, frozen=True, kw_only=True):
    """A consignment by ids, to be kept."""

    ref: str
    consignor_id: int
    consignee_id: int
    effective_from: dt.datetime
    stops: Sequence[NewStop]
    legs: Sequence[consignment.Leg]


class NewStop(msgspec.Struct, frozen=True, kw_only=True):
    """A stop by ids, to be kept."""

    seq: int
    place_id: int
    role: consignment.Role
    party_id: int
    on_arrival: consignment.OnArrival
    window_from: dt.datetime | None
    window_to: dt.datetime | None


async def hold_batches(connection: database.Connection) -> None:
    """Wait for the batches under way, and let no other begin until this transaction ends."""
    await connection.execute(_SQL["hold_batches"], {"lock": locks.CONFIGURATION})


async def taken(connection: database.Connection, refs: Iterable[str]) -> set[str]:
    """Return those of these references that a consignment has."""
    return {r[0] for r in await rows.plain(connection, _SQL["known"], refs=list(refs))}


async def create(connection: database.Connection, new: Sequence[NewConsignment], known: dt.datetime) -> dict[str, int]:
    """Keep consignments with their stops and legs; return their ids by reference."""
    made = await rows.plain(
        connection,
        _SQL["create"],
        refs=[c.ref for c in new],
        consignors=[c.consignor_id for c in new],
        consignees=[c.consignee_id for c in new],
        since=[c.effective_from for c in new],
    )
    ids: dict[str, int] = dict(made)
    stops = [(ids[c.ref], s) for c in new for s in c.stops]
    await connection.execute(
        _SQL["create_stops"],
        {
            "consignments": [id_ for id_, _ in stops],
            "seqs": [s.seq for _, s in stops],
            "places": [s.place_id for _, s in stops],
            "roles": [s.role for _, s in stops],
            "parties": [s.party_id for _, s in stops],
            "on_arrivals": [s.on_arrival for _, s in stops],
            "windows_from": [s.window_from for _, s in stops],
            "windows_to": [s.window_to for _, s in stops],
        },
    )
    legs = [(ids[c.ref], leg) for c in new for leg in c.legs]
    await connection.execute(
        _SQL["create_legs"],
        {
            "consignments": [id_ for id_, _ in legs],
            "from_seqs": [leg.from_seq for _, leg in legs],
            "to_seqs": [leg.to_seq for _, leg in legs],
            "carriers": [leg.carrier_id for _, leg in legs],
            "vehicles": [leg.vehicle_id for _, leg in legs],
            "known": known,
        },
    )
    return ids


async def lock(connection: database.Connection, refs: Iterable[str]) -> dict[str, Locked]:
    """Hold consignments until this transaction ends, in ascending order.

    Raises:
        NotFound: one of them is unknown.
    """
    wanted = set(refs)
    found = await rows.many(connection, _SQL["lock"], Locked, refs=list(wanted))
    unknown = sorted(wanted - {c.ref for c in found})
    if unknown:
        raise errors.NotFound(f"there is no consignment {unknown[0]!r}", kind="consignment", unknown=unknown)
    return {c.ref: c for c in found}


async def lock_ids(connection: database.Connection, ids: Iterable[int]) -> None:
    """Hold consignments until this transaction ends, in ascending order."""
    await connection.execute(_SQL["lock_ids"], {"ids": list(ids)})


async def close(connection: database.Connection, id_: int, at: dt.datetime) -> None:
    """Note that a person closed a consignment."""
    await connection.execute(_SQL["close"], {"id": id_, "at": at})


async def get(connection: database.Connection, ref: str) -> Consignment | None:
    """Return a consignment by its reference."""
    return await rows.one(connection, _SQL["page"], Consignment, after="", limit=1, ref=ref, carrier=None)


async def page(connection: database.Connection, carrier: str | None, after: str, limit: int) -> list[Consignment]:
    """Return consignments with a greater reference, in order; of one carrier where it is given."""
    asked = {"after": after, "limit": limit, "ref": None, "carrier": carrier}
    return await rows.many(connection, _SQL["page"], Consignment, **asked)


async def plan(connection: database.Connection, ref: str) -> tuple[list[Stop], list[Leg], list[ItemSet]]:
    """Return stops and legs of a consignment in order, and how many items go from where to where."""
    return (
        await rows.many(connection, _SQL["stops"], Stop, ref=ref),
        await rows.many(connection, _SQL["legs"], Leg, ref=ref),
        await rows.many(connection, _SQL["items"], ItemSet, ref=ref),
    )


async def stop(connection: database.Connection, id_: int, seq: int) -> Halt:
    """Return a stop of a consignment by its number.

    Raises:
        NotFound: the plan has no such stop.
    """
    found = await rows.one(connection, _SQL["stop"], Halt, id=id_, seq=seq)
    if found is None:
        raise errors.NotFound(f"the consignment has no stop {seq}", kind="stop", unknown=[seq])
    return found
