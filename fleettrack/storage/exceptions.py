"""Exceptions of consignments: open while the journey says so, cleared when it no longer does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from fleettrack.domain import custody, units
from fleettrack.storage import database, sql

_SQL = sql.queries("ledger")

Open = dict[str, tuple[int, custody.Problem]]
"""By key: the row's id and what it says."""


async def open_of(connection: database.Connection, ids: Iterable[int]) -> dict[int, Open]:
    """Return the open exceptions of these consignments."""
    rows = await (await connection.execute(_SQL["exceptions_open"], {"ids": list(ids)})).fetchall()
    found: defaultdict[int, Open] = defaultdict(dict)
    for id_, consignment_id, key, kind, at, stop_seq, detail, visit_id, fact_id in rows:
        found[consignment_id][key] = (
            id_,
            custody.Problem(
                key=key,
                kind=kind,
                at_ms=units.to_ms(at),
                stop_seq=stop_seq,
                detail=detail,
                visit_id=visit_id,
                fact_id=fact_id,
            ),
        )
    return found


async def replace(
    connection: database.Connection,
    consignment_id: int,
    now_open: Mapping[str, tuple[int, custody.Problem]],
    problems: Iterable[custody.Problem],
) -> None:
    """Clear the open exceptions that no longer stand, and raise the new ones; a changed one is both."""
    wanted = {p.key: p for p in problems}
    gone = [id_ for key, (id_, said) in now_open.items() if wanted.get(key) != said]
    if gone:
        await connection.execute(_SQL["exceptions_clear"], {"ids": gone})
    for key, problem in wanted.items():
        if key not in now_open or now_open[key][1] != problem:
            await connection.execute(
                _SQL["exception_raise"],
                {
                    "consignment_id": consignment_id,
                    "key": key,
                    "kind": problem.kind,
                    "at": units.utc(problem.at_ms),
                    "stop_seq": problem.stop_seq,
                    "detail": problem.detail,
                    "visit_id": problem.visit_id,
                    "fact_id": problem.fact_id,
                },
            )


async def propose(connection: database.Connection, visit_id: int, consignment_ids: Iterable[int]) -> None:
    """Ask a person whether custody may follow a correction of a visit that came too late to follow by itself."""
    for consignment_id in sorted(consignment_ids):
        await connection.execute(_SQL["propose"], {"visit_id": visit_id, "consignment_id": consignment_id})
