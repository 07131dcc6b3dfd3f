"""The custody ledger: what is in force, and how it grows. Nothing in it is ever changed or removed."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from fleettrack.domain import consignment, custody, units
from fleettrack.storage import database, locks, positions, sql

_SQL = sql.queries("ledger")

INSTANT = dt.timedelta(microseconds=1)  # between two entries of one consignment
SALT_BYTES = 16


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """An entry in force, with its number in the ledger."""

    id: int
    entry: custody.Entry


class Addition(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be appended: an entry, maybe in another's place, or the end of one."""

    entry: custody.Entry
    consignment_id: int | None = None
    batch_id: int | None = None
    supersedes: int | None = None
    voids: int | None = None
    actor: str = "journey"


async def join_writers(connection: database.Connection) -> None:
    """Be counted among the ledger's writers until commit, so that readers know how far knowledge is settled."""
    await connection.execute(_SQL["writers"], {"lock": locks.LEDGER_WRITERS})


async def horizon(connection: database.Connection) -> dt.datetime:
    """Return the moment before which no ledger entry can still appear. Ask before, and apart from, what is read."""
    row = await (await connection.execute(_SQL["horizon"], {"lock": locks.LEDGER_WRITERS})).fetchone()
    assert row is not None
    found: dt.datetime = row[0]
    return found


async def in_force(connection: database.Connection, ids: Iterable[int]) -> dict[int, list[Recorded]]:
    """Return the entries of these consignments that are neither superseded nor voided."""
    rows = await (await connection.execute(_SQL["effective"], {"ids": list(ids)})).fetchall()
    lists = await members(connection, {x for r in rows for x in (r[6], r[7]) if x is not None})
    found: defaultdict[int, list[Recorded]] = defaultdict(list)
    for r in rows:
        found[r[1]].append(Recorded(id=r[0], entry=_entry(r, lists)))
    return found


async def members(connection: database.Connection, list_ids: Iterable[int]) -> dict[int, tuple[int, ...]]:
    """Return the sorted objects of each list."""
    wanted = list(list_ids)
    found: defaultdict[int, list[int]] = defaultdict(list)
    if wanted:
        rows = await (await connection.execute(_SQL["list_members"], {"lists": wanted})).fetchall()
        for list_id, object_id in rows:
            found[list_id].append(object_id)
    return {list_id: tuple(sorted(objects)) for list_id, objects in found.items()}


def _entry(r: Sequence[Any], lists: dict[int, tuple[int, ...]]) -> custody.Entry:
    return custody.Entry(
        key=r[2],
        kind=r[3],
        status=r[4],
        scope=custody.Scope(item_set_id=r[5], only=lists[r[6]] if r[6] else (), excluded=lists[r[7]] if r[7] else ()),
        event_ms=units.to_ms(r[8]),
        lo_ms=None if r[9] is None else units.to_ms(r[9]),
        hi_ms=None if r[10] is None else units.to_ms(r[10]),
        from_party=r[11],
        to_party=r[12],
        place_id=r[13],
        stop_seq=r[14],
        visit_id=r[15],
        fact_id=r[16],
        level=consignment.Level(r[17]),
        corroborated_by=tuple(r[18]),
    )


class Appended(msgspec.Struct, frozen=True, kw_only=True):
    """An entry just appended: its number, and the moment it is known from."""

    id: int
    addition: Addition
    recorded_at: dt.datetime


class Kept(positions.Evidence, frozen=True, kw_only=True):
    """A fix as it is kept beside the entry that rests on it."""

    ordinal: int
    salt: bytes


def _kept(fixes: Sequence[positions.Evidence]) -> tuple[Kept, ...]:
    return tuple(
        Kept(**msgspec.structs.asdict(fix), ordinal=ordinal, salt=secrets.token_bytes(SALT_BYTES))
        for ordinal, fix in enumerate(fixes)
    )


async def append(
    connection: database.Connection,
    additions: Sequence[Addition],
    evidence: Sequence[Sequence[positions.Evidence]] = (),
) -> list[Appended]:
    """Append entries in this order, each with the fixes it rests on, under their consignments' locks."""
    if not additions:
        return []
    rested = [_kept(fixes) for fixes in evidence] or [()] * len(additions)
    ids = await (await connection.execute(_SQL["reserve"], {"count": len(additions)})).fetchall()
    known = await _recorded_at(connection, additions)
    appended = [
        Appended(id=id_, addition=addition, recorded_at=moment)
        for (id_,), addition, moment in zip(ids, additions, known, strict=True)
    ]
    rows = [await _row(connection, a, fixes) for a, fixes in zip(appended, rested, strict=True)]
    await connection.execute(_SQL["append"], {"entries": _json(rows)})
    kept = [
        msgspec.structs.asdict(fix)
        | {"entry_id": a.id, "fix_time": units.utc(fix.time_ms), "salt": "\\x" + fix.salt.hex()}
        for a, fixes in zip(appended, rested, strict=True)
        for fix in fixes
    ]
    if kept:
        await connection.execute(_SQL["evidence"], {"fixes": _json(kept)})
    return appended


def _json(rows: Sequence[dict[str, Any]]) -> str:
    return msgspec.json.encode(rows).decode()


async def _row(connection: database.Connection, appended: Appended, evidence: Sequence[Kept]) -> dict[str, Any]:
    addition, entry = appended.addition, appended.addition.entry
    digest = evidence_digest(evidence)
    return {
        "id": appended.id,
        "consignment_id": addition.consignment_id,
        "batch_id": addition.batch_id,
        "key": entry.key,
        "kind": entry.kind,
        "status": "voided" if addition.voids else entry.status,
        "item_set_id": entry.scope.item_set_id,
        "only_list_id": await _list(connection, entry.scope.only),
        "except_list_id": await _list(connection, entry.scope.excluded),
        "event_at": units.utc(entry.event_ms),
        "event_lo": None if entry.lo_ms is None else units.utc(entry.lo_ms),
        "event_hi": None if entry.hi_ms is None else units.utc(entry.hi_ms),
        "recorded_at": appended.recorded_at,
        "from_party": entry.from_party,
        "to_party": entry.to_party,
        "place_id": entry.place_id,
        "stop_seq": entry.stop_seq,
        "visit_id": entry.visit_id,
        "fact_id": entry.fact_id,
        "level": int(entry.level),
        "corroborated_by": entry.corroborated_by,
        "actor": addition.actor,
        "supersedes": addition.supersedes,
        "voids": addition.voids,
        "evidence_sha256": None if digest is None else "\\x" + digest.hex(),
    }


async def _recorded_at(connection: database.Connection, additions: Sequence[Addition]) -> list[dt.datetime]:
    """Return from when each is known: later for each further one of a consignment."""
    counts = Counter(a.consignment_id for a in additions if a.consignment_id is not None)
    found = await (
        await connection.execute(_SQL["recorded_at"], {"ids": list(counts), "counts": list(counts.values())})
    ).fetchall()
    following: dict[int | None, dt.datetime] = dict(found)
    if None in {a.consignment_id for a in additions}:
        row = await (await connection.execute("SELECT clock_timestamp()")).fetchone()
        assert row is not None
        following[None] = row[0]
    known = []
    for addition in additions:
        known.append(following[addition.consignment_id])
        if addition.consignment_id is not None:
            following[addition.consignment_id] += INSTANT
    return known


def list_digest(objects: Sequence[int]) -> bytes:
    """Return the digest by which a (sorted) list of objects is known."""
    return hashlib.sha256(b",".join(b"%d" % o for o in objects)).digest()


async def _list(connection: database.Connection, objects: Sequence[int]) -> int | None:
    """Return the list of exactly these (sorted) objects, made where it is new; None for none."""
    if not objects:
        return None
    row = await (await connection.execute(_SQL["list_make"], {"sha256": list_digest(objects)})).fetchone()
    assert row is not None
    list_id: int = row[0]
    await connection.execute(_SQL["list_fill"], {"list": list_id, "objects": list(objects)})
    return list_id


def evidence_digest(evidence: Sequence[Kept]) -> bytes | None:
    """Return the digest that binds an entry to all that is kept of the fixes beside it."""
    return hashlib.sha256(msgspec.json.encode(evidence)).digest() if evidence else None


async def tell(connection: database.Connection, appended: Sequence[Appended]) -> None:
    """Put entries into the outbox, for whoever publishes after the commit."""
    if appended:
        told = [{"consignment_id": a.addition.consignment_id, "body": _told(a)} for a in appended]
        await connection.execute(_SQL["outbox"], {"told": _json(told)})


def _told(appended: Appended) -> dict[str, Any]:
    addition, entry = appended.addition, appended.addition.entry
    return {
        "entry": appended.id,
        "key": entry.key,
        "kind": entry.kind,
        "status": "voided" if addition.voids else entry.status,
        "event_at": units.utc(entry.event_ms).isoformat(),
        "recorded_at": appended.recorded_at.isoformat(),
        "from_party": entry.from_party,
        "to_party": entry.to_party,
        "place_id": entry.place_id,
        "stop_seq": entry.stop_seq,
        "corrects": addition.supersedes or addition.voids,
    }
