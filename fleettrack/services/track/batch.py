"""One batch on its way through the pipeline: what came, what became of it, and what the steps made of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from fleettrack.domain import fix, fixes
from fleettrack.services.track import delivery, masking
from fleettrack.storage import positions, trackers

Ints = np.ndarray[Any, np.dtype[np.int64]]


class Batch:
    """The deliveries that share one transaction. Made afresh for each attempt to store them.

    Its messages are numbered 0… through all deliveries, its fixes by themselves: fix n is message `at[n]`, and came in
    delivery `owner[n]`.
    """

    def __init__(self, deliveries: Sequence[delivery.Delivery]) -> None:
        self.deliveries = deliveries
        self._ends = np.cumsum([len(d.messages) for d in deliveries], dtype=np.int64)
        self._outcomes = np.full(self._ends[-1] if len(deliveries) else 0, delivery.Outcome.STATUS, np.int8)
        self._rejects: list[list[tuple[int, fix.Reject]]] = [[] for _ in deliveries]
        self.held: list[trackers.Held] = []
        self.refused: list[trackers.Refused] = []
        self.kept: list[trackers.Refused] = []  # those of them that there is room for
        self.columns: positions.Columns | None = None
        self.history: frozenset[int] = frozenset()  # trackers whose sender lifted the bound on late custody
        self.fixes, self.at = self._split()
        self.owner: Ints = np.searchsorted(self._ends, self.at, side="right")
        self.received_ms = np.array([d.received_ms for d in deliveries], np.int64)[self.owner]  # of each fix

    def _split(self) -> tuple[fixes.Fixes, Ints]:
        """Return the fixes: first those that came as objects, then what came as columns."""
        single: list[fix.Fix] = []
        places: list[int] = []
        runs: list[fixes.Fixes] = []
        stretches: list[Ints] = []
        start = 0
        for parcel in self.deliveries:
            for piece in fixes.pieces(parcel.messages):
                if isinstance(piece, fixes.Fixes):
                    runs.append(piece)
                    stretches.append(np.arange(start, start + len(piece)))
                else:
                    for i, message in enumerate(piece, start):
                        if type(message) is fix.Fix:
                            single.append(message)
                            places.append(i)
                        elif type(message) is fix.Reject:
                            self._refuse(i, message)
                start += len(piece)
        if single:
            runs.insert(0, fixes.columns_of(single))
            stretches.insert(0, np.array(places, np.int64))
        return fixes.joined(runs), np.concatenate(stretches) if stretches else np.empty(0, np.int64)

    @property
    def answers(self) -> list[delivery.Answer]:
        """What became of each delivery."""
        outcomes, starts = self._outcomes.tolist(), [0, *self._ends[:-1].tolist()]
        return [
            delivery.Answer(outcomes=outcomes[start:end], rejects=rejects)
            for start, end, rejects in zip(starts, self._ends.tolist(), self._rejects, strict=True)
        ]

    def settle(self, messages: Ints | int, outcome: delivery.Outcome) -> None:
        """Note what became of messages."""
        self._outcomes[messages] = outcome

    def refuse_fix(self, n: int, reason: str) -> None:
        """Refuse a fix for one of REJECT_REASONS. Its bytes are gone; what was read of them is kept, but no secret."""
        refused = self.fixes.at(n)
        identity: str | None = (refused.tracker or "").partition(delivery.SECRET_MARK)[0]
        if not identity or not fix.is_identity(identity):
            identity = None
        raw = msgspec.json.encode(msgspec.structs.replace(refused, tracker=identity))
        self._refuse(
            int(self.at[n]), fix.Reject(reason=reason, raw=raw, detail=fix.REJECT_REASONS[reason], tracker=identity)
        )

    def _refuse(self, message: int, reject: fix.Reject) -> None:
        """Note a reject, to be kept and to be told to the sender, without a secret that it came with."""
        reject = masking.without_secret(reject)
        d = int(np.searchsorted(self._ends, message, side="right"))
        parcel = self.deliveries[d]
        self._outcomes[message] = delivery.Outcome.REJECTED
        self._rejects[d].append((message - (int(self._ends[d - 1]) if d else 0), reject))
        self.refused.append(
            trackers.Refused(
                reject=reject,
                received_ms=parcel.received_ms,
                protocol=parcel.sender.protocol,
                source=parcel.sender.source,
                api_key_id=parcel.sender.api_key_id,
            )
        )
