"""All that a database holds of positions, visits and custody, in words: what law L2 compares between two runs."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any

from fleettrack.services.tracing import lives
from fleettrack.storage import database

TOGETHER = 40  # consignments whose objects are looked at in one go
POSITIONS = """
SELECT t.identity, p.fix_time, p.lat_e7, p.lon_e7, p.speed_cms, p.course_ddeg, p.altitude_dm, p.accuracy_dm,
    p.flags, p.attributes
FROM position p JOIN tracker t ON t.id = p.tracker_id ORDER BY 1, 2, 3, 4
"""
DOUBTS = """
SELECT t.identity, f.fix_time, f.lat_e7, f.lon_e7, f.flag
FROM position_flag f JOIN tracker t ON t.id = f.tracker_id ORDER BY 1, 2, 3, 4, 5
"""
CUSTODY = """
SELECT c.ref, e.event_at, e.kind, e.stop_seq, e.status, e.event_lo, e.event_hi, f.ref, t.ref, p.ref, e.level,
    x.kind, x.event_at, vp.ref, v.entered_at, vt.identity, s.from_seq, s.to_seq,
    (SELECT array_agg(o.ref ORDER BY o.ref) FROM object_list_member m JOIN object o ON o.id = m.object_id
     WHERE m.list_id = e.only_list_id),
    (SELECT array_agg(o.ref ORDER BY o.ref) FROM object_list_member m JOIN object o ON o.id = m.object_id
     WHERE m.list_id = e.except_list_id)
FROM ledger_entry e JOIN consignment c ON c.id = e.consignment_id
LEFT JOIN party f ON f.id = e.from_party LEFT JOIN party t ON t.id = e.to_party LEFT JOIN place p ON p.id = e.place_id
LEFT JOIN fact x ON x.id = e.fact_id LEFT JOIN item_set s ON s.id = e.item_set_id
LEFT JOIN visit v ON v.id = e.visit_id LEFT JOIN place vp ON vp.id = v.place_id
LEFT JOIN tracker vt ON vt.id = v.tracker_id
WHERE e.voids IS NULL AND NOT EXISTS (SELECT 1 FROM ledger_entry l WHERE l.supersedes = e.id OR l.voids = e.id)
"""
VISITS = """
SELECT t.identity, p.ref, e.entered_at, e.entered_lo, e.entered_hi, e.exited_at, e.rule, e.confirmed_at
FROM visit v JOIN tracker t ON t.id = v.tracker_id JOIN place p ON p.id = v.place_id
CROSS JOIN LATERAL (SELECT * FROM visit_event WHERE visit_id = v.id ORDER BY revision DESC LIMIT 1) e
WHERE NOT v.retracted ORDER BY 1, 2, 3
"""
EXCEPTIONS = """
SELECT c.ref, x.kind, x.at, x.stop_seq, x.detail FROM exception x JOIN consignment c ON c.id = x.consignment_id
WHERE x.cleared_at IS NULL
"""
OBJECTS = """
SELECT c.ref, array_agg(o.id ORDER BY o.ref), array_agg(o.ref ORDER BY o.ref) FROM item_set s
JOIN consignment c ON c.id = s.consignment_id JOIN item i ON i.item_set_id = s.id
JOIN LATERAL (
    SELECT i.object_id AS id UNION SELECT k.child FROM containment k WHERE k.parent = i.object_id
) AS goods ON true JOIN object o ON o.id = goods.id GROUP BY 1 ORDER BY 1
"""
PARTIES = "SELECT id, ref FROM party"
FOREVER = dt.datetime(2200, 1, 1, tzinfo=dt.UTC)

Row = tuple[Any, ...]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What law L2 compares, in words: no number that another run would give otherwise."""

    positions: list[Row]
    doubts: list[Row]
    visits: list[Row]
    custody: list[Row]
    exceptions: list[Row]
    holders: dict[str, list[Row]]  # of each object: (from when, who, how sure, in what)


async def read(url: str) -> Outcome:
    """Return all that a database holds of positions, visits and custody."""
    db = database.Database(url)
    await db.open()
    try:
        async with db.connection() as connection:
            holders = await _holders(connection)
            positions, doubts, visits, custody, exceptions = [
                await (await connection.execute(query)).fetchall()
                for query in (POSITIONS, DOUBTS, VISITS, CUSTODY, EXCEPTIONS)
            ]
    finally:
        await db.close()
    return Outcome(positions, doubts, visits, sorted(custody, key=repr), sorted(exceptions, key=repr), holders)


async def _holders(connection: database.Connection) -> dict[str, list[Row]]:
    """Return of every object who held it from when on, and what it lay in: at every event time, as known now."""
    found: dict[str, list[Row]] = {}
    parties: dict[int | None, str | None] = {None: None, **dict(await (await connection.execute(PARTIES)).fetchall())}
    goods = await (await connection.execute(OBJECTS)).fetchall()
    names = {o: ref for _, ids, refs in goods for o, ref in zip(ids, refs, strict=True)}
    for start in range(0, len(goods), TOGETHER):
        ids = [o for _, some, _ in goods[start : start + TOGETHER] for o in some]
        for object_id, life in (await lives.load(connection, ids, FOREVER)).items():
            found[names[object_id]] = _timeline(life, parties, names)
    return found


def _timeline(life: lives.Life, parties: Mapping[int | None, str | None], names: Mapping[int, str]) -> list[Row]:
    times = {w.entry.event_ms for w in life.meant}
    times |= {ms for span in life.spans for ms in (span.from_ms, span.to_ms) if ms is not None}
    told: list[Row] = []
    for at_ms in sorted(times):
        holding = life.holding(at_ms)
        entry = holding and holding.entry
        row = (entry and (parties[entry.to_party], entry.status), tuple(names[o] for o in life.up(at_ms)[1:]))
        if not told or told[-1][1:] != row:
            told.append((at_ms, *row))
    return told


def differences(expected: Outcome, found: Outcome, *, most: int = 5) -> list[str]:
    """Return the first differences in each thing compared, as lines to read."""
    told = []
    for field in dataclasses.fields(Outcome):
        a, b = getattr(expected, field.name), getattr(found, field.name)
        if a == b:
            continue
        if isinstance(a, dict):
            a, b = ([(k, v) for k, v in x.items()] for x in (a, b))
        seen_a, seen_b = ({repr(row) for row in x} for x in (a, b))
        told.append(f"{field.name}: {len(a)} expected, {len(b)} found")
        told += [f"  missing {row}" for row in sorted(seen_a - seen_b)[:most]]
        told += [f"  too much {row}" for row in sorted(seen_b - seen_a)[:most]]
    return told


def assert_same(expected: Outcome, found: Outcome) -> None:
    """Fail with the first differences, if there are any."""
    told = differences(expected, found)
    assert not told, "\n".join(["two runs differ", *told])
