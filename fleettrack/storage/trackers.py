"""Who may send: the trackers by identity, the pings of unknown ones, and what was refused."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import msgspec

from fleettrack.domain import fix, units
from fleettrack.storage import database, rows, sql

_SQL = sql.queries("trackers")


class Tracker(msgspec.Struct, frozen=True, kw_only=True):
    """What the pipeline must know of a sender."""

    id: int
    identity: str
    carrier_id: int | None
    minimum_trust: int
    secret_sha256: bytes | None


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A ping of an unknown tracker, or one that was adopted again."""

    identity: str
    source: str
    api_key_id: int | None
    received_ms: int
    protocol: int
    trust: int
    fix: fix.Fix


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A reject and where it came from."""

    reject: fix.Reject
    received_ms: int
    protocol: int
    source: str
    api_key_id: int | None


async def by_identity(connection: database.Connection, identities: Iterable[str]) -> dict[str, Tracker]:
    """Return the trackers among these identities."""
    found = await rows.plain(connection, _SQL["by_identity"], identities=list(identities))
    return {
        r[0]: Tracker(identity=r[0], id=r[1], carrier_id=r[2], minimum_trust=r[3], secret_sha256=r[4]) for r in found
    }


async def held_count(connection: database.Connection, held: Sequence[Held]) -> tuple[dict[str, int], dict[str, int]]:
    """Return how many pings wait by identity and by source, for those that occur in `held`."""
    asked = {"identities": list({h.identity for h in held}), "sources": list({h.source for h in held})}
    identities: dict[str, int] = {}
    sources: dict[str, int] = {}
    for identity, source, count in await rows.plain(connection, _SQL["held_count"], **asked):
        identities[identity] = identities.get(identity, 0) + count
        sources[source] = sources.get(source, 0) + count
    return identities, sources


async def held_keyless(connection: database.Connection) -> int:
    """Return how many pings wait that came without a key."""
    return int(await rows.value(connection, _SQL["held_keyless"]))


async def hold(connection: database.Connection, held: Sequence[Held]) -> None:
    """Keep pings of unknown trackers; one that waits already stays once, with the earliest receive time.

    What came by another protocol, with other trust or by another key waits beside it: they are merged when the tracker
    is claimed, like copies that come after it.
    """
    once: dict[tuple[object, ...], tuple[Held, bytes, bytes]] = {}
    for h in sorted(held, key=lambda h: h.received_ms):
        body = msgspec.msgpack.encode(h.fix)
        digest = hashlib.sha256(body).digest()
        once.setdefault((h.identity, digest, h.trust, h.protocol, h.api_key_id), (h, body, digest))
    kept = list(once.values())
    await connection.execute(
        _SQL["hold"],
        {
            "identities": [h.identity for h, _, _ in kept],
            "sources": [h.source for h, _, _ in kept],
            "keys": [h.api_key_id for h, _, _ in kept],
            "received": [units.utc(h.received_ms) for h, _, _ in kept],
            "protocols": [h.protocol for h, _, _ in kept],
            "trusts": [h.trust for h, _, _ in kept],
            "fixes": [body for _, body, _ in kept],
            "digests": [digest for _, _, digest in kept],
        },
    )


async def adopt(connection: database.Connection, identity: str) -> list[Held]:
    """Take out the pings that waited for this identity to be claimed."""
    adopted = await rows.plain(connection, _SQL["adopt"], identity=identity)
    return [
        Held(
            identity=identity,
            source=source,
            api_key_id=key,
            received_ms=units.to_ms(received),
            protocol=protocol,
            trust=trust,
            fix=msgspec.msgpack.decode(body, type=fix.Fix),
        )
        for source, key, received, protocol, trust, body in adopted
    ]


async def forget_held(connection: database.Connection, before_ms: int, limit: int) -> int:
    """Delete pings that came before a time and nobody claimed, at most `limit`; return how many it were."""
    asked = {"before": units.utc(before_ms), "limit": limit}
    return int(await rows.value(connection, _SQL["forget_held"], **asked))


async def forget_rejects(connection: database.Connection, before_ms: int, limit: int) -> int:
    """Delete rejects that came before a time, at most `limit`; return how many it were."""
    asked = {"before": units.utc(before_ms), "limit": limit}
    return (await connection.execute(_SQL["forget_rejects"], asked)).rowcount


async def thin_rejects(connection: database.Connection, kept: int, limit: int) -> int:
    """Delete the oldest rejects without a key beyond so many, at most `limit`; return how many it were."""
    return (await connection.execute(_SQL["thin_rejects"], {"kept": kept, "limit": limit})).rowcount


async def refuse(connection: database.Connection, refused: Sequence[Refused]) -> None:
    """Keep rejects with their reason and raw bytes."""
    await connection.execute(
        _SQL["reject"],
        {
            "received": [units.utc(r.received_ms) for r in refused],
            "reasons": [r.reject.reason for r in refused],
            "details": [r.reject.detail for r in refused],
            "protocols": [r.protocol for r in refused],
            "sources": [r.source for r in refused],
            "identities": [r.reject.tracker for r in refused],
            "keys": [r.api_key_id for r in refused],
            "raws": [r.reject.raw[: fix.RAW_KEPT] for r in refused],
        },
    )
