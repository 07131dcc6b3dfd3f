"""Trackers: registering one claims what it sent before anybody knew it (law L8)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from fleettrack.domain import fix
from fleettrack.services import checks, planning
from fleettrack.services.forms import actors as forms
from fleettrack.services.forms import words
from fleettrack.services.track import delivery, identify
from fleettrack.storage import claims, database, parties, trackers


async def register(editor: planning.Planner, form: forms.NewTracker) -> forms.Claimed:
    """Let a tracker send, and take in its held pings as they came: with their own receive time and trust.

    Raises:
        Conflict: the identity is registered already.
        NotFound: there is no such carrier.
        Invalid: the identity cannot be told from an identity with a secret.
    """
    if identify.SECRET_MARK in form.identity:
        raise checks.refusal("identity", form.identity, f"an identity has no {identify.SECRET_MARK}: secrets follow it")
    async with editor.edit(configuration=True) as edit:
        carrier = await parties.ids(edit.connection, [form.carrier])
        await claims.create(
            edit.connection,
            identity=form.identity,
            name=form.name,
            carrier_id=carrier.get(form.carrier or ""),
            checksum=form.checksum,
            minimum_trust=form.minimum_trust,
            secret_sha256=None if form.secret is None else hashlib.sha256(form.secret.encode()).digest(),
        )
        held = await trackers.adopt(edit.connection, form.identity)
        carriers = await claims.key_carriers(edit.connection, {h.api_key_id for h in held if h.api_key_id is not None})
        edit.adopt(_deliveries(held, carriers))
        tracker = checks.found(await claims.get(edit.connection, form.identity), "tracker", form.identity)
        return forms.Claimed(tracker=tracker, adopted=len(held))


def _deliveries(held: Sequence[trackers.Held], carriers: dict[int, int]) -> list[delivery.Delivery]:
    """Return the pings as they were delivered, those that came together in one."""
    together: dict[tuple[delivery.Sender, int], list[fix.Fix]] = {}
    for h in sorted(held, key=lambda h: (h.received_ms, h.fix.time_ms)):
        sender = delivery.Sender(
            protocol=delivery.Protocol(h.protocol),
            source=h.source,
            trust=fix.Trust(h.trust),
            api_key_id=h.api_key_id,
            carrier_id=None if h.api_key_id is None else carriers.get(h.api_key_id),
        )
        together.setdefault((sender, h.received_ms), []).append(h.fix)
    return [
        delivery.Delivery(sender=sender, messages=fixes, received_ms=received_ms)
        for (sender, received_ms), fixes in together.items()
    ]


async def get(db: database.Database, identity: str) -> claims.Tracker:
    """Return a tracker; NotFound where there is none."""
    async with db.connection() as connection:
        return checks.found(await claims.get(connection, identity), "tracker", identity)


async def page(
    db: database.Database, *, carrier: str | None = None, after: str = "", limit: int = words.PAGE
) -> list[claims.Tracker]:
    """Return trackers by identity; of one carrier where it is given."""
    async with db.connection() as connection:
        return await claims.page(connection, carrier, after, checks.limit(limit))
