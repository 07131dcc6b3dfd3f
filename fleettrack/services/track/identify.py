"""Step 1: which tracker is it, and may this sender speak for it?"""

from __future__ import annotations

import hashlib
import hmac

from fleettrack.domain import fix
from fleettrack.services.track import batch as batches
from fleettrack.services.track import delivery
from fleettrack.storage import database, trackers

SECRET_MARK = "~"  # `identity~secret`: how a device without any login proves itself
HELD_PER_IDENTITY = 10_000  # a day of pings every 9 s: enough to be claimed the next morning
HELD_PER_SOURCE = 50_000  # unknown trackers behind one address


class Directory:
    """The trackers that sent lately, by identity; forgotten whenever the configuration is edited."""

    def __init__(self) -> None:
        self._epoch = -1
        self._known: dict[str, trackers.Tracker] = {}

    async def load(self, connection: database.Connection, epoch: int, identities: set[str]) -> None:
        """Make `get` answer for these identities as of this epoch."""
        if epoch != self._epoch:
            self._known, self._epoch = {}, epoch
        missing = {i.partition(SECRET_MARK)[0] for i in identities} | identities
        missing -= self._known.keys()
        if missing:
            self._known.update(await trackers.by_identity(connection, missing))

    def get(self, identity: str) -> tuple[trackers.Tracker | None, str | None]:
        """Return the tracker, and the secret that came in its id, if any."""
        tracker = self._known.get(identity)
        if tracker is not None or SECRET_MARK not in identity:
            return tracker, None
        bare, _, secret = identity.partition(SECRET_MARK)
        return self._known.get(bare), secret


class Identified:
    """The fixes of known trackers that may be stored: columns of equal length."""

    def __init__(self) -> None:
        self.items: list[batches.Item] = []
        self.tracker_ids: list[int] = []
        self.trusts: list[int] = []


async def identify(
    batch: batches.Batch, connection: database.Connection, directory: Directory, epoch: int
) -> Identified:
    """Split the batch's fixes into those to store, those to hold and those to refuse."""
    await directory.load(connection, epoch, {i.fix.tracker for i in batch.items if i.fix.tracker})
    found = Identified()
    unknown: list[batches.Item] = []
    cache: dict[tuple[str, int], tuple[int, int] | fix.Reject | None] = {}
    for item in batch.items:
        key = (item.fix.tracker or "", item.delivery)
        if key not in cache:
            cache[key] = _judge(item.fix.tracker, batch.deliveries[item.delivery].sender, directory)
        verdict = cache[key]
        if verdict is None:
            unknown.append(item)
        elif isinstance(verdict, fix.Reject):
            batch.refuse(item.delivery, item.index, verdict)
        else:
            found.items.append(item)
            found.tracker_ids.append(verdict[0])
            found.trusts.append(verdict[1])
            if batch.deliveries[item.delivery].history:
                batch.history.add(verdict[0])
    if unknown:
        await _hold(batch, connection, unknown)
    return found


def _judge(identity: str | None, sender: delivery.Sender, directory: Directory) -> tuple[int, int] | fix.Reject | None:
    """Return (tracker id, trust), a reject, or None for an unknown tracker."""
    if not identity:
        return _reject("no_identity", identity)
    tracker, secret = directory.get(identity)
    if tracker is None:
        return None
    trust = sender.trust
    if sender.carrier_id is not None and tracker.carrier_id != sender.carrier_id:
        return _reject("not_yours", identity)
    if secret is not None or (tracker.secret_sha256 is not None and trust < fix.Trust.SECRET_IN_ID):
        digest = hashlib.sha256((secret or "").encode()).digest()
        if tracker.secret_sha256 is None or not hmac.compare_digest(digest, tracker.secret_sha256):
            return _reject("secret", identity.partition(SECRET_MARK)[0])
        trust = max(trust, fix.Trust.SECRET_IN_ID)
    if trust < tracker.minimum_trust:
        return _reject("source", identity)
    return tracker.id, int(trust)


def _reject(reason: str, identity: str | None) -> fix.Reject:
    return fix.Reject(reason=reason, raw=b"", detail=fix.REJECT_REASONS[reason], tracker=identity)


async def _hold(batch: batches.Batch, connection: database.Connection, unknown: list[batches.Item]) -> None:
    """Keep the pings of unknown trackers until they are claimed, as far as there is room."""
    wanted = []
    for item in unknown:
        parcel = batch.deliveries[item.delivery]
        wanted.append(
            trackers.Held(
                identity=(item.fix.tracker or "").partition(SECRET_MARK)[0],
                source=parcel.sender.source,
                api_key_id=parcel.sender.api_key_id,
                received_ms=parcel.received_ms,
                protocol=parcel.sender.protocol,
                trust=parcel.sender.trust,
                fix=item.fix,
            )
        )
    identities, sources = await trackers.held_count(connection, wanted)
    for item, held in zip(unknown, wanted, strict=True):
        if identities.get(held.identity, 0) >= HELD_PER_IDENTITY or sources.get(held.source, 0) >= HELD_PER_SOURCE:
            batch.refuse(item.delivery, item.index, _reject("held_full", held.identity))
            continue
        identities[held.identity] = identities.get(held.identity, 0) + 1
        sources[held.source] = sources.get(held.source, 0) + 1
        batch.held.append(held)
        batch.settle(item, delivery.Outcome.HELD)
