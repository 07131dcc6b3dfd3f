"""One batch on its way through the pipeline: what came, what became of it, and what the steps made of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from fleettrack.domain import fix
from fleettrack.services.track import delivery, masking
from fleettrack.storage import positions, trackers


class Batch:
    """The deliveries that share one transaction. Made afresh for each attempt to store them.

    Its fixes are numbered 0…; `owner[n]` is the delivery that fix n came in, `index[n]` its place there.
    """

    def __init__(self, deliveries: Sequence[delivery.Delivery]) -> None:
        self.deliveries = deliveries
        self.answers = [
            delivery.Answer(outcomes=[int(delivery.Outcome.STATUS)] * len(d.messages), rejects=[]) for d in deliveries
        ]
        self.fixes: list[fix.Fix] = []
        self.owner: list[int] = []
        self.index: list[int] = []
        self.held: list[trackers.Held] = []
        self.refused: list[trackers.Refused] = []
        self.columns: positions.Columns | None = None
        self.history: set[int] = set()  # trackers whose sender lifted the bound on late custody
        self._split()

    def _split(self) -> None:
        for d, parcel in enumerate(self.deliveries):
            for i, message in enumerate(parcel.messages):
                if type(message) is fix.Fix:
                    self.fixes.append(message)
                    self.owner.append(d)
                    self.index.append(i)
                elif type(message) is fix.Reject:
                    self.refuse(d, i, message)

    def settle(self, numbers: Iterable[int], outcome: delivery.Outcome) -> None:
        """Note what became of fixes."""
        answers, owner, index, became = self.answers, self.owner, self.index, int(outcome)
        for n in numbers:
            answers[owner[n]].outcomes[index[n]] = became

    def refuse_fix(self, n: int, reason: str) -> None:
        """Refuse a fix for one of REJECT_REASONS. Its bytes are gone; what was read of them is kept, but no secret."""
        identity: str | None = (self.fixes[n].tracker or "").partition(delivery.SECRET_MARK)[0]
        if not identity or not fix.is_identity(identity):
            identity = None
        raw = msgspec.json.encode(msgspec.structs.replace(self.fixes[n], tracker=identity))
        reject = fix.Reject(reason=reason, raw=raw, detail=fix.REJECT_REASONS[reason], tracker=identity)
        self.refuse(self.owner[n], self.index[n], reject)

    def refuse(self, d: int, i: int, reject: fix.Reject) -> None:
        """Note a reject, to be kept and to be told to the sender, without a secret that it came with."""
        reject = masking.without_secret(reject)
        parcel = self.deliveries[d]
        self.answers[d].outcomes[i] = delivery.Outcome.REJECTED
        self.answers[d].rejects.append((i, reject))
        self.refused.append(
            trackers.Refused(
                reject=reject,
                received_ms=parcel.received_ms,
                protocol=parcel.sender.protocol,
                source=parcel.sender.source,
                api_key_id=parcel.sender.api_key_id,
            )
        )
