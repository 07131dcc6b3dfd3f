"""One batch on its way through the pipeline: what came, what became of it, and what the steps made of it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from fleettrack.domain import fix
from fleettrack.services.track import delivery
from fleettrack.storage import positions, trackers


class Item(msgspec.Struct, frozen=True, gc=False):
    """One fix of the batch and where it stands in its delivery."""

    fix: fix.Fix
    delivery: int
    index: int


class Batch:
    """The deliveries that share one transaction. Made afresh for each attempt to store them."""

    def __init__(self, deliveries: Sequence[delivery.Delivery]) -> None:
        self.deliveries = deliveries
        self.answers = [
            delivery.Answer(outcomes=[delivery.Outcome.PENDING] * len(d.messages), rejects=[]) for d in deliveries
        ]
        self.items: list[Item] = []
        self.held: list[trackers.Held] = []
        self.refused: list[trackers.Refused] = []
        self.columns: positions.Columns | None = None
        self.history: set[int] = set()  # trackers whose sender lifted the bound on late custody
        self.late_from: dict[int, int] = {}  # tracker → time of its earliest fix that changes what was decided
        self._split()

    def _split(self) -> None:
        for d, parcel in enumerate(self.deliveries):
            outcomes = self.answers[d].outcomes
            for i, message in enumerate(parcel.messages):
                if type(message) is fix.Fix:
                    self.items.append(Item(message, d, i))
                elif type(message) is fix.Reject:
                    self.refuse(d, i, message)
                else:
                    outcomes[i] = delivery.Outcome.STATUS

    def settle(self, item: Item, outcome: delivery.Outcome) -> None:
        """Note what became of a fix."""
        self.answers[item.delivery].outcomes[item.index] = outcome

    def refuse(self, d: int, i: int, reject: fix.Reject) -> None:
        """Note a reject, to be kept and to be told to the sender."""
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
