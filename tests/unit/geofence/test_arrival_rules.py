"""Each rule of design 5 by an example, and what is no arrival."""

from __future__ import annotations

import pytest

from fleettrack.domain import fix
from fleettrack.geofence import rules, shapes, track, visits
from fleettrack.geofence.index import FenceIndex
from fleettrack.geofence.visit import FENCE_DELETED, Visit

LAT, LON = 47.0, 8.0
METRE = 1 / 111_176  # degrees of latitude, there
RADIUS_M = 200
CLOSING_S = 1_000_000

Fix = tuple[int, float, float]  # seconds, metres north of the centre, m/s reported or -1


def circle(radius_m: float = RADIUS_M, **settings: object) -> shapes.Fence:
    said = {"id": 1, "fence_id": 1, "place_id": 1, "valid_from_ms": -(10**12)} | settings
    return shapes.Fence(**said, shape=shapes.Circle(lat=LAT, lon=LON, radius_m=radius_m))  # type: ignore[arg-type]


def found(fixes: list[Fix], *fences: shapes.Fence, until_s: int = CLOSING_S, accuracy_m: float = 10) -> list[Visit]:
    columns = track.Track.of(
        [1] * len(fixes),
        [s * 1000 for s, _, _ in fixes],
        [fix.to_e7(LAT + metres * METRE) for _, metres, _ in fixes],
        [fix.to_e7(LON)] * len(fixes),
        [-1 if mps < 0 else round(mps * 100) for _, _, mps in fixes],
        [round(accuracy_m * 10)] * len(fixes),
        [track.NONE] * len(fixes),
        [0] * len(fixes),
    )
    return visits.visits(columns, FenceIndex(fences or [circle()]), until_s * 1000)


def rule(fixes: list[Fix], *fences: shapes.Fence) -> list[str | None]:
    return [visit.rule for visit in found(fixes, *fences)]


COMING: list[Fix] = [(-120, 1800, 15), (-60, 900, 15)]
GONE: Fix = (3000, 5000, 15)


def test_a_slow_fixes_over_the_halt() -> None:
    fixes = [*COMING, (0, 150, 8), (30, 0, 0), (90, 0, 0), (150, 0, 0), GONE]
    (visit,) = found(fixes)
    assert (visit.rule, visit.confirmed_ms) == ("a", 150_000)
    assert rule([*fixes[:4], (120, 0, 8), (149, 0, 0), (200, 900, 15), (260, 2000, 15)]) == [None]


def test_b_only_slow_fixes_and_one_of_them_a_halt_after_the_crossing() -> None:
    fixes = [(-200, 900, 15), (0, 0, 0), (100, 0, 0), (160, 900, 15), (220, 2000, 15)]
    (visit,) = found(fixes)
    assert visit.enter_ms == pytest.approx(-200_000 + 700 / 15 * 1000, abs=200)
    assert (visit.rule, visit.confirmed_ms) == ("b", 0)
    assert rule([(-60, 300, 3), (0, 0, 0), (90, 0, 0), (110, 900, 15), (190, 2000, 15)]) == [None]  # 117 s after


def test_c_inside_for_two_halts_without_getting_on() -> None:
    fixes: list[Fix] = [*COMING, *((s, 100.0 if s % 60 else -100.0, 3.0) for s in range(0, 270, 30)), GONE]
    (visit,) = found(fixes)
    assert (visit.rule, visit.confirmed_ms) == ("c", 240_000)
    crawling: list[Fix] = [*COMING, *((s, 199 - 1.6 * s, 1.6) for s in range(0, 241, 30)), (300, -900, 15), GONE]
    assert rule(crawling) == [None]


def test_d_silence_after_a_slow_fix_when_the_clock_says_so() -> None:
    fixes = [*COMING, (0, 100, 1)]
    assert [v.rule for v in found(fixes, until_s=299)] == [None]
    (visit,) = found(fixes, until_s=300)
    assert (visit.rule, visit.confirmed_ms) == ("d", 300_000)
    assert [v.confirmed_ms for v in found([*fixes, (2000, 5000, 15)])] == [300_000]  # whenever somebody looked


def test_d_silence_is_longer_for_whoever_reports_seldom() -> None:
    often: list[Fix] = [(-7200 + 900 * i, 13_000 + 100 * i, 15) for i in range(8)]
    assert [v.confirmed_ms for v in found([*often, (0, 100, 1)])] == [2_700_000]  # three usual intervals


def test_d_silence_after_a_moving_fix_decides_with_the_next() -> None:
    fixes = [*COMING, (0, 100, 8)]
    assert [v.rule for v in found(fixes)] == [None]  # no clock decides
    (visit,) = found([*fixes, (1500, 100, 8)])
    assert (visit.rule, visit.confirmed_ms) == ("d", 1_500_000)
    assert rule([*fixes, (900, 1500, 15), GONE]) == ["d"]  # 1.4 km in 15 minutes: it did not drive all the time
    assert rule([*fixes, (400, 4000, 15), GONE]) == [None]  # it drove on through a hole


def test_e_one_slow_fix_between_two_far_apart_in_time() -> None:
    fixes: list[Fix] = [(-60, 300, 3), (0, 0, 0), (240, 900, 12), (300, 1800, 15)]
    (visit,) = found(fixes)
    assert (visit.rule, visit.confirmed_ms, visit.exit_ms) == ("e", 240_000, 240_000)
    assert rule([(-60, 300, 3), (0, 0, 0), (170, 900, 12), (300, 1800, 15)]) == [None]  # 230 s apart
    assert rule([(-60, 300, 3), (0, 0, 5), (240, 900, 12), (300, 1800, 15)]) == [None]  # it moved


def test_e_takes_no_time_for_standing_that_the_way_needed() -> None:
    near, far = (280, 600, 15.0), (280, 2700, 15.0)
    assert rule([(-20, 300, 15), (0, 0, 0), near, GONE]) == ["e"]
    assert rule([(-20, 300, 15), (0, 0, 0), far, GONE]) == [None]


def test_e_several_slow_fixes_count_as_one_does() -> None:
    fixes: list[Fix] = [(-20, 300, 15), (0, 0, 0), (100, 0, 0), (225, 900, 15), (300, 2000, 15)]
    assert rule(fixes) == ["e"]
    assert rule([*fixes[:2], (100, 100, 5), *fixes[3:]]) == [None]


@pytest.mark.parametrize("width_m", [601, 6000])
def test_b_and_c_do_not_hold_where_there_is_room_for_through_traffic(width_m: float) -> None:
    wide, far = circle(width_m / 2), width_m / 2 + 700
    way_s = round(far / 20)
    light: list[Fix] = [(-way_s, far, 15), (0, 0, 0), (way_s, -far, 15), (way_s + 60, -far - 900, 15)]
    assert rule(light, wide) == [None]
    jam: list[Fix] = [(-way_s, far, 15), *((s, 100.0 if s % 60 else -100.0, 3.0) for s in range(0, 270, 30))]
    assert rule([*jam, (240 + way_s, -far, 15)], wide) == [None]
    parked: list[Fix] = [(-way_s, far, 15), (0, 0, 0), (60, 0, 0), (120, 0, 0)]
    assert rule(parked, wide) == ["a"]


def test_on_a_through_road_a_halt_is_longer() -> None:
    fixes: list[Fix] = [*COMING, *((s, 0.0, 0.0) for s in range(0, 281, 40)), (300, 900, 15), (360, 2000, 15)]
    assert rule(fixes) == ["a"]
    assert rule(fixes, circle(through_road=True)) == [None]


def test_a_corridor_is_a_way_and_no_place_of_arrival() -> None:
    line = ((LON - 0.01, LAT), (LON + 0.01, LAT))
    strip = shapes.Fence(
        id=1, fence_id=1, place_id=1, shape=shapes.Corridor(line=line, half_width_m=200), valid_from_ms=-(10**12)
    )
    parked: list[Fix] = [*COMING, *((s, 0.0, 0.0) for s in range(0, 900, 30)), GONE]
    assert [(v.rule, v.passed) for v in found(parked, strip)] == [(None, True)]
    assert [v.rule for v in found(parked, circle())] == ["a"]


def test_each_number_can_be_set_for_a_fence() -> None:
    fixes: list[Fix] = [*COMING, (0, 0, 0), (30, 0, 0), (70, 900, 15), (150, 2000, 15)]
    assert rule(fixes) == [None]
    assert rule(fixes, circle(rules=rules.Rules(halt_s=40))) == ["b"]
    assert rule(fixes, circle(rules=rules.Rules(halt_s=40, wide_m=100))) == [None]
    assert rule(fixes, circle(rules=rules.Rules(halt_s=30, wide_m=100))) == ["a"]


STAY: list[Fix] = [*COMING, *((s, 0.0, 0.0) for s in range(0, 241, 60))]


@pytest.mark.parametrize(("away_s", "arrivals"), [(540, 1), (700, 2)])
def test_back_within_ten_minutes_is_the_same_visit(away_s: int, arrivals: int) -> None:
    left = 300
    back = left + away_s
    away: list[Fix] = [(s, 600, 10) for s in range(left, back, 60)]
    again: list[Fix] = [(back + s, 0, 0) for s in range(0, 241, 60)]
    told = [visit for visit in found([*STAY, *away, *again]) if visit.rule]
    assert len(told) == arrivals
    assert told[-1].exit_ms is None
    assert told[0].exit_ms == (None if arrivals == 1 else left * 1000)


@pytest.mark.parametrize(("metres", "mps", "away_s", "arrivals"), [
    (450, 0, 1800, 1),  # a parked tracker that was told to be 250 m off the fence
    (450, 0, 4000, 2),  # for longer than an hour nobody knows
    (450, 5, 1800, 2),  # it was seen to move
    (900, 0, 1800, 2),  # it was far off
])  # fmt: skip
def test_what_was_never_seen_to_move_has_not_left(metres: float, mps: float, away_s: int, arrivals: int) -> None:
    away: list[Fix] = [(600, metres, mps), (600 + away_s // 2, metres, mps)]
    again: list[Fix] = [(600 + away_s + s, 0, 0) for s in range(0, 241, 60)]
    assert len([visit for visit in found([*STAY, *away, *again]) if visit.rule]) == arrivals


def test_departing_takes_two_fixes_outside_or_one_far_off_or_silence() -> None:
    out: Fix = (300, 350, 10)
    (visit,) = found([*STAY, out], until_s=599)
    assert visit.exit_ms is None
    for further in ([out], [out, (360, 350, 10)], [out, (360, 0, 10), (420, 800, 10)]):
        (visit,) = found([*STAY, *further])
        assert visit.exit_ms == (420_000 if len(further) == 3 else 300_000)
        assert visit.exit_lo_ms == (360_000 if len(further) == 3 else 240_000)
    (visit,) = found([*STAY, (300, 1500, 10)], until_s=300)
    assert visit.exit_ms == 300_000


def test_one_fix_outside_beside_many_inside_is_no_departure() -> None:
    (visit,) = found([*STAY, (300, 300, 0), (360, 0, 0)])
    assert visit.exit_ms is None


def test_a_fix_near_the_fence_moves_nothing() -> None:
    assert found([(0, 210, 0), (600, 249, 0), (1200, 205, 0)]) == []
    (visit,) = found([*STAY, *((s, 255.0, 0.0) for s in range(300, 2000, 60))])
    assert visit.exit_ms is None  # 55 m off, of which 10 may be error


@pytest.mark.parametrize(("age_s", "gap_s", "estimated"), [(100, 2000, 0), (100, 60, -40)])
def test_across_a_long_pause_the_crossing_cannot_be_estimated(age_s: int, gap_s: int, estimated: int) -> None:
    (visit,) = found([(-gap_s, 500, 15), (0, 0, 0), (age_s, 0, 0), (age_s + 200, 0, 0)])
    assert visit.lo_ms == -gap_s * 1000
    assert visit.enter_ms == pytest.approx(estimated * 1000, abs=100)


def test_whoever_was_inside_already_is_told_so() -> None:
    (visit,) = found([(0, 0, 0), (60, 0, 0), (120, 0, 0)])
    assert (visit.entry_unseen, visit.lo_ms, visit.enter_ms, visit.hi_ms, visit.rule) == (True, 0, 0, 0, "a")


def test_a_new_version_takes_over_when_the_old_is_left() -> None:
    small = circle(100, id=1, valid_to_ms=200_000)
    large = circle(2000, id=2, valid_from_ms=200_000)
    stays: list[Fix] = [*COMING, *((s, 0.0, 0.0) for s in range(0, 301, 60)), (360, 800, 10), (420, 900, 10)]
    (visit,) = found(stays, small, large)
    assert visit.exit_ms is None  # OUT of the old is IN the new
    left: list[Fix] = [(480, 3000, 15), (540, 4000, 15)]
    (visit,) = found([*stays, *left], small, large)
    assert (visit.fence_ids, visit.exit_ms) == ((1, 2), 480_000)
    (visit,) = found([(s + 1000, m, v) for s, m, v in stays], small, large)
    assert visit.fence_ids == (2,)  # no visit was open


def test_an_open_visit_keeps_the_version_it_began_with() -> None:
    large = circle(2000, id=1, valid_to_ms=200_000)
    small = circle(100, id=2, valid_from_ms=200_000)
    stays: list[Fix] = [*((s, 900.0, 0.0) for s in range(0, 601, 60))]
    (visit,) = found(stays, large, small)
    assert (visit.fence_ids, visit.exit_ms) == ((1,), None)


def test_a_deleted_fence_ends_the_visit_and_says_why() -> None:
    (visit,) = found(STAY, circle(valid_to_ms=1_000_000))
    assert (visit.rule, visit.exit_ms, visit.end_reason) == ("a", 1_000_000, FENCE_DELETED)
    (visit,) = found([*COMING, (0, 0, 8)], circle(valid_to_ms=100_000))
    assert (visit.rule, visit.passed, visit.end_reason) == (None, False, FENCE_DELETED)
    assert found([(s + 10_000, m, v) for s, m, v in STAY], circle(valid_to_ms=1_000_000)) == []


@pytest.mark.parametrize("seen", [(0,), (0, 20), (0, 20, 40)])
def test_driving_through_is_passing(seen: tuple[int, ...]) -> None:
    (visit,) = found([*COMING, *((s, 190 - 9.0 * s, 15.0) for s in seen), (70, -700, 15), (130, -1600, 15)])
    assert (visit.rule, visit.passed) == (None, True)
