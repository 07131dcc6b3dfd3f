"""Law L5 in the visit fold: the least trust of what decided, with and without unproven fixes in between."""

from __future__ import annotations

import dataclasses

import fence_worlds as worlds
import msgspec
import numpy as np
from hypothesis import given

from fleettrack.domain.fix import E7, Trust
from fleettrack.geofence import rules, track
from fleettrack.geofence.index import FenceIndex
from fleettrack.geofence.visit import Visit
from fleettrack.geofence.visits import visits

CENTRE = (47.0, 8.0)
YARD = FenceIndex([worlds.fence(1, 1, worlds.circle(CENTRE, 0, 0, 200))])
LATER_MS = 20_000_000

Fix = tuple[float, float, float]  # seconds, metres north of the middle, m/s reported or -1


def one(proven: list[Fix], unproven: list[Fix] = []) -> Visit:  # noqa: B006  # never changed
    """Return the first visit of these fixes."""
    rows = [(fix, trust) for trust, fixes in ((Trust.API_KEY, proven), (Trust.NONE, unproven)) for fix in fixes]
    columns = [
        (1, round(s * 1000), *(round(d * E7) for d in worlds.offset(CENTRE, 0, north)), round(mps * 100), 50, -1, 0, t)
        for (s, north, mps), t in rows
    ]
    return visits(track.Track.of(*np.array(columns).T), YARD, LATER_MS)[0]


COMING: list[Fix] = [(-60, 1500, 20), (0, 150, 8)]
AWAY: list[Fix] = [(140 + 10 * i, 400.0 * i, 25) for i in range(1, 6)]


def test_many_fixes_do_not_crowd_out_the_one_that_a_slow_stretch_began_with() -> None:
    light: list[Fix] = [(115 + 1.5 * i, 0, 0) for i in range(9)]
    waiting: list[Fix] = [(5 + 8 * i, 0, 0) for i in range(12)]
    assert one([*COMING, *light, *AWAY]).rule is None
    found = one([*COMING, *light, *AWAY], waiting)
    assert (found.rule, found.trust) == ("a", Trust.NONE)
    assert waiting[0][0] * 1000 in [ms for ms, _, _ in found.deciding]
    assert len(found.deciding) == rules.DECIDING_MAX


def test_the_fix_that_a_silence_is_judged_by_decides_with_it() -> None:
    assert one([*COMING, (700, 3000, 20)]).rule is None
    found = one([*COMING, (700, 3000, 20)], [(600, 140, 8)])
    assert (found.rule, found.trust) == ("d", Trust.NONE)
    assert one([*COMING, (600, 140, 8)]).trust == Trust.API_KEY


def test_the_fix_outside_that_shows_a_short_stop_decides_with_it() -> None:
    stopped: list[Fix] = [(-60, 1500, 20), (60, 0, 0)]
    assert one([*stopped, (350, 1000, 25)]).rule == "e"
    assert one([*stopped, (350, 1000, 25)]).trust == Trust.API_KEY
    assert one(stopped, [(350, 1000, 25)]).trust == Trust.NONE


def test_a_fix_in_doubt_about_the_fence_counts_where_it_adds_to_the_standing() -> None:
    parked: list[Fix] = [(-60, 1500, 20), (60, 0, 0), (200, 0, 0)]
    assert one(parked).trust == Trust.API_KEY
    assert one(parked, [(100, 230, 6)]).trust == Trust.NONE


def test_an_arrival_takes_no_proof_from_what_came_after_it() -> None:
    parked: list[Fix] = [*COMING, (30, 0, 0), (200, 0, 0)]
    assert one(parked, [(400, 0, 0)]).trust == Trust.API_KEY


STOOD: list[Fix] = [*COMING, (30, 0, 0), (200, 0, 0), *[(250 + 30 * i, 600.0 * i, 20) for i in range(1, 4)]]
LEFT_MS = 280_000


def back(start_s: float) -> list[Fix]:
    return [(start_s + 30 * i, 0, 0) for i in range(6)]


def away(start_s: float) -> list[Fix]:
    return [(start_s + 30 * i, 600.0 * i, 20) for i in range(1, 4)]


def test_coming_back_without_proof_takes_no_proven_departure_back() -> None:
    assert (one(STOOD).exit_ms, one(STOOD).exit_trust) == (LEFT_MS, Trust.API_KEY)
    reopened = one(STOOD, back(500))
    assert (reopened.exit_ms, reopened.left) == (None, (LEFT_MS, Trust.API_KEY))
    assert one([*STOOD, *back(500)]).left is None
    assert one([*STOOD, *back(500)[1:]], back(500)[:1]).left == (LEFT_MS, Trust.API_KEY)


def test_a_departure_stands_through_any_number_of_unproven_returns() -> None:
    gone_again = one([*STOOD, *away(700)], back(500))
    assert (gone_again.exit_ms, gone_again.left) == (730_000, (LEFT_MS, Trust.API_KEY))
    assert one([*STOOD, *away(700)], [*back(500), *back(1000)]).left == (LEFT_MS, Trust.API_KEY)
    assert one(STOOD, [*back(500), *away(700), *back(1000)]).left == (LEFT_MS, Trust.API_KEY)
    proven = one([*STOOD, (950, 1500, 20), *back(1000)], [*back(500), *away(700)])
    assert (proven.exit_ms, proven.left) == (None, None)


def test_a_departure_without_proof_is_taken_back_without_proof() -> None:
    left = next(i for i, (s, _, _) in enumerate(STOOD) if s * 1000 == LEFT_MS)
    found = one([*STOOD[:left], *away(700)], [*STOOD[left:], *back(500)])
    assert (found.exit_ms, found.exit_trust, found.left) == (730_000, Trust.NONE, None)


@given(worlds.worlds())
def test_trust_decides_nothing_that_people_see(world: tuple[FenceIndex, track.Track]) -> None:
    index, fixes = world
    proven = dataclasses.replace(fixes, trust=np.full(len(fixes), int(Trust.API_KEY)))
    end_ms = int(fixes.time_ms.max()) + LATER_MS

    def seen(one: track.Track) -> list[Visit]:
        return [msgspec.structs.replace(v, trust=0, exit_trust=0, left=None) for v in visits(one, index, end_ms)]

    assert seen(fixes) == seen(proven)
