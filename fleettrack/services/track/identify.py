"""Step 1: which tracker is it, and may this sender speak for it?"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from fleettrack.domain import fix, units
from fleettrack.services.track import batch as batches
from fleettrack.services.track import delivery
from fleettrack.storage import database, trackers

SECRET_MARK = delivery.SECRET_MARK
HELD_PER_IDENTITY = 10_000  # a day of pings every 9 s: enough to be claimed the next morning
HELD_PER_SOURCE = 50_000  # unknown trackers behind one address
HELD_WITHOUT_KEY = 1_000_000  # about 500 MB: identities and addresses cost nothing to who forges them
FAR_FUTURE_MS = units.DAY_MS  # further ahead than a day it says nothing that can be stored under that time

Ints = batches.Ints
Known = dict[str, trackers.Tracker]
"""Trackers by identity, as of one epoch of the configuration."""


class Directory:
    """The trackers that sent lately; forgotten whenever the configuration is edited."""

    def __init__(self) -> None:
        self._epoch = -1
        self._known: Known = {}

    async def load(self, connection: database.Connection, epoch: int, identities: set[str]) -> Known:
        """Return the trackers of this epoch, with those of these identities among them.

        Another batch may turn to another epoch meanwhile, so that one goes on with what was returned. Where the epoch
        was over before this was asked it may show a later one: who acts on it checks the epoch again under the lock.
        """
        if epoch != self._epoch:
            self._known, self._epoch = {}, epoch
        known = self._known
        missing = {i.partition(SECRET_MARK)[0] for i in identities} | identities
        missing -= known.keys()
        if missing:
            known.update(await trackers.by_identity(connection, missing))
        return known


def _look_up(known: Known, identity: str) -> tuple[trackers.Tracker | None, str | None]:
    """Return the tracker, and the secret that came in its id, if any."""
    tracker = known.get(identity)
    if tracker is not None or SECRET_MARK not in identity:
        return tracker, None
    bare, _, secret = identity.partition(SECRET_MARK)
    return known.get(bare), secret


class Identified(msgspec.Struct, eq=False):
    """Numbers of the batch's fixes that may be stored, each with its tracker and the trust it comes with."""

    numbers: Ints
    tracker_ids: Ints
    trusts: np.ndarray[Any, np.dtype[np.int16]]


Verdict = tuple[int, int] | str | None
"""(tracker id, trust), the reason of a reject, or None for an unknown tracker."""

_UNKNOWN, _REFUSED = -1, -2  # instead of a tracker id


async def identify(
    batch: batches.Batch, connection: database.Connection, directory: Directory, epoch: int
) -> Identified:
    """Split the batch's fixes into those to store, those to hold and those to refuse."""
    names = batch.fixes.tracker
    known = await directory.load(connection, epoch, {i for i in set(names) if i and fix.is_identity(i)})
    ids, trusts = np.empty(len(names), np.int64), np.empty(len(names), np.int16)
    for sender, rows in _by_sender(batch):
        said = names if len(rows) == len(names) else [names[n] for n in rows.tolist()]
        verdicts = {name: _judge(name, sender, known) for name in set(said)}
        of = {name: _numbers(verdict) for name, verdict in verdicts.items()}
        ids[rows], trusts[rows] = (np.fromiter((of[name][i] for name in said), np.int64, len(said)) for i in (0, 1))
        for n in rows[ids[rows] == _REFUSED].tolist():
            batch.refuse_fix(n, str(verdicts[names[n]]))
    _refuse_times(batch, ids)
    unknown = np.flatnonzero(ids == _UNKNOWN)
    if len(unknown):
        await _hold(batch, connection, unknown.tolist())
    numbers = np.flatnonzero(ids >= 0)
    lifted = np.array([parcel.history for parcel in batch.deliveries], bool)
    if lifted.any():
        batch.history = frozenset(ids[numbers[lifted[batch.owner[numbers]]]].tolist())
    return Identified(numbers, ids[numbers], trusts[numbers])


def _refuse_times(batch: batches.Batch, ids: Ints) -> None:
    """Refuse fixes whose time cannot be kept (ADR 5), also of unknown trackers: what is held is a fix already.

    Else a copy that came too early would be adopted, and then refused, instead of the one that came when it could be.
    """
    times = batch.fixes.time_ms
    kept = (times >= units.GPS_EPOCH_MS) & (times <= batch.received_ms + FAR_FUTURE_MS)
    for n in np.flatnonzero(~kept & (ids != _REFUSED)).tolist():
        batch.refuse_fix(n, "time_range")
        ids[n] = _REFUSED


def _by_sender(batch: batches.Batch) -> Iterator[tuple[delivery.Sender, Ints]]:
    """Yield one sender of each sort, and the numbers of the fixes that came from that sort."""
    sorts = [_verdicts_of(parcel.sender) for parcel in batch.deliveries]
    first = {sort: batch.deliveries[sorts.index(sort)].sender for sort in set(sorts)}
    if len(first) == 1:
        yield batch.deliveries[0].sender, np.arange(len(batch.fixes))
        return
    of_fix = np.array(sorts, np.int64)[batch.owner]
    for sort, sender in first.items():
        yield sender, np.flatnonzero(of_fix == sort)


def _numbers(verdict: Verdict) -> tuple[int, int]:
    return (_UNKNOWN, 0) if verdict is None else (_REFUSED, 0) if isinstance(verdict, str) else verdict


def _verdicts_of(sender: delivery.Sender) -> int:
    """Return what tells senders apart as far as a verdict goes: their trust, and the carrier whose key it is."""
    return (sender.carrier_id or 0) * 16 + int(sender.trust)


def _judge(identity: str | None, sender: delivery.Sender, known: Known) -> Verdict:
    if not identity:
        return "no_identity"
    if not fix.is_identity(identity):
        return "encoding"
    tracker, secret = _look_up(known, identity)
    if tracker is None:
        return None
    trust = sender.trust
    if sender.carrier_id is not None and tracker.carrier_id != sender.carrier_id:
        return "not_yours"
    if secret is not None or (tracker.secret_sha256 is not None and trust < fix.Trust.SECRET_IN_ID):
        digest = hashlib.sha256((secret or "").encode()).digest()
        if tracker.secret_sha256 is None or not hmac.compare_digest(digest, tracker.secret_sha256):
            return "secret"
        trust = max(trust, fix.Trust.SECRET_IN_ID)
    if trust < tracker.minimum_trust:
        return "source"
    return tracker.id, int(trust)


async def _hold(batch: batches.Batch, connection: database.Connection, unknown: list[int]) -> None:
    """Keep the pings of unknown trackers until they are claimed, as far as there is room."""
    wanted = []
    pings = {n: batch.fixes.at(n) for n in unknown}
    for n in unknown:
        parcel = batch.deliveries[batch.owner[n]]
        wanted.append(
            trackers.Held(
                identity=(pings[n].tracker or "").partition(SECRET_MARK)[0],
                source=parcel.sender.source,
                api_key_id=parcel.sender.api_key_id,
                received_ms=parcel.received_ms,
                protocol=parcel.sender.protocol,
                trust=parcel.sender.trust,
                fix=pings[n],
            )
        )
    identities, sources = await trackers.held_count(connection, wanted)
    keyless = await trackers.held_keyless(connection)
    for n, held in zip(unknown, wanted, strict=True):
        by_anybody = held.api_key_id is None
        if (
            identities.get(held.identity, 0) >= HELD_PER_IDENTITY
            or sources.get(held.source, 0) >= HELD_PER_SOURCE
            or (by_anybody and keyless >= HELD_WITHOUT_KEY)
        ):
            batch.refuse_fix(n, "held_full")
            continue
        identities[held.identity] = identities.get(held.identity, 0) + 1
        sources[held.source] = sources.get(held.source, 0) + 1
        keyless += by_anybody
        batch.held.append(held)
        batch.settle(int(batch.at[n]), delivery.Outcome.HELD)
