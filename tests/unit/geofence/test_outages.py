"""Law L6 in the visit fold: our own outage is never taken for a tracker's silence."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fleettrack.domain import fix
from fleettrack.geofence import calendar, fold, shapes, track, visits
from fleettrack.geofence.index import FenceIndex
from fleettrack.geofence.visit import Visit

LAT, LON = 47.0, 8.0
METRE = 1 / 111_200  # degrees of latitude
EVERY_S = 30
HALT_S, SILENCE_S = 120, 300
RETURN_S = calendar.RETURN_MS // 1000

Fix = tuple[int, float, float]  # seconds, metres north of the fence's centre, m/s


def index(*outages: tuple[int, int]) -> FenceIndex:
    """A fence of 200 m round the centre, and our outages in seconds."""
    fence = shapes.Fence(
        id=1, fence_id=1, place_id=1, shape=shapes.Circle(lat=LAT, lon=LON, radius_m=200), valid_from_ms=-(10**12)
    )
    return FenceIndex([fence], outages=calendar.Calendar((a * 1000, b * 1000) for a, b in outages))


def columns(fixes: list[Fix]) -> track.Track:
    return track.Track.of(
        [1] * len(fixes),
        [s * 1000 for s, _, _ in fixes],
        [fix.to_e7(LAT + metres * METRE) for _, metres, _ in fixes],
        [fix.to_e7(LON)] * len(fixes),
        [round(mps * 100) for _, _, mps in fixes],
        [100] * len(fixes),
        [track.NONE] * len(fixes),
        [0] * len(fixes),
    )


def arrivals(fixes: list[Fix], fences: FenceIndex, as_of_s: int) -> list[Visit]:
    return [visit for visit in visits.visits(columns(fixes), fences, as_of_s * 1000) if visit.rule]


def lost(fixes: list[Fix], start: int, end: int) -> list[Fix]:
    """What reaches us of these when nobody listens for a while and devices keep nothing."""
    return [f for f in fixes if not start <= f[0] < end]


def stay(length_s: int) -> list[Fix]:
    """Drive up at 15 m/s, stand at the centre from second 0 on, drive on."""
    coming = [(-s, 15.0 * s, 15.0) for s in range(150, 0, -EVERY_S)]
    standing = [(s, 0.0, 0.0) for s in range(0, length_s, EVERY_S)]
    going = [(length_s + s, -15.0 * s, 15.0) for s in range(EVERY_S, 150, EVERY_S)]
    return coming + standing + going


def through(start_s: int, slow_s: int) -> list[Fix]:
    """Drive through at 15 m/s with one slow fix inside: a red light."""
    return [(start_s + s, 15.0 * (slow_s - s), 0.5 if s == slow_s else 15.0) for s in range(0, 300, EVERY_S)]


@given(
    began=st.integers(0, 600),
    length=st.integers(20, 7200),
    rest=st.integers(RETURN_S + SILENCE_S, 2 * RETURN_S + 2 * SILENCE_S),
)
def test_an_outage_in_a_real_stop_only_delays_its_confirmation(began: int, length: int, rest: int) -> None:
    whole = stay(began + length + rest)
    end = whole[-1][0] + 86_400
    (truth,) = arrivals(whole, index(), end)
    (found,) = arrivals(lost(whole, began, began + length), index((began, began + length)), end)
    assert (found.exit_ms, found.first_in_ms) == (truth.exit_ms, truth.first_in_ms if began else found.first_in_ms)
    assert found.lo_ms <= truth.enter_ms <= found.hi_ms or truth.lo_ms <= found.enter_ms <= truth.hi_ms
    assert found.confirmed_ms is not None
    assert truth.confirmed_ms is not None
    assert found.confirmed_ms >= truth.confirmed_ms


@given(began=st.integers(1, SILENCE_S - 1), length=st.integers(20, 7200))
def test_a_stop_in_silence_is_confirmed_when_it_could_have_been_heard(began: int, length: int) -> None:
    """A truck stops, and nothing comes from it any more: the clock decides, but the outage counts for nothing."""
    known, fences = [f for f in stay(30) if f[0] <= 0], index((began, began + length))
    due = began + length + RETURN_S + SILENCE_S - began
    (found,) = arrivals(known, fences, due)
    assert (found.rule, found.confirmed_ms) == ("d", due * 1000)
    assert arrivals(known, fences, due - 1) == []


@given(
    slow_s=st.integers(0, 9).map(lambda i: i * EVERY_S),
    began=st.integers(-30, 330),
    length=st.integers(60, 7200),
    late=st.integers(0, RETURN_S),
    turns=st.integers(0, 9).map(lambda i: i * EVERY_S),
)
@example(slow_s=90, began=121, length=120, late=30, turns=30)  # the gap is shorter than any silence
@example(slow_s=240, began=241, length=110, late=0, turns=0)  # and than any stop
def test_the_pause_itself_makes_nobody_arrive(slow_s: int, began: int, length: int, late: int, turns: int) -> None:
    """A truck drives through, and through again after the outage; its device takes a while to find us again."""
    first, second = through(0, slow_s), through(began + length, turns)
    known = lost(first + [f for f in second if f[0] > first[-1][0]], began, began + length + late)
    fences = index((began, began + length))
    assert arrivals(known, fences, began + length + late) == []
    assert arrivals(known, fences, max([began + length + late, *(f[0] for f in known)])) == []


@pytest.mark.parametrize(
    ("every_s", "gap_s", "told"),
    [
        pytest.param(50, 140, [], id="two fixes are missing"),
        pytest.param(100, 150, [], id="one may be missing"),
        pytest.param(100, 149, ["a"], id="hardly longer than usual"),
        pytest.param(300, 300, ["a"], id="as long as usual"),
    ],
)
def test_what_lies_before_a_gap_counts_after_it_unless_we_missed_a_fix(
    every_s: int, gap_s: int, told: list[str]
) -> None:
    """A truck is seen standing at both ends of an outage, and drives on before it has stood for long enough again."""
    coming = [(-s, 15.0 * s, 15.0) for s in range(7 * every_s, 0, -every_s)]
    known = [*coming, (0, 0.0, 0.0), (gap_s, 0.0, 0.0), (gap_s + every_s, -15.0 * every_s, 15.0)]
    assert [visit.rule for visit in arrivals(known, index((1, gap_s)), gap_s + every_s)] == told


def test_without_our_calendar_it_would() -> None:
    """So that the test above is known to bite: the same truck, and an outage nobody noted."""
    first, second = through(0, 150), through(1200, 150)
    for outage in ((160, 1190), (140, 1340), (160, 1340)):
        known = lost(first + second, *outage)
        assert arrivals(known, index(), known[-1][0])
        assert not arrivals(known, index(outage), known[-1][0])


moves = st.lists(st.tuples(st.integers(1, 900), st.floats(-600, 600), st.sampled_from([0.0, 0.5, 10.0])), max_size=25)
absences = st.lists(
    st.tuples(st.integers(0, 8_000), st.integers(1, 3_000)).map(lambda p: (p[0], p[0] + p[1])), max_size=3
)


@given(moves, absences, st.randoms(use_true_random=False))
def test_order_and_batches_change_nothing(
    steps: list[tuple[int, float, float]], outages: list[tuple[int, int]], rng: random.Random
) -> None:
    times = itertools.accumulate(step for step, _, _ in steps)
    fixes = [(at, metres, mps) for at, (_, metres, mps) in zip(times, steps, strict=True)]
    fences = index(*outages)
    end_ms = 100_000_000
    expected = visits.visits(columns(fixes), fences, end_ms)
    shuffled = [*fixes, *fixes[::2]]
    rng.shuffle(shuffled)
    assert visits.visits(columns(shuffled), fences, end_ms) == expected

    states, known, rest = {}, {}, list(fixes)
    while rest:
        size = rng.randint(1, 4)
        batch, rest = rest[:size], rest[size:]
        result = fold.advance(states, columns(batch), fences)
        states |= result.states
        known |= {visit.key: visit for visit in result.visits.get(1, [])}
    known |= {visit.key: visit for state in states.values() for visit in visits.clock.settle(state, end_ms, fences)}
    assert sorted(known.values(), key=lambda v: (v.first_in_ms, v.place_id)) == expected


@given(moves)
def test_an_outage_at_another_time_changes_nothing(steps: list[tuple[int, float, float]]) -> None:
    times = itertools.accumulate(step for step, _, _ in steps)
    fixes = [(at, metres, mps) for at, (_, metres, mps) in zip(times, steps, strict=True)]
    end_s = 50_000
    before_and_after = index((-9_000, -1_000), (end_s, end_s + 9_000))
    assert visits.visits(columns(fixes), before_and_after, end_s * 1000) == visits.visits(
        columns(fixes), index(), end_s * 1000
    )


@pytest.mark.parametrize("buffered", [True, False])
def test_what_a_device_kept_decides_as_if_nothing_had_been(buffered: bool) -> None:
    whole = stay(600)
    outage = (60, 500)
    known = whole if buffered else lost(whole, *outage)
    found = arrivals(known, index(outage), 10_000)
    if buffered:
        assert found == arrivals(whole, index(), 10_000)
    else:
        assert [visit.rule for visit in found] == []  # 90 s before it, and 100 s after it, are no stop of 120 s
