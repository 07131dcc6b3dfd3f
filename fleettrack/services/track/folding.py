"""Step 4: the visit fold over what a batch changed, forwards or from a checkpoint, and its bookkeeping."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from fleettrack.geofence import clock, state, track
from fleettrack.geofence import fold as visit_fold
from fleettrack.geofence.index import FenceIndex
from fleettrack.geofence.visit import Visit
from fleettrack.services.track import diff
from fleettrack.storage import database, ledger, positions, visits

CUSTODY_BOUND_MS = 72 * 3_600_000  # older corrections are proposed to a person (law L2)
CACHED_TRACKERS = 20_000  # hot states in memory; about 2 kB each


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What the fold has to look at: rows stored just now, and times from which trackers are to be folded again."""

    columns: positions.Columns  # rows that are new, or that say something new
    again_from: Mapping[int, int]  # tracker → ms: something changed there behind its newest fix
    history: frozenset[int]  # trackers whose sender lifted the bound on late custody


class Folder:
    """Keeps hot states; everything else it needs it reads, and what it finds it writes, in the caller's transaction."""

    def __init__(self) -> None:
        self._epoch: int | None = None
        self._cache: OrderedDict[int, visits.State] = OrderedDict()  # as of that epoch: an edit may have folded anew
        self._folded: list[visits.State] = []

    def forget(self) -> None:
        """Drop what is cached, after a transaction that did not commit."""
        self._cache.clear()
        self._folded.clear()

    def committed(self) -> None:
        """Keep what the transaction just committed."""
        for kept in self._folded:
            self._cache[kept.tracker_id] = kept
            self._cache.move_to_end(kept.tracker_id)
        self._folded.clear()
        while len(self._cache) > CACHED_TRACKERS:
            self._cache.popitem(last=False)

    async def fold(
        self,
        connection: database.Connection,
        seen: Seen,
        held: Mapping[int, visits.State],
        again: Mapping[int, int],
        index: FenceIndex,
    ) -> list[visits.Change]:
        """Fold the batch; return the visits that changed, already written.

        `held` are the states of its trackers, `again` what `late` says of them.
        """
        starts, fixes = await self._starts(connection, seen, held, again)
        result = visit_fold.advance(starts, fixes, index)
        # Where nothing that could decide came after the checkpoint, its state stands, and the clock goes on from it;
        # where there is none, what the tracker's state came from decides nothing any more.
        stood = {t: starts.get(t, state.EMPTY) for t in again if t in starts or t in held}
        result = dataclasses.replace(result, states=stood | result.states)
        steps = await self._steps(connection, result, starts, held, again, index)
        changes = await self._changes(connection, steps, again, held, seen.history)
        await visits.save_changes(connection, changes)
        await visits.forget_after(connection, {t: _time(starts.get(t)) for t in again})
        await visits.save_checkpoints(connection, [(c.tracker_id, c.state) for c in result.checkpoints])
        flagged = np.flatnonzero(result.flags)
        await visits.save_flags(
            connection,
            [
                (int(fixes.tracker_id[i]), (int(fixes.time_ms[i]), int(fixes.lat_e7[i]), int(fixes.lon_e7[i])), bit)
                for i in flagged
                for bit in _bits(int(result.flags[i]))
            ],
        )
        await self._save_states(connection, result.states, held, index, seen.columns)
        return changes

    async def settle(
        self, connection: database.Connection, tracker_ids: Sequence[int], as_of_ms: int, index: FenceIndex
    ) -> list[visits.Change]:
        """Let the clock decide about these trackers; return the visits that changed, already written."""
        held = await visits.load_states(connection, tracker_ids)
        told = {t: clock.settle(s.fold, as_of_ms, index) for t, s in held.items()}
        steps = await self._onward(connection, told)
        changes = await self._changes(connection, steps, {}, held, frozenset())
        await visits.save_changes(connection, changes)
        due = {t: clock.due_ms(s.fold, index, as_of_ms) for t, s in held.items()}
        await visits.save_settled(connection, due, dict.fromkeys(held, as_of_ms))
        for tracker_id in held:
            self._cache.pop(tracker_id, None)
        return changes

    async def held(
        self, connection: database.Connection, tracker_ids: Iterable[int], epoch: int
    ) -> dict[int, visits.State]:
        """Return the states of those of these trackers that have one, as of an epoch of the configuration."""
        if epoch != self._epoch:
            self._cache.clear()
            self._epoch = epoch
        wanted = set(tracker_ids)
        found = {t: self._cache[t] for t in wanted if t in self._cache}
        missing = wanted - found.keys()
        if missing:
            found |= await visits.load_states(connection, missing)
        return found

    async def _starts(
        self,
        connection: database.Connection,
        seen: Seen,
        held: Mapping[int, visits.State],
        again: Mapping[int, int],
    ) -> tuple[dict[int, state.TrackerState], track.Track]:
        """Return the states to begin from, and the fixes since then."""
        starts = {t: s.fold for t, s in held.items() if t not in again}
        onward = _track(seen.columns)
        if not again:
            return starts, onward
        checkpoints = await visits.checkpoints_before(connection, again)
        starts |= {t: kept for t, (_, kept) in checkpoints.items()}
        rows = await positions.since(connection, {t: checkpoints[t][0] if t in checkpoints else None for t in again})
        mine = ~np.isin(onward.tracker_id, np.fromiter(again, np.int64))
        parts = [onward[np.flatnonzero(mine)], track.Track.of(*rows)]
        names = [field.name for field in dataclasses.fields(track.Track)]
        return starts, track.Track.of(*(np.concatenate([getattr(p, n) for p in parts]) for n in names))

    async def _steps(
        self,
        connection: database.Connection,
        result: visit_fold.FoldResult,
        starts: Mapping[int, state.TrackerState],
        held: Mapping[int, visits.State],
        again: Mapping[int, int],
        index: FenceIndex,
    ) -> list[diff.Step]:
        steps = await self._onward(connection, {t: v for t, v in result.visits.items() if t not in again})
        if not again:
            return steps
        told = {t: {v.key: v for v in result.visits.get(t, [])} for t in again}
        for t in again:
            settled_ms = held[t].settled_ms if t in held else None
            if settled_ms is not None and t in result.states:
                told[t] |= {v.key: v for v in clock.settle(result.states[t], settled_ms, index)}
        stored = await self._stored(connection, told, {t: _time(starts.get(t)) for t in again})
        for t, folded in told.items():
            # A stay that was open at the checkpoint and has not changed since is not told again by the fold.
            open_then = {m.visit.key: m.visit for m in starts[t].machines if m.visit} if t in starts else {}
            folded = {s.visit.key: open_then[s.visit.key] for s in stored[t] if s.visit.key in open_then} | folded
            steps += diff.again(t, stored[t], list(folded.values()))
        return steps

    async def _stored(
        self,
        connection: database.Connection,
        told: Mapping[int, Mapping[tuple[int, int], Visit]],
        after_ms: Mapping[int, int | None],
    ) -> dict[int, list[visits.Stored]]:
        """Return the visits that changed after the checkpoints, and those before that are told anew."""
        stored: dict[int, list[visits.Stored]] = {t: [] for t in told}
        for s in await visits.changed_after(connection, after_ms):
            stored[s.tracker_id].append(s)
        known = {(t, *s.visit.key) for t, found in stored.items() for s in found}
        missing = [(t, *key) for t, folded in told.items() for key in folded if (t, *key) not in known]
        for s in await visits.by_key(connection, missing) if missing else []:
            stored[s.tracker_id].append(s)
        return stored

    async def _onward(self, connection: database.Connection, told: Mapping[int, Sequence[Visit]]) -> list[diff.Step]:
        latest = {t: {v.key: v for v in seen} for t, seen in told.items() if seen}
        keys = [(t, *key) for t, seen in latest.items() for key in seen]
        stored = defaultdict(list)
        if keys:
            for s in await visits.by_key(connection, keys):
                stored[s.tracker_id].append(s)
        return [step for t, seen in latest.items() for step in diff.onward(t, stored[t], seen.values())]

    async def _changes(
        self,
        connection: database.Connection,
        steps: Sequence[diff.Step],
        again: Mapping[int, int],
        held: Mapping[int, visits.State],
        history: frozenset[int],
    ) -> list[visits.Change]:
        if steps:
            await ledger.join_writers(connection)  # before a time is taken at which visits were recorded
        wanted = [s for s in steps if s.changes]
        fresh = iter(await visits.new_ids(connection, sum(s.old is None for s in wanted)))
        changes = []
        for s in wanted:
            late = s.tracker_id in again
            kinds = s.kinds
            bound = late and s.tracker_id not in history and _beyond_bound(again[s.tracker_id], held, s.tracker_id)
            changes.append(
                visits.Change(
                    id=next(fresh) if s.old is None else s.old.id,
                    tracker_id=s.tracker_id,
                    revision=1 if s.old is None else s.old.revision + bool(kinds),
                    visit=s.new if s.new is not None else s.old.visit,  # type: ignore[union-attr]  # gone: was stored
                    before=None if s.old is None else s.old.visit,
                    kinds=kinds,
                    late=late,
                    held=bound or (s.old is not None and s.old.held),  # until a person accepts it
                )
            )
        return changes

    async def _save_states(
        self,
        connection: database.Connection,
        folded: Mapping[int, state.TrackerState],
        held: Mapping[int, visits.State],
        index: FenceIndex,
        columns: positions.Columns,
    ) -> None:
        saved = [
            visits.State(
                tracker_id=t,
                version=held[t].version + 1 if t in held else 1,
                settled_ms=held[t].settled_ms if t in held and s.last is not None else None,
                fold=s,
            )
            for t, s in folded.items()
        ]
        moments = {s.tracker_id: clock.due_ms(s.fold, index) for s in saved if s.fold.machines}
        due = {t: ms for t, ms in moments.items() if ms is not None}
        await visits.save_states(connection, saved, due, _shown(columns))
        await visits.empty_states(connection, {s.tracker_id: s.version for s in saved if s.fold.last is None})
        self._folded = saved


def late(
    columns: positions.Columns, again_from: Mapping[int, int], held: Mapping[int, visits.State], index: FenceIndex
) -> dict[int, int]:
    """Return the trackers to be folded again, each from the earliest time at which something changed."""
    again = dict(again_from)
    ids, times = columns.tracker_id, columns.fix_time
    if len(ids):
        order = np.lexsort((times, ids))
        first = order[np.r_[True, ids[order][1:] != ids[order][:-1]]]
        for t, ms in zip(ids[first].tolist(), times[first].tolist(), strict=True):
            if t in held and _is_decided(held[t], ms, index):
                again[t] = min(ms, again.get(t, ms))
    return again


def _is_decided(known: visits.State, ms: int, index: FenceIndex) -> bool:
    """Say whether something is decided that a fix of this time comes before: by a fix, or by the clock.

    What the clock told of a silence is in the visits and not in the state: going on from there would not take it back.
    """
    newest_ms, settled_ms = known.fold.newest_ms, known.settled_ms
    if newest_ms is not None and ms <= newest_ms:
        return True
    if settled_ms is None or settled_ms <= ms:
        return False
    due_ms = clock.due_ms(known.fold, index, ms)
    return due_ms is not None and due_ms <= settled_ms


def _beyond_bound(from_ms: int, held: Mapping[int, visits.State], tracker_id: int) -> bool:
    newest = held[tracker_id].fold.newest_ms if tracker_id in held else None
    return newest is not None and from_ms < newest - CUSTODY_BOUND_MS


def _track(columns: positions.Columns) -> track.Track:
    def known(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.where(values == positions.NULL32, track.NONE, values)

    return track.Track.of(
        columns.tracker_id,
        columns.fix_time,
        columns.lat_e7,
        columns.lon_e7,
        known(columns.speed_cms),
        known(columns.accuracy_dm),
        known(columns.hdop_centi),
        columns.flags,
        columns.trust,
    )


def _time(kept: state.TrackerState | None) -> int | None:
    return None if kept is None else kept.newest_ms


def _bits(flags: int) -> list[int]:
    return [1 << i for i in range(flags.bit_length()) if flags >> i & 1]


def _shown(columns: positions.Columns) -> dict[visits.Place, visits.Shown]:
    """Return what is shown of each tracker's newest row at hand (rows are in order of tracker and time)."""
    last = np.flatnonzero(np.r_[columns.tracker_id[1:] != columns.tracker_id[:-1], len(columns) > 0])
    names = ("tracker_id", "fix_time", "lat_e7", "lon_e7", "speed_cms", "course_ddeg", "received_at")
    rows = zip(*(getattr(columns, name)[last].tolist() for name in names), strict=True)
    return {(t, ms, lat, lon): visits.Shown(*beside) for t, ms, lat, lon, *beside in rows}
