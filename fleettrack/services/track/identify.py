"""Step 1: which tracker is it, and may this sender speak for it?"""

from __future__ import annotations

import hashlib
import hmac

import msgspec

from fleettrack.domain import fix
from fleettrack.services.track import batch as batches
from fleettrack.services.track import delivery
from fleettrack.storage import database, trackers

SECRET_MARK = delivery.SECRET_MARK
HELD_PER_IDENTITY = 10_000  # a day of pings every 9 s: enough to be claimed the next morning
HELD_PER_SOURCE = 50_000  # unknown trackers behind one address


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

    numbers: list[int]
    tracker_ids: list[int]
    trusts: list[int]


Verdict = tuple[int, int] | str | None
"""(tracker id, trust), the reason of a reject, or None for an unknown tracker."""


async def identify(
    batch: batches.Batch, connection: database.Connection, directory: Directory, epoch: int
) -> Identified:
    """Split the batch's fixes into those to store, those to hold and those to refuse."""
    identities = {f.tracker for f in batch.fixes if f.tracker}
    known = await directory.load(connection, epoch, {i for i in identities if fix.is_identity(i)})
    found = Identified([], [], [])
    unknown: list[int] = []
    verdicts = [_verdicts_of(parcel.sender) for parcel in batch.deliveries]
    history = [parcel.history for parcel in batch.deliveries]
    seen: dict[int, dict[str | None, Verdict]] = {}
    for n, (f, d) in enumerate(zip(batch.fixes, batch.owner, strict=True)):
        judged = seen.setdefault(verdicts[d], {})
        if f.tracker not in judged:
            judged[f.tracker] = _judge(f.tracker, batch.deliveries[d].sender, known)
        verdict = judged[f.tracker]
        if verdict is None:
            unknown.append(n)
        elif isinstance(verdict, str):
            batch.refuse_fix(n, verdict)
        else:
            found.numbers.append(n)
            found.tracker_ids.append(verdict[0])
            found.trusts.append(verdict[1])
            if history[d]:
                batch.history.add(verdict[0])
    if unknown:
        await _hold(batch, connection, unknown)
    return found


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
    for n in unknown:
        parcel = batch.deliveries[batch.owner[n]]
        wanted.append(
            trackers.Held(
                identity=(batch.fixes[n].tracker or "").partition(SECRET_MARK)[0],
                source=parcel.sender.source,
                api_key_id=parcel.sender.api_key_id,
                received_ms=parcel.received_ms,
                protocol=parcel.sender.protocol,
                trust=parcel.sender.trust,
                fix=batch.fixes[n],
            )
        )
    identities, sources = await trackers.held_count(connection, wanted)
    for n, held in zip(unknown, wanted, strict=True):
        if identities.get(held.identity, 0) >= HELD_PER_IDENTITY or sources.get(held.source, 0) >= HELD_PER_SOURCE:
            batch.refuse_fix(n, "held_full")
            continue
        identities[held.identity] = identities.get(held.identity, 0) + 1
        sources[held.source] = sources.get(held.source, 0) + 1
        batch.held.append(held)
        batch.settle([n], delivery.Outcome.HELD)
