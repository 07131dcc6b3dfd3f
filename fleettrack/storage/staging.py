"""Item lines in bulk: staged by COPY, checked by a few statements, written by a few more."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from fleettrack.serials import names
from fleettrack.storage import database, rows, sql

_SQL = sql.queries("staging")

ANALYZE_FROM = 10_000  # rows: what the planner has not counted it takes for few, until autovacuum comes by in a minute

Row = str
"""A line of COPY's text format."""

Check = Literal["repeated", "differing", "foreign", "younger", "misplaced", "listed"]


class PlanRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the items of a consignment need to know of it."""

    plan: int
    consignor: str
    consignor_id: int
    since: dt.datetime
    first_seq: int
    last_seq: int


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What was written."""

    serials: int
    units: int
    known: int
    contained: int
    items: int


def row(
    name: names.Name,
    line: int,
    plan: int,
    parent: str,
    from_seq: int | None,
    to_seq: int | None,
    *,
    lot: str | None = None,
    expiry: dt.date | None = None,
    mixed: bool = False,
) -> Row:
    r"""Return the staged row of an object. Nothing in it has control characters, so only \ needs escaping."""
    fields = (
        line, plan, name.kind, name.ref, name.code, name.gtin, name.issuer, name.product, lot, expiry,
        parent or None, from_seq, to_seq, "t" if mixed else "f",
    )  # fmt: skip
    return "\t".join(["\\N" if f is None else str(f).replace("\\", "\\\\") for f in fields]) + "\n"


async def create(connection: database.Connection) -> None:
    """Make the stage ready."""
    await connection.execute(_SQL["create"])


async def copy(connection: database.Connection, chunks: AsyncIterator[Iterable[Row]]) -> None:
    """Stage rows as they come."""
    async with connection.cursor() as cursor, cursor.copy(_SQL["copy"]) as into:
        async for chunk in chunks:
            await into.write("".join(chunk))


async def settle(connection: database.Connection) -> None:
    """Find out which objects are known; give the others ids."""
    await connection.execute("ANALYZE item_stage")
    await connection.execute(_SQL["settle"])
    await connection.execute("ANALYZE goods_stage")


async def check(connection: database.Connection, name: Check, limit: int) -> list[tuple[Any, ...]]:
    """Return the lines that a rule refuses, at most `limit`; the last column says how many there are."""
    return await rows.plain(connection, _SQL[name], limit=limit)


async def astray(
    connection: database.Connection, ways: Iterable[tuple[int, int | None, int | None]], limit: int
) -> list[tuple[Any, ...]]:
    """Return (line, plan, from, to, how many there are) of the lines that go one of these ways (plan, from, to)."""
    plans, from_seqs, to_seqs = zip(*ways, strict=True)
    asked = {"plans": list(plans), "from_seqs": list(from_seqs), "to_seqs": list(to_seqs), "limit": limit}
    return await rows.plain(connection, _SQL["astray"], **asked)


async def set_plans(connection: database.Connection, plans: Sequence[PlanRow]) -> None:
    """Say what the plans are that the staged items go by."""
    values = {
        "plans": [p.plan for p in plans],
        "consignors": [p.consignor for p in plans],
        "consignor_ids": [p.consignor_id for p in plans],
        "since": [p.since for p in plans],
        "firsts": [p.first_seq for p in plans],
        "lasts": [p.last_seq for p in plans],
    }
    await connection.execute(_SQL["plans"], values)


async def set_consignments(connection: database.Connection, ids: Mapping[int, int]) -> None:
    """Say which consignment each plan is, once there is one."""
    await connection.execute(_SQL["consignments"], {"plans": list(ids), "consignments": list(ids.values())})


async def new_from(connection: database.Connection) -> list[tuple[int, int]]:
    """Return the stops (plan, number) at which some new object starts."""
    return [(plan, from_seq) for plan, from_seq in await rows.plain(connection, _SQL["new_from"])]


async def set_batches(connection: database.Connection, batches: Mapping[tuple[int, int], int]) -> None:
    """Say in which batch the new objects that start at each stop (plan, number) are commissioned."""
    plans, from_seqs = zip(*batches, strict=True)
    asked = {"plans": list(plans), "from_seqs": list(from_seqs), "batches": list(batches.values())}
    await connection.execute(_SQL["batches"], asked)


async def write(connection: database.Connection, known: dt.datetime) -> Counts:
    """Make the new objects, what they lie in, and the items."""
    await connection.execute(_SQL["make_objects"])
    contained = (await connection.execute(_SQL["fill_units"], {"known": known})).rowcount
    contained += (await connection.execute(_SQL["refill_units"], {"known": known})).rowcount
    await connection.execute(_SQL["make_sets"])
    items = (await connection.execute(_SQL["make_items"], {"known": known})).rowcount
    ((serials, units, known_objects),) = await rows.plain(connection, _SQL["count"])
    if contained + items >= ANALYZE_FROM:
        await connection.execute(_SQL["analyze"])
    return Counts(serials=serials, units=units, known=known_objects, contained=contained, items=items)


async def known_objects(connection: database.Connection) -> list[int]:
    """Return the staged objects that were there before."""
    return [object_id for (object_id,) in await rows.plain(connection, _SQL["known"])]
