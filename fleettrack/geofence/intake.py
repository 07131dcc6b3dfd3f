"""Which fixes are believed, and how fast each says the tracker moved: the same for every fence.

Only what depends on a fix's neighbours is decided here. Believing one fix depends on the last believed, a chain; but
where no two neighbours contradict each other all are believed, so that only trackers with a contradiction are walked.
"""

from __future__ import annotations

import bisect
import dataclasses
from collections.abc import Mapping

import msgspec
import numpy as np
import numpy.typing as npt

from fleettrack.domain import fix
from fleettrack.geofence import earth, rules, track
from fleettrack.geofence.state import EMPTY, Good, TrackerState

NEVER_MS = np.iinfo(np.int64).min


@dataclasses.dataclass(frozen=True, slots=True)
class Raw:
    """A fix before it is believed."""

    time_ms: int
    lat_e7: int
    lon_e7: int
    accuracy_dm: int
    speed_cms: int
    trust: int
    xyz: earth.Point


def judge(raw: Raw, last: Good | None, last_xyz: earth.Point | None) -> tuple[Good, int]:
    """Return a fix as it would be believed, and the flag that speaks against it (or 0)."""
    if last is None or last_xyz is None:
        return Good(raw.time_ms, raw.lat_e7, raw.lon_e7, raw.accuracy_dm, raw.speed_cms, raw.speed_cms, raw.trust), 0
    metres, gap_ms = earth.apart(raw.xyz, last_xyz), raw.time_ms - last.time_ms
    proven = metres - (raw.accuracy_dm + last.accuracy_dm) / 10
    v = raw.speed_cms if raw.speed_cms >= 0 else round(metres * 1e5 / gap_ms)
    contradicts = gap_ms <= rules.NEIGHBOUR_MS and 0 <= last.v_cms < rules.STANDING_CMS
    pace = max(v, round(proven * 1e5 / gap_ms)) if contradicts else v
    good = Good(raw.time_ms, raw.lat_e7, raw.lon_e7, raw.accuracy_dm, v, pace, raw.trust)
    if proven - rules.REACH_SLACK_M > rules.REACH_MPS * gap_ms / 1000:
        return good, int(fix.Flag.IMPLAUSIBLE_SPEED)
    claims_to_stand = 0 <= raw.speed_cms < rules.STANDING_CMS and 0 <= last.pace_cms < rules.STANDING_CMS
    if claims_to_stand and gap_ms <= rules.NEIGHBOUR_MS and proven > rules.TELEPORT_M:
        return good, int(fix.Flag.TELEPORT)
    return good, 0


@dataclasses.dataclass(frozen=True, slots=True)
class Intake:
    """Fixes that could decide, by tracker and time; each tracker's begin with the last believed of its state.

    Rows [start[k], start[k + 1]) belong to trackers[k]. The first row of a tracker is always believed.
    """

    trackers: list[int]
    start: earth.Ints
    known: npt.NDArray[np.bool_]  # of tracker k: its first row comes from its state
    source: earth.Ints  # row of the caller's track, -1 for one from a state
    time_ms: earth.Ints
    lat_e7: earth.Ints
    lon_e7: earth.Ints
    accuracy_dm: earth.Ints
    v_cms: earth.Ints
    pace_cms: earth.Ints
    trust: earth.Ints
    xyz: earth.Floats
    believed: npt.NDArray[np.bool_]
    before: earth.Ints  # row of the last believed before, -1 for none
    doubted: earth.Ints  # not believed in a row, this one included
    flags: earth.Ints  # per row of the caller's track: what its neighbours say of it

    def good(self, row: int) -> tuple[Good, earth.Point]:
        """Return one row as a fix, and where it is."""
        x, y, z = self.xyz[:, row].tolist()
        return self.goods(slice(row, row + 1))[0], (x, y, z)

    def raw(self, row: int, speed_cms: earth.Ints) -> Raw:
        """Return one row before it is believed, with the speed that it reported."""
        good, xyz = self.good(row)
        return Raw(good.time_ms, good.lat_e7, good.lon_e7, good.accuracy_dm, int(speed_cms[row]), good.trust, xyz)

    def goods(self, rows: earth.Ints | slice) -> list[Good]:
        """Return these rows as fixes."""
        columns = (self.time_ms, self.lat_e7, self.lon_e7, self.accuracy_dm, self.v_cms, self.pace_cms, self.trust)
        return [Good(*values) for values in zip(*(column[rows].tolist() for column in columns), strict=True)]


def take_in(states: Mapping[int, TrackerState], fixes: track.Track) -> Intake:
    """Sort, settle contradictions of one time, and judge every fix by the one before."""
    accuracy, flags = track.accuracy_dm(fixes), np.zeros(len(fixes), dtype=np.int64)
    chosen, repeats, repeated = _one_of_each_time(fixes, accuracy, flags)
    owners, first = np.unique(fixes.tracker_id[chosen], return_index=True)
    trackers: list[int] = owners.tolist()
    before = [states.get(tracker, EMPTY) for tracker in trackers]
    newest = np.array([NEVER_MS if state.newest_ms is None else state.newest_ms for state in before], dtype=np.int64)
    if np.any(fixes.time_ms[chosen[first]] <= newest):
        raise ValueError("a fix is not newer than its tracker's state: fold it from a checkpoint before it")
    known = np.array([state.last is not None for state in before], dtype=bool)
    lasts = [state.last for state in before if state.last is not None]
    carried = np.array([msgspec.structs.astuple(g) for g in lasts])
    carried = carried.reshape(-1, len(Good.__struct_fields__)).astype(np.int64)
    at = first[known]

    def column(new: earth.Ints, old: earth.Ints) -> earth.Ints:
        return np.insert(new[chosen], at, old)

    speed = fixes.speed_cms
    intake = Intake(
        trackers=trackers,
        start=np.append(first + np.cumsum(known) - known, len(chosen) + len(at)),
        known=known,
        source=np.insert(chosen, at, -1),
        time_ms=column(fixes.time_ms, carried[:, 0]),
        lat_e7=(lat := column(fixes.lat_e7, carried[:, 1])),
        lon_e7=(lon := column(fixes.lon_e7, carried[:, 2])),
        accuracy_dm=column(accuracy, carried[:, 3]),
        v_cms=column(speed, carried[:, 4]),
        pace_cms=column(speed, carried[:, 5]),
        trust=column(fixes.trust, carried[:, 6]),
        xyz=earth.ecef(lat, lon),
        believed=np.ones(len(lat), dtype=bool),
        before=np.arange(len(lat), dtype=np.int64) - 1,
        doubted=np.zeros(len(lat), dtype=np.int64),
        flags=flags,
    )
    intake.before[intake.start[:-1]] = -1
    _judge_all(intake, before)
    flags[repeats] = flags[repeated]
    return intake


def _one_of_each_time(
    fixes: track.Track, accuracy: earth.Ints, flags: earth.Ints
) -> tuple[earth.Ints, earth.Ints, earth.Ints]:
    """Return the rows that could decide, in order, the least of each time only; repeats; and the rows they repeat.

    Those of the same time that contradict the least are marked.
    """
    intrinsic = track.intrinsic_flags(fixes)
    usable = np.flatnonzero((intrinsic & fix.UNDECIDING) == 0)
    said = (fixes.trust, fixes.speed_cms, fixes.lon_e7, fixes.lat_e7)
    keys = (*said, accuracy, intrinsic, fixes.time_ms, fixes.tracker_id)
    order = usable[np.lexsort([key[usable] for key in keys])]
    tracker, time = fixes.tracker_id[order], fixes.time_ms[order]
    least = np.ones(len(order), dtype=bool)
    least[1:] = (tracker[1:] != tracker[:-1]) | (time[1:] != time[:-1])
    chosen = order[least]
    winner = chosen[np.cumsum(least) - 1]
    elsewhere = (fixes.lat_e7[order] != fixes.lat_e7[winner]) | (fixes.lon_e7[order] != fixes.lon_e7[winner])
    flags[order[elsewhere]] = int(fix.Flag.CONFLICT)
    repeat = ~least & ~elsewhere
    return chosen, order[repeat], winner[repeat]


def _judge_all(intake: Intake, states: list[TrackerState]) -> None:
    """Judge every row by the one before at once; walk from where that may not be the last believed."""
    rows = np.flatnonzero(intake.before >= 0)
    prior = rows - 1
    gap = intake.time_ms[rows] - intake.time_ms[prior]
    metres = earth.chord(intake.xyz[:, rows], intake.xyz[:, prior])
    proven = metres - (intake.accuracy_dm[rows] + intake.accuracy_dm[prior]) / 10
    reported = intake.v_cms[rows]
    v = np.where(reported >= 0, reported, np.rint(metres * 1e5 / gap).astype(np.int64))
    near = gap <= rules.NEIGHBOUR_MS
    speed = intake.v_cms.copy()
    intake.v_cms[rows] = v
    contradicts = near & (intake.v_cms[prior] >= 0) & (intake.v_cms[prior] < rules.STANDING_CMS)
    intake.pace_cms[rows] = np.where(contradicts, np.maximum(v, np.rint(proven * 1e5 / gap).astype(np.int64)), v)
    too_fast = proven - rules.REACH_SLACK_M > rules.REACH_MPS * gap / 1000
    far_for_standing = near & (reported >= 0) & (reported < rules.STANDING_CMS) & (proven > rules.TELEPORT_M)
    suspects = rows[too_fast | far_for_standing]
    owners = np.searchsorted(intake.start, suspects, side="right") - 1
    doubting = {k: state.doubted for k, state in enumerate(states) if state.doubted}
    for k in sorted({*owners.tolist(), *doubting}):
        _walk(intake, k, doubting.get(k, 0), suspects[owners == k].tolist(), speed)


def _walk(intake: Intake, k: int, doubted: int, suspects: list[int], speed: earth.Ints) -> None:
    """Follow the chain of belief through one tracker's rows, from each suspect until it is as judged before."""
    begin, end = int(intake.start[k]), int(intake.start[k + 1])
    row = begin + 1 if doubted else suspects[0]
    last_row = row - 1
    while row < end:
        good, flag = judge(intake.raw(row, speed), *intake.good(last_row))
        if flag and doubted < rules.DOUBTED_MAX:
            doubted += 1
            intake.believed[row], intake.doubted[row], intake.flags[intake.source[row]] = False, doubted, flag
            row += 1
            continue
        in_step = last_row == row - 1 and (good.v_cms, good.pace_cms) == (intake.v_cms[row], intake.pace_cms[row])
        intake.before[row], intake.v_cms[row], intake.pace_cms[row] = last_row, good.v_cms, good.pace_cms
        doubted, last_row, row = 0, row, row + 1
        if in_step:
            row = suspects[i] if (i := bisect.bisect_left(suspects, row)) < len(suspects) else end
            last_row = row - 1
