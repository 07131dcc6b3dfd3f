"""What may have happened between two fixes far apart in time: told to people, never an arrival."""

from __future__ import annotations

import pytest

from fleettrack.domain import fix
from fleettrack.geofence import calendar, fold, passing, shapes, track
from fleettrack.geofence.index import FenceIndex

LAT, LON = 47.0, 8.0
METRE = 1 / 111_176

Fix = tuple[int, float]  # seconds, metres north of the fence's centre


def notes(
    fixes: list[Fix], usual_s: float | None = None, outages: calendar.Calendar = calendar.ALWAYS, **settings: int
) -> list[passing.Note]:
    fence = shapes.Fence(
        id=1,
        fence_id=1,
        place_id=5,
        shape=shapes.Circle(lat=LAT, lon=LON, radius_m=200),
        **{"valid_from_ms": -(10**12)} | settings,  # type: ignore[arg-type]
    )
    none = [track.NONE] * len(fixes)
    columns = track.Track.of(
        [3] * len(fixes),
        [s * 1000 for s, _ in fixes],
        [fix.to_e7(LAT + metres * METRE) for _, metres in fixes],
        [fix.to_e7(LON)] * len(fixes),
        none,
        none,
        none,
        [0] * len(fixes),
    )
    asked: list[tuple[int, int, int, int]] = []

    def lanes(*key: int) -> float | None:
        asked.append(key)  # type: ignore[arg-type]
        return usual_s

    result = fold.advance({}, columns, FenceIndex([fence], outages=outages), lanes)
    assert all(key == (3, 5, note.from_ms, note.to_ms) for key, note in zip(asked, result.notes, strict=True))
    assert [visit for told in result.visits.values() for visit in told if visit.rule] == []
    return result.notes


def test_a_straight_way_through_the_fence_may_have_passed_it() -> None:
    assert notes([(0, -3000), (300, 3000)]) == [passing.Note(3, 5, 0, 300_000, suspected=False)]


@pytest.mark.parametrize(
    "fixes",
    [
        [(0, -3000), (299, 3000)],  # too short to hide a stop
        [(0, -3000), (600, -1000)],  # beside it
        [(0, -100), (600, 3000)],  # from inside
        [(0, 3000), (600, 100)],  # to inside
        [(0, -60_000), (3600, 60_000)],  # too far for a straight line to mean anything
    ],
)
def test_other_gaps_tell_nothing(fixes: list[Fix]) -> None:
    assert notes(fixes) == []


def test_through_it_only_while_it_is_in_force() -> None:
    assert notes([(0, -3000), (300, 3000)], valid_to_ms=300_000) == []
    assert len(notes([(0, -3000), (300, 3000)], valid_to_ms=300_001)) == 1


@pytest.mark.parametrize(("gap_s", "suspected"), [(899, False), (900, True)])
def test_much_longer_than_the_lane_usually_takes_is_suspicious(gap_s: int, suspected: bool) -> None:
    (note,) = notes([(0, -3000), (gap_s, 3000)], usual_s=300)
    assert note.suspected == suspected


def test_our_own_outage_is_not_suspicious() -> None:
    (note,) = notes([(0, -3000), (1500, 3000)], 300, calendar.Calendar([(100_000, 1_000_000)]))
    assert not note.suspected


def test_each_gap_and_place_is_told_once() -> None:
    there_and_back: list[Fix] = [(0, -3000), (600, 3000), (1200, -3000)]
    assert [(note.from_ms, note.to_ms) for note in notes(there_and_back)] == [(0, 600_000), (600_000, 1_200_000)]
