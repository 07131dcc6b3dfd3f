"""The seal over the ledger: a hash chain in commit order, made after the commit, checked by anybody.

sha256(previous hash + canonical JSON of the entry); canonical: keys sorted, no spaces, UTF-8.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec

from fleettrack.storage import database, ledger, locks, sql

_SQL = sql.queries("seals")

GENESIS = bytes(32)
BATCH = 5_000


class Broken(msgspec.Struct, frozen=True, kw_only=True):
    """The first link that does not hold, or an entry beside the chain."""

    seq: int | None  # None: the entry has no seal, and waits for none
    entry_id: int
    reason: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a check of the whole chain found."""

    sealed: int
    unsealed: int
    head: str
    broken: Broken | None = None


def link(previous: bytes, body: dict[str, Any]) -> bytes:
    """Return the hash of an entry after the one before it."""
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(previous + canonical.encode()).digest()


async def seal(db: database.Database) -> int:
    """Seal what is committed and not sealed yet; return how many entries that was (at most BATCH)."""
    async with db.transaction() as connection:
        locked = await (await connection.execute(_SQL["try_lock"], {"lock": locks.SEALER})).fetchone()
        if locked != (True,):
            return 0
        pending = await (await connection.execute(_SQL["pending"], {"limit": BATCH})).fetchall()
        if not pending:
            return 0
        entries = [entry_id for (entry_id,) in pending]
        bodies = await (await connection.execute(_SQL["bodies"], {"entries": entries})).fetchall()
        last = await (await connection.execute(_SQL["last"])).fetchone()
        seq, head = (last[0], bytes(last[1])) if last else (0, GENESIS)
        hashes = []
        for _, body in bodies:
            head = link(head, body)
            hashes.append(head)
        await connection.execute(
            _SQL["seal"],
            {"seqs": list(range(seq + 1, seq + 1 + len(entries))), "entries": entries, "hashes": hashes},
        )
        return len(entries)


async def unsealed(db: database.Database) -> tuple[int, float]:
    """Return how many entries wait for their seal, and for how many seconds the first of them has."""
    async with db.connection() as connection:
        row = await (await connection.execute(_SQL["unsealed"])).fetchone()
    assert row is not None
    return row[0], float(row[1] or 0.0)


async def verify(db: database.Database) -> Verdict:
    """Walk the chain from its beginning; stop at the first link that does not hold.

    Checks each entry against its seal, the fixes kept with it against its evidence digest, and lists against theirs;
    and that each entry is sealed or waits to be.
    """
    seq, head = 0, GENESIS
    broken: Broken | None = None
    while broken is None:
        async with db.connection() as connection:
            rows = await (await connection.execute(_SQL["chain"], {"after": seq, "limit": BATCH})).fetchall()
            if not rows:
                break
            for found, entry_id, sha256, body in rows:
                expected = None if body is None else link(head, body)
                broken = _check(seq, found, entry_id, bytes(sha256), expected)
                if broken:
                    break
                seq, head = found, bytes(sha256)
            broken = broken or await _check_details(connection, rows)
    async with db.connection() as connection:
        row = await (await connection.execute(_SQL["without_seal"])).fetchone()
    assert row is not None
    waiting, beside = row
    if broken is None and beside is not None:
        broken = Broken(seq=None, entry_id=beside, reason="the entry has no seal, and does not wait for one")
    return Verdict(sealed=seq, unsealed=waiting, head=head.hex(), broken=broken)


def _check(before: int, seq: int, entry_id: int, sha256: bytes, expected: bytes | None) -> Broken | None:
    if seq != before + 1:
        return Broken(seq=before + 1, entry_id=entry_id, reason=f"seal {before + 1} is missing")
    if expected is None:
        return Broken(seq=seq, entry_id=entry_id, reason="the entry is gone")
    if expected != sha256:
        return Broken(seq=seq, entry_id=entry_id, reason="the entry, or one before it, is not what was sealed")
    return None


async def _check_details(connection: database.Connection, rows: list[tuple[Any, ...]]) -> Broken | None:
    entries = [r[1] for r in rows]
    kept: dict[int, list[ledger.Kept]] = {}
    fields = ledger.Kept.__struct_fields__
    for entry_id, *values in await (await connection.execute(_SQL["evidence"], {"entries": entries})).fetchall():
        kept.setdefault(entry_id, []).append(ledger.Kept(**dict(zip(fields, values, strict=True))))
    named = {r[3][name] for r in rows for name in ("only", "except") if r[3][name]}
    digests = [bytes.fromhex(d) for d in named]
    lists: dict[str, list[int]] = dict(await (await connection.execute(_SQL["lists"], {"digests": digests})).fetchall())
    for seq, entry_id, _, body in rows:
        digest = ledger.evidence_digest(kept.get(entry_id, []))
        if (digest.hex() if digest else None) != body["evidence"]:
            return Broken(
                seq=seq, entry_id=entry_id, reason="the fixes kept as evidence are not those that were sealed"
            )
        for name in ("only", "except"):
            if body[name] and ledger.list_digest(lists.get(body[name], [])).hex() != body[name]:
                return Broken(seq=seq, entry_id=entry_id, reason="a list of objects is not the one that was sealed")
    return None
