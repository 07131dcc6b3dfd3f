"""Rows as what they mean: a column for each field, by name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any, LiteralString, TypeVar

from psycopg import rows

from fleettrack.domain import errors
from fleettrack.storage import database

T = TypeVar("T")


async def many(
    connection: database.Connection, statement: LiteralString, make: Callable[..., T], **parameters: Any
) -> list[T]:
    """Return what `make` makes of each row, given its columns as keyword arguments."""
    async with connection.cursor(row_factory=rows.kwargs_row(make)) as cursor:
        await cursor.execute(statement, parameters)
        return await cursor.fetchall()


async def one(
    connection: database.Connection, statement: LiteralString, make: Callable[..., T], **parameters: Any
) -> T | None:
    """Return what `make` makes of the first row, or None."""
    return next(iter(await many(connection, statement, make, **parameters)), None)


async def plain(connection: database.Connection, statement: LiteralString, **parameters: Any) -> list[tuple[Any, ...]]:
    """Return the rows as they are."""
    return await (await connection.execute(statement, parameters)).fetchall()


async def value(connection: database.Connection, statement: LiteralString, **parameters: Any) -> Any:
    """Return the first column of the first row, or None."""
    row = await (await connection.execute(statement, parameters)).fetchone()
    return None if row is None else row[0]


async def clock(connection: database.Connection) -> dt.datetime:
    """Return the database's clock: since when what is written next is known."""
    found: dt.datetime = await value(connection, "SELECT clock_timestamp()")
    return found


async def ids(
    connection: database.Connection, statement: LiteralString, refs: Iterable[str | None], what: str
) -> dict[str, int]:
    """Return the id of each reference (None is passed over).

    Raises:
        NotFound: some are unknown; facts['unknown'] lists them.
    """
    wanted = {ref for ref in refs if ref is not None}
    found = dict(await plain(connection, statement, refs=list(wanted))) if wanted else {}
    unknown = sorted(wanted - found.keys())
    if unknown:
        raise errors.NotFound(f"there is no {what} {unknown[0]!r}", kind=what, unknown=unknown)
    return found
