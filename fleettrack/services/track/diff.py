"""What changed between the visits as stored and as folded again: the next revision of each (design 5, late fixes)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from fleettrack.geofence.visit import Visit
from fleettrack.storage import visits

SAME_VISIT_MS = 600_000  # entries closer than this may be one visit seen anew

ENTRY = ("enter_ms", "lo_ms", "hi_ms")
TOLD = (*ENTRY, "rule", "exit_ms", "confirmed_ms", "trust", "exit_trust", "left")
"""The fields that people and custody hang on; the others are the fold's own."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A visit that is new, changed, gone, or found again as it was. `old` None: new; `new` None: gone."""

    tracker_id: int
    old: visits.Stored | None
    new: Visit | None

    @property
    def kinds(self) -> tuple[str, ...]:
        """The facts that this step brings, in their order; none where only the fold's own record changed."""
        if self.new is None:
            return ("retracted",)
        return _news(None if self.old is None else self.old.visit, self.new)

    @property
    def changes(self) -> bool:
        """Whether there is anything to write."""
        return self.old is None or self.old.visit != self.new


def _news(old: Visit | None, new: Visit) -> tuple[str, ...]:
    kinds = []
    if old is None:
        kinds.append("entered")
    if new.passed and not (old is not None and old.passed):
        kinds.append("passed")
    if new.rule is not None and (old is None or old.rule is None):
        kinds.append("arrived")
    if new.exit_ms is not None and new.rule is not None and (old is None or old.exit_ms is None):
        kinds.append("departed")
    if old is not None and old.exit_ms is not None and new.exit_ms is None:
        kinds.append("reopened")
    if new.end_reason is not None and (old is None or old.end_reason is None):
        kinds.append("ended")
    if old is not None and _restated(old, new, ENTRY if kinds else TOLD):
        kinds.append("corrected")
    return tuple(kinds)


def _restated(old: Visit, new: Visit, fields: tuple[str, ...]) -> bool:
    return any(getattr(old, f) != getattr(new, f) for f in fields)


def onward(tracker_id: int, stored: Iterable[visits.Stored], folded: Iterable[Visit]) -> list[Step]:
    """Return the steps of a fold that went on where it stood: visits keep the key they have."""
    known = {s.visit.key: s for s in stored}
    return [Step(tracker_id=tracker_id, old=known.get(v.key), new=v) for v in folded]


def again(tracker_id: int, stored: Sequence[visits.Stored], folded: Sequence[Visit]) -> list[Step]:
    """Return the steps of a fold that began anew from a checkpoint: visits keep their ids as far as they can.

    The same place and first fix is the same visit; then greedy by overlap or by entries less than SAME_VISIT_MS
    apart, ties to the earlier, each old one once.
    """
    steps = []
    matched: set[int] = set()
    known = {s.visit.key: s for s in stored}
    rest = []
    for visit in folded:
        same = known.get(visit.key)
        if same is None:
            rest.append(visit)
        else:
            matched.add(same.id)
            steps.append(Step(tracker_id=tracker_id, old=same, new=visit))
    free = defaultdict(list)
    for s in stored:
        if s.id not in matched:
            free[s.visit.place_id].append(s)
    for visit in sorted(rest, key=lambda v: (v.enter_ms, v.place_id)):
        near = [s for s in free[visit.place_id] if _may_be_same(s.visit, visit)]
        old = min(near, key=lambda s: (abs(s.visit.enter_ms - visit.enter_ms), s.visit.enter_ms), default=None)
        if old is not None:
            free[visit.place_id].remove(old)
        steps.append(Step(tracker_id=tracker_id, old=old, new=visit))
    return steps + [Step(tracker_id=tracker_id, old=s, new=None) for gone in free.values() for s in gone]


def _may_be_same(old: Visit, new: Visit) -> bool:
    if abs(old.enter_ms - new.enter_ms) < SAME_VISIT_MS:
        return True
    old_end = old.exit_ms if old.exit_ms is not None else old.last_ms
    new_end = new.exit_ms if new.exit_ms is not None else new.last_ms
    return old.enter_ms <= new_end and new.enter_ms <= old_end
