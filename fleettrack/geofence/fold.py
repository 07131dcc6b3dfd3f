"""Fixes in, visits out: the first fold, over whole batches of many trackers at once.

Belief, speed, distance and membership are found on columns. Python walks only the fixes of a tracker from one inside a
fence until the tracker has left it for good. `reference.step` is the same fold one fix at a time, and its definition.
"""

from __future__ import annotations

import bisect
import dataclasses
import functools
from collections.abc import Mapping

import msgspec
import numpy as np

from fleettrack.geofence import earth, intake, passing, place, rules, state, track
from fleettrack.geofence.index import FenceIndex
from fleettrack.geofence.state import EMPTY, Good, Machine, Phase, TrackerState
from fleettrack.geofence.visit import Visit

OUTSIDE, SEVERAL = -1, -2  # instead of the number of the one fence


class Checkpoint(msgspec.Struct, frozen=True):
    """A state worth keeping: a late fix is folded from the newest one before it."""

    tracker_id: int
    time_ms: int
    state: TrackerState


@dataclasses.dataclass(frozen=True, slots=True)
class FoldResult:
    """What a batch of fixes changed."""

    states: dict[int, TrackerState]
    visits: dict[int, list[Visit]]  # by tracker: each changed visit as it now stands, in the order of the changes
    flags: earth.Ints  # per fix as given: IMPLAUSIBLE_SPEED, TELEPORT, CONFLICT, or 0
    checkpoints: list[Checkpoint]  # of one tracker in order of time
    notes: list[passing.Note]


def advance(
    states: Mapping[int, TrackerState],
    fixes: track.Track,
    index: FenceIndex,
    lanes: passing.Lanes | None = None,
) -> FoldResult:
    """Fold fixes onto the states of their trackers; a tracker without a state starts afresh.

    Every fix that could decide has to be newer than its tracker's `newest_ms` (ValueError): fold a late one from a
    checkpoint. Fixes of one time, and repeats, have to come in one call. The states given are not changed; those
    returned are of the trackers with a fix that could decide.
    """
    rows = intake.take_in(states, fixes)
    batch = _Batch(rows, [states.get(tracker, EMPTY) for tracker in rows.trackers], index)
    changed, checkpoints, final = batch.run()
    visits = {rows.trackers[k]: told for k, told in changed.items()}
    return FoldResult(final, visits, rows.flags, checkpoints, passing.notes(rows, index, lanes))


class _Batch:
    """The rows of one call; `k` is the number of a tracker in it."""

    def __init__(self, rows: intake.Intake, before: list[TrackerState], index: FenceIndex) -> None:
        self.rows, self.before, self.index = rows, before, index
        self.start: list[int] = rows.start.tolist()
        self.time_ms: list[int] = rows.time_ms.tolist()
        self.last = np.maximum.accumulate(np.where(rows.believed, np.arange(len(rows.time_ms)), 0))
        since = np.where(rows.before >= 0, rows.time_ms[rows.before], rows.time_ms - rules.GAP_MAX_MS - 1)
        counted = rows.believed & (rows.time_ms - since <= rules.GAP_MAX_MS)
        self.gaps: list[int] = (rows.time_ms - since)[counted].tolist()
        self.gaps_until: list[int] = np.cumsum(counted).tolist()
        next_hour = rows.time_ms // rules.CHECKPOINT_MS != since // rules.CHECKPOINT_MS
        self.hourly = np.flatnonzero(rows.believed & (rows.before >= 0) & next_hour).tolist()
        self.near_row, self.near_fence, self.near_m, self.sole = self._near()
        other = np.append(True, self.sole[1:] != self.sole[:-1])
        other[rows.start[:-1]] = True
        self.turns: list[int] = [*np.flatnonzero(other).tolist(), len(other)]
        self.within: list[int] = self.sole.tolist()

    def _near(self) -> tuple[list[int], list[int], list[float], earth.Ints]:
        """Return the pairs of new believed rows and fences within the margin; and of each row the fence it is inside.

        Of fences in force: OUTSIDE all of them, or inside SEVERAL.
        """
        rows, index = self.rows, self.index
        new = np.flatnonzero(rows.believed & (rows.source >= 0))
        point, fence = index.pairs(rows.lat_e7[new], rows.lon_e7[new])
        row = new[point]
        metres = index.distances(rows.xyz[:, row], fence)
        in_force = (index.valid_from[fence] <= rows.time_ms[row]) & (rows.time_ms[row] < index.valid_to[fence])
        inside = np.flatnonzero(in_force & (metres <= 0))
        sole = np.full(len(rows.time_ms), OUTSIDE, dtype=np.int64)
        sole[row[inside]] = fence[inside]
        sole[np.bincount(row[inside], minlength=len(sole)) > 1] = SEVERAL
        return row.tolist(), fence.tolist(), metres.tolist(), sole

    def run(self) -> tuple[dict[int, list[Visit]], list[Checkpoint], dict[int, TrackerState]]:
        """Fold every tracker: those inside no fence by columns only, the others also fix by fix."""
        inside = np.flatnonzero(self.sole != OUTSIDE)
        walked = set((np.searchsorted(self.rows.start, inside, side="right") - 1).tolist())
        walked.update(k for k, before in enumerate(self.before) if before.machines)
        changed: dict[int, list[Visit]] = {}
        kept: list[tuple[int, tuple[Machine, ...]]] = []
        ends: list[tuple[int, tuple[Machine, ...]]] = [(end - 1, ()) for end in self.start[1:]]
        for k in walked:
            told, moved, machines = self._walk(k)
            if told:
                changed[k] = told
            kept += moved
            ends[k] = (self.start[k + 1] - 1, machines)
        kept += [(row, ()) for row in self.hourly if bisect.bisect_right(self.start, row) - 1 not in walked]
        trackers = self.rows.trackers
        saved = [Checkpoint(trackers[k], after.last.time_ms, after) for k, after in self._states(kept) if after.last]
        return changed, saved, {trackers[k]: after for k, after in self._states(ends)}

    def _states(self, wanted: list[tuple[int, tuple[Machine, ...]]]) -> list[tuple[int, TrackerState]]:
        """Return (k, state) after each wanted row, with the machines open then."""
        at = np.array([row for row, _ in wanted], dtype=np.int64)
        columns = (
            wanted,
            (np.searchsorted(self.rows.start, at, side="right") - 1).tolist(),
            self.rows.time_ms[at].tolist(),
            self.rows.goods(self.last[at]),
            self.rows.doubted[at].tolist(),
        )
        return [
            (k, TrackerState(newest, last, doubted, self._gaps_ms(k, row), machines))
            for (row, machines), k, newest, last, doubted in zip(*columns, strict=True)
        ]

    def _gaps_ms(self, k: int, row: int) -> tuple[int, ...]:
        """Return the last gaps of tracker k up to a row."""
        new = self.gaps[self.gaps_until[self.start[k]] : self.gaps_until[row]]
        return (*self.before[k].gaps_ms, *new)[-rules.USUAL_GAPS :]

    def _usual_ms(self, k: int, row: int) -> float:
        return state.usual_ms(self._gaps_ms(k, row))

    def _walk(self, k: int) -> tuple[list[Visit], list[tuple[int, tuple[Machine, ...]]], tuple[Machine, ...]]:
        """Take tracker k's fixes one by one wherever it is at a place; return visits, rows to keep, machines."""
        rows, begin, end = self.rows, self.start[k], self.start[k + 1]
        at = {machine.place_id: machine.copy() for machine in self.before[k].machines}
        goods: list[Good] = rows.goods(slice(begin, end))
        before, believed = rows.before[begin:end].tolist(), rows.believed[begin:end].tolist()
        changed: dict[tuple[int, int], Visit] = {}
        kept: list[tuple[int, tuple[Machine, ...]]] = []
        row = begin + bool(rows.known[k])
        while row < end:
            hourly = self._next(self.hourly, row)
            stop = self._undisturbed(at, row, hourly)
            if stop > row:
                for machine in at.values():
                    if machine.phase is Phase.IN:
                        machine.last_in = goods[stop - 1 - begin]
                row = stop
                continue
            if not believed[row - begin] or not (at or self.within[row] != OUTSIDE):
                if row == hourly:
                    kept.append((row, ()))
                row += 1
                continue
            phases = {place_id: machine.phase for place_id, machine in at.items()}
            prior = before[row - begin]
            told = place.observe(
                at,
                goods[row - begin],
                goods[prior - begin] if prior >= 0 else None,
                functools.partial(self._usual_ms, k, prior),
                self._near_to(row),
                self.index,
            )
            for visit in told:
                changed.pop(visit.key, None)
                changed[visit.key] = visit
            if row == hourly or phases != {place_id: machine.phase for place_id, machine in at.items()}:
                kept.append((row, _frozen(at)))
            row += 1
        return list(changed.values()), kept, _frozen(at)

    def _undisturbed(self, at: dict[int, Machine], row: int, hourly: int) -> int:
        """Return the first row from here on that may do more than prolong a stay, or pass while a place is left behind.

        The rows before it are inside the one fence of the stay, or outside all; each stay's `last_in` is the last.
        """
        within, stop = self.within[row], min(self._next(self.turns, row + 1), hourly)
        stay = None
        for machine in at.values():
            if machine.phase is Phase.IN and stay is None:
                stay = machine
            elif machine.phase is Phase.GONE and not machine.still and machine.visit and machine.visit.exit_ms:
                terms = self.index.terms[self.index.number[machine.fence]]
                forgotten_ms = machine.visit.exit_ms + terms.merges_ms(False)
                stop = bisect.bisect_left(self.time_ms, forgotten_ms, lo=row, hi=stop)
            else:
                return row
        if within == OUTSIDE:
            return row if stay else stop
        fence = self.index.fences[within] if within != SEVERAL else None
        settled = stay and fence and fence.valid_to_ms is None and stay.pinned == (fence.id,) == (stay.fence,)
        return stop if settled else row

    def _next(self, rows: list[int], row: int) -> int:
        """Return the first of these rows that is not before a row; where there is none, one beyond all."""
        i = bisect.bisect_left(rows, row)
        return rows[i] if i < len(rows) else len(self.within)

    def _near_to(self, row: int) -> list[place.Near]:
        low = bisect.bisect_left(self.near_row, row)
        high = bisect.bisect_right(self.near_row, row, lo=low)
        return list(zip(self.near_fence[low:high], self.near_m[low:high], strict=True))


def _frozen(at: dict[int, Machine]) -> tuple[Machine, ...]:
    return tuple(at[place_id].copy() for place_id in sorted(at))
