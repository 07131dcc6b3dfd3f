"""The properties of design 5, over random worlds."""

from __future__ import annotations

import itertools

import fence_worlds as worlds
import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from fleettrack.domain.fix import Flag
from fleettrack.geofence import clock, fold, reference, rules, state, track
from fleettrack.geofence.index import FenceIndex
from fleettrack.geofence.state import EMPTY
from fleettrack.geofence.visit import Visit
from fleettrack.geofence.visits import visits

World = tuple[FenceIndex, track.Track]
HOUR = 3_600_000


def end(fixes: track.Track) -> int:
    return int(fixes.time_ms.max()) + HOUR


@given(worlds.worlds())
def test_the_fold_over_columns_is_the_fold_fix_by_fix(world: World) -> None:
    index, fixes = world
    result = fold.advance({}, fixes, index)
    states, told, flags = reference.fold(EMPTY, fixes, index)
    assert result.states == ({1: states[-1]} if states else {})
    assert worlds.by_key(result.visits) == {(1, visit.key): visit for visit in told}
    keys = zip(fixes.time_ms.tolist(), fixes.lat_e7.tolist(), fixes.lon_e7.tolist(), strict=True)
    assert result.flags.tolist() == [flags.get(key, 0) for key in keys]
    after = {after.last.time_ms: after for after in states if after.last and not after.doubted}
    assert all(after[kept.time_ms] == kept.state for kept in result.checkpoints)


@given(worlds.worlds(), st.randoms(use_true_random=False))
def test_any_order_and_repetition_gives_the_same_visits(world: World, random: object) -> None:
    index, fixes = world
    rows = [*range(len(fixes)), *range(0, len(fixes), 3)]
    random.shuffle(rows)  # type: ignore[attr-defined]
    assert visits(fixes[np.array(rows)], index, end(fixes)) == visits(fixes, index, end(fixes))


@given(worlds.worlds(), st.lists(st.integers(0, 60), max_size=5))
def test_batches_and_restarts_change_nothing(world: World, cuts: list[int]) -> None:
    index, fixes = world
    whole = fold.advance({}, fixes, index)
    times = np.unique(fixes.time_ms)
    bounds = sorted({int(times[min(cut, len(times) - 1)]) for cut in cuts} | {int(times[0]), int(times[-1]) + 1})
    states: dict[int, state.TrackerState] = {}
    told, flags = {}, np.zeros(len(fixes), dtype=np.int64)
    for low, high in itertools.pairwise(bounds):
        rows = np.flatnonzero((fixes.time_ms >= low) & (fixes.time_ms < high))
        result = fold.advance(states, fixes[rows], index)
        states |= {t: state.decode(state.encode(after)) for t, after in result.states.items()}
        told |= worlds.by_key(result.visits)
        flags[rows] = result.flags
    assert states == whole.states
    assert told == worlds.by_key(whole.visits)
    assert flags.tolist() == whole.flags.tolist()


@given(worlds.worlds(), st.integers(1, 4))
def test_a_visit_arrives_at_most_once_and_before_the_next_at_its_place(world: World, size: int) -> None:
    index, fixes = world
    times = np.unique(fixes.time_ms)
    states: dict[int, state.TrackerState] = {}
    told: dict[tuple[int, int], list[Visit]] = {}
    for first in range(0, len(times), size):
        result = fold.advance(states, fixes[np.isin(fixes.time_ms, times[first : first + size])], index)
        states |= result.states
        for visit in result.visits.get(1, []):
            told.setdefault(visit.key, []).append(visit)
    for story in told.values():
        arrivals = [(visit.rule, visit.confirmed_ms) for visit in story if visit.rule]
        assert len(set(arrivals)) <= 1
        assert [visit.rule is None for visit in story] == sorted((visit.rule is None for visit in story), reverse=True)
    arrived = sorted(
        (story[-1] for story in told.values() if story[-1].rule), key=lambda v: (v.place_id, v.first_in_ms)
    )
    for one, after in itertools.pairwise(arrived):
        if one.place_id == after.place_id:
            assert one.exit_ms is not None
            assert one.exit_ms <= after.enter_ms


@given(worlds.worlds(), st.integers(0, 40))
def test_folding_on_from_any_checkpoint_comes_to_the_same_end(world: World, which: int) -> None:
    index, fixes = world
    whole = fold.advance({}, fixes, index)
    assume(whole.checkpoints)
    kept = whole.checkpoints[which % len(whole.checkpoints)]
    rest = fixes[np.flatnonzero(fixes.time_ms > kept.time_ms)]
    assert (fold.advance({1: kept.state}, rest, index).states or {1: kept.state}) == whole.states


@given(worlds.worlds(), worlds.worlds())
def test_trackers_do_not_touch_each_other(one: World, other: World) -> None:
    index, mine = one
    _, theirs = other
    theirs = track.Track.of(np.full(len(theirs), 2), *(getattr(theirs, n) for n in track.Track.__slots__[1:]))
    both, alone = fold.advance({}, worlds.together(theirs, mine), index), fold.advance({}, mine, index)
    assert both.states.get(1) == alone.states.get(1)
    assert both.visits.get(1) == alone.visits.get(1)


@given(worlds.worlds(), st.lists(st.integers(0, 4000), max_size=4))
def test_looking_at_the_clock_changes_nothing(world: World, looks: list[int]) -> None:
    index, fixes = world
    states: dict[int, state.TrackerState] = {}
    told = {}
    for time in np.unique(fixes.time_ms).tolist():
        result = fold.advance(states, fixes[np.flatnonzero(fixes.time_ms == time)], index)
        states |= result.states
        told |= worlds.by_key(result.visits)
        for s in looks:
            for tracker in states.values():
                before = state.encode(tracker)
                clock.settle(tracker, time + s * 1000, index)
                assert state.encode(tracker) == before
    for tracker in states.values():
        told |= {(1, visit.key): visit for visit in clock.settle(tracker, end(fixes), index)}
    assert list(told.values()) == [told[1, v.key] for v in told.values()]
    assert {v.key: v for v in told.values()} == {v.key: v for v in visits(fixes, index, end(fixes))}


@given(worlds.worlds(), st.integers(0, 4000))
def test_what_the_clock_decides_the_next_fix_confirms(world: World, later_s: int) -> None:
    """A tick and then a fix far away tells of each visit open before the same as the fix alone."""
    index, fixes = world
    states = fold.advance({}, fixes, index).states
    assume(states)
    tracker = states[1]
    assert tracker.newest_ms is not None
    at = tracker.newest_ms + 1 + later_s * 1000
    settled = {v.key: v for v in clock.settle(tracker, at, index)}
    far = track.Track.of([1], [at], [0], [0], [-1], [-1], [-1], [0])
    result = fold.advance(states, far, index)
    folded = {v.key: v for v in result.visits.get(1, [])}
    for key, visit in settled.items():
        by_silence = visit.rule == "d" and visit.confirmed_ms and visit.confirmed_ms > tracker.newest_ms
        if by_silence and not result.flags[0]:
            assert folded[key].confirmed_ms == visit.confirmed_ms
            assert folded[key].rule == "d"


@given(worlds.worlds())
def test_the_clock_says_when_to_look_next(world: World) -> None:
    index, fixes = world
    for tracker in fold.advance({}, fixes, index).states.values():
        due = clock.due_ms(tracker, index)
        if due is None:
            assert clock.settle(tracker, end(fixes) * 2, index) == []
            continue
        assert clock.settle(tracker, due - 1, index) == []
        assert clock.settle(tracker, due, index)
        later = clock.due_ms(tracker, index, due)
        assert later is None or later > due


@given(worlds.worlds())
def test_visits_are_in_order_and_have_their_evidence(world: World) -> None:
    index, fixes = world
    deciding = {
        (t, la, lo)
        for t, la, lo, flags in zip(
            fixes.time_ms.tolist(), fixes.lat_e7.tolist(), fixes.lon_e7.tolist(), fixes.flags.tolist(), strict=True
        )
        if not flags & ~int(Flag.ROLLOVER)
    }
    found = visits(fixes, index, end(fixes))
    assert len({visit.key for visit in found}) == len(found)
    for visit in found:
        assert visit.lo_ms <= visit.enter_ms <= visit.hi_ms == visit.first_in_ms
        assert 0 < len(visit.deciding) <= 10
        assert len(visit.exit_deciding) <= 3
        assert {*visit.deciding, *visit.exit_deciding} <= deciding
        assert (visit.rule is None) == (visit.confirmed_ms is None)
        assert not (visit.passed and visit.rule)
        if visit.confirmed_ms is not None:
            assert visit.hi_ms <= visit.confirmed_ms
        if visit.exit_ms is not None:
            assert visit.exit_lo_ms is not None
            assert visit.exit_lo_ms <= visit.exit_ms == visit.exit_hi_ms <= visit.last_ms


def _each_state(fixes: track.Track, index: FenceIndex) -> list[state.Good]:
    """Every fix that was believed."""
    states, _, _ = reference.fold(EMPTY, fixes, index)
    return [after.last for after in states if after.last]


@given(worlds.worlds())
def test_no_arrival_without_a_slow_a_repeated_or_a_last_fix_inside(world: World) -> None:
    index, fixes = world
    keys = zip(fixes.time_ms.tolist(), fixes.lat_e7.tolist(), fixes.lon_e7.tolist(), strict=True)
    reported = dict(zip(keys, fixes.speed_cms.tolist(), strict=True))
    believed = sorted({kept.time_ms for kept in _each_state(fixes, index)})
    for visit in visits(fixes, index, end(fixes)):
        if visit.rule is None:
            continue
        inside = [spot for spot in visit.deciding if spot[0] >= visit.first_in_ms]
        slow = any(reported[spot] < rules.STANDING_CMS for spot in inside)  # or without a report, as by displacement
        after = min((time for time in believed if time > inside[-1][0]), default=end(fixes))
        assert slow or len(inside) > 1 or after - inside[-1][0] >= 300_000
        assert slow or visit.rule in "cd"
        pinned = [i for i, f in enumerate(index.fences) if f.id in visit.fence_ids]
        assert all(index.nearest(pinned, lat, lon) <= 0 for _, lat, lon in inside)


@given(
    st.sampled_from(worlds.CENTRES),
    st.floats(1.6, 44.0),
    st.lists(st.sampled_from((1, 10, 30, 60, 119, 121, 300, 700)), min_size=1, max_size=6),
    st.booleans(),
    st.booleans(),
    st.integers(0, 300),
)
def test_constant_speed_through_a_wide_fence_never_arrives(
    centre: tuple[float, float], speed: float, cadence: list[int], reports: bool, road: bool, first: int
) -> None:
    index = FenceIndex([worlds.fence(1, 1, worlds.circle(centre, 0, 0, 1500), through_road=road)])
    rows, t, i = [], first, 0
    while t * speed < 8000 and len(rows) < 400:
        lat, lon = worlds.offset(centre, 0, -4000 + t * speed)
        v = round(speed * 100) if reports else -1
        rows.append((1, worlds.T0 + t * 1000, round(lat * 1e7), round(lon * 1e7), v, 40, -1, 0))
        t, i = t + cadence[i % len(cadence)], i + 1
    assume(rows)
    found = visits(track.Track.of(*np.array(rows).T), index, worlds.T0 + t * 1000 + HOUR)
    assert [visit for visit in found if visit.rule] == []


def test_a_stay_is_judged_by_the_rules_of_the_version_that_took_it_over() -> None:
    """OUT of the old fence and not yet in the new one; then in the new one, for long; then a little outside of it."""
    centre, moved = worlds.CENTRES[0], worlds.T0 + 600_000
    index = FenceIndex(
        [
            worlds.fence(1, 1, worlds.circle(centre, 0, 0, 100), valid_to_ms=moved),
            worlds.fence(2, 1, worlds.circle(centre, 300, 0, 100), valid_from_ms=moved, rules=worlds.MOVED),
        ]
    )
    way = [(0, 1000, 10), *((60 * n, 0, 0) for n in range(1, 11)), (660, 160, 3), (720, 300, 0), (780, 300, 0)]
    way += [(840, 300, 0), (900, 520, 6), (930, 530, 6), (960, 300, 0), (1020, 300, 0)]
    rows = [
        (1, worlds.T0 + seconds * 1000, *(round(x * 1e7) for x in worlds.offset(centre, east, 0)), mps * 100, 40, -1, 0)
        for seconds, east, mps in way
    ]
    fixes = track.Track.of(*np.array(rows, dtype=np.int64).T)
    states, told, _ = reference.fold(EMPTY, fixes, index)
    result = fold.advance({}, fixes, index)
    assert result.states == {1: states[-1]}
    assert [visit.exit_ms for visit in told] == [None] * len(told)
    assert worlds.by_key(result.visits) == {(1, visit.key): visit for visit in told}
