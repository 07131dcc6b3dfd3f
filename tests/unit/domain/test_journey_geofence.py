"""What visits alone do to custody (design 6)."""

from __future__ import annotations

import pytest
from stories import (
    CARRIER,
    CONSIGNEE,
    ELSEWHERE,
    GOODS_BOX,
    PUMP,
    SECOND,
    SET,
    SHIPPER,
    THIRD,
    TRUCK,
    A,
    B,
    C,
    D,
    at,
    hours,
    item_set,
    leg,
    on_goods,
    on_truck,
    plan,
    receipt,
    stop,
    tell,
    visit,
)

from fleettrack.domain import consignment

TRUCK_TRIP = (visit(1, A, 1, 2), visit(2, B, 5, 6))
GOODS_TRIP = (visit(1, A, 0.5, 2, GOODS_BOX), visit(2, B, 5, None, GOODS_BOX))


def test_planned_truck_picks_up_and_delivers_provisionally():
    told = tell(assignments=[on_truck()], visits=TRUCK_TRIP[:1])
    assert told.kinds() == ["arrived", "departed", "picked_up"]
    assert told.holder(1.9) == (SHIPPER, "confirmed")
    assert told.holder(2) == (CARRIER, "provisional")

    told = tell(assignments=[on_truck()], visits=[visit(1, A, 1, 2), visit(2, B, 5)])
    moved = told.entry("transferred")
    assert (moved.from_party, moved.to_party, moved.level, moved.visit_id) == (CARRIER, CONSIGNEE, 0, 2)
    assert (moved.event_ms, moved.lo_ms, moved.hi_ms) == (at(5), at(5) - 20_000, at(5) + 10_000)
    assert moved.key == f"stop:2/delivery/set:{SET}"
    assert told.holder(5) == (CONSIGNEE, "provisional")
    assert told.problems() == []
    assert [told.progress(s).completed for s in (1, 2)] == [True, True]
    assert hours(told.progress(1).departed_ms) == 2


def test_one_entry_per_arrival_whatever_it_carries():
    told = tell(assignments=[on_truck()], visits=TRUCK_TRIP[:1])
    assert all(e.scope == type(e.scope)(item_set_id=SET) for e in told.journey.entries)


def test_turned_away_truck_with_a_tracker_on_the_goods():
    arrived = tell(assignments=[on_goods()], visits=GOODS_TRIP)
    assert arrived.holder(5.5) == (CONSIGNEE, "provisional")
    visits = [GOODS_TRIP[0], visit(2, B, 5, 6, GOODS_BOX)]
    told = tell(assignments=[on_goods()], visits=visits)
    assert told.holder(5.5) == told.holder(7) == (CARRIER, "provisional")
    assert told.problems() == ["left_with_goods"]
    assert "transferred" not in told.kinds()
    assert not told.progress(2).completed

    again = tell(assignments=[on_goods()], visits=[*visits, visit(3, B, 9, None, GOODS_BOX)])
    assert again.holder(8) == (CARRIER, "provisional")
    assert again.holder(9) == (CONSIGNEE, "provisional")


def test_turned_away_truck_with_a_vehicle_tracker_stays_provisional():
    told = tell(assignments=[on_truck()], visits=TRUCK_TRIP)
    assert told.holder(7) == (CONSIGNEE, "provisional")
    assert told.problems() == ["delivery_unconfirmed"]


def test_truck_that_was_unloaded_by_scan_leaves_without_a_question():
    load = consignment.Load(vehicle_id=TRUCK, from_ms=at(1.5), to_ms=at(5.5))
    told = tell(assignments=[on_truck()], visits=TRUCK_TRIP, loads=[load])
    assert told.holder(7) == (CONSIGNEE, "provisional")
    assert told.problems() == []


def test_goods_tracker_that_leaves_after_unloading_by_scan_left_alone():
    load = consignment.Load(vehicle_id=TRUCK, from_ms=at(1.5), to_ms=at(5.5))
    visits = [GOODS_TRIP[0], visit(2, B, 5, 6, GOODS_BOX)]
    told = tell(assignments=[on_goods()], visits=visits, loads=[load])
    assert told.holder(7) == (CONSIGNEE, "provisional")
    assert told.problems() == []


def test_drop_before_its_pickup_with_a_tracker_on_the_goods():
    visits = [visit(1, B, 1, 2, GOODS_BOX), visit(2, A, 3, 4, GOODS_BOX), visit(3, B, 6, None, GOODS_BOX)]
    told = tell(assignments=[on_goods()], visits=visits[:1])
    assert told.kinds() == ["arrived"]
    assert told.holder(2) == (SHIPPER, "confirmed")
    assert told.problems() == ["not_held_by_carrier"]
    assert not told.progress(2).completed
    told = tell(assignments=[on_goods()], visits=visits)
    assert told.holder(5) == (CARRIER, "provisional")
    assert told.holder(6) == (CONSIGNEE, "provisional")


def test_drop_before_its_pickup_with_the_planned_vehicle():
    visits = [visit(1, B, 1, 2), visit(2, A, 3, 4), visit(3, B, 6)]
    told = tell(assignments=[on_truck()], visits=visits[:1])
    assert told.kinds() == []
    assert told.problems() == ["not_held_by_carrier"]
    assert told.holder(2) == (SHIPPER, "confirmed")
    assert tell(assignments=[on_truck()], visits=visits).holder(6) == (CONSIGNEE, "provisional")


def test_yesterdays_trip_of_the_planned_vehicle_does_not_count():
    stops = (stop(1, A, "pickup", SHIPPER, window_from_ms=at(48)), stop(2, B, "drop", CONSIGNEE))
    told = tell(plan(stops), assignments=[on_truck()], visits=TRUCK_TRIP)
    assert (told.kinds(), told.problems()) == ([], [])
    visits = [*TRUCK_TRIP, visit(3, A, 45, 49), visit(4, B, 52)]
    told = tell(plan(stops), assignments=[on_truck()], visits=visits)
    assert hours(told.entry("arrived", stop_seq=1).event_ms) == 46  # from when the plan applies
    assert told.holder(52) == (CONSIGNEE, "provisional")


def three_drops() -> consignment.Consignment:
    return plan(
        [
            stop(1, A, "pickup", SHIPPER),
            stop(2, B, "drop", CONSIGNEE),
            stop(3, C, "drop", SECOND),
            stop(4, D, "drop", THIRD),
        ],
        [leg(1, 2, vehicle=TRUCK), leg(2, 3, vehicle=TRUCK), leg(3, 4, vehicle=TRUCK)],
        [item_set(11, 1, 2), item_set(12, 1, 3), item_set(13, 1, 4)],
    )


def test_three_drops_in_one_trip():
    visits = [visit(1, A, 1, 2), visit(2, B, 3, 4), visit(3, C, 5, 6), visit(4, D, 7)]
    told = tell(three_drops(), assignments=[on_truck()], visits=visits)
    for set_id, party, hour in ((11, CONSIGNEE, 3), (12, SECOND, 5), (13, THIRD, 7)):
        assert told.holder(hour - 0.1, set_id=set_id) == (CARRIER, "provisional")
        assert told.holder(hour, set_id=set_id) == (party, "provisional")
    assert set(told.problems()) == {"delivery_unconfirmed"}
    assert all(told.progress(seq).completed for seq in (1, 2, 3, 4))


@pytest.mark.parametrize("legs", [[leg(1, 4, vehicle=TRUCK)], None])
def test_three_drops_in_another_order_are_told_and_still_delivered(legs):
    the_plan = three_drops()
    if legs:
        the_plan = plan(the_plan.stops, legs, the_plan.item_sets)
    visits = [visit(1, A, 1, 2), visit(2, C, 3, 4), visit(3, B, 5, 6), visit(4, D, 7)]
    told = tell(the_plan, assignments=[on_truck()], visits=visits)
    assert "out_of_sequence" in told.problems()
    assert told.holder(3, set_id=12) == (SECOND, "provisional")
    assert told.holder(5, set_id=11) == (CONSIGNEE, "provisional")
    assert told.holder(7, set_id=13) == (THIRD, "provisional")


def there_and_back(**of_b: object) -> consignment.Consignment:
    return plan(
        [
            stop(1, A, "pickup", SHIPPER),
            stop(2, B, "drop", CONSIGNEE, **of_b),
            stop(3, A, "drop", SHIPPER),
        ],
        [leg(1, 2, vehicle=TRUCK), leg(2, 3, vehicle=TRUCK)],
        [item_set(11, 1, 2), item_set(12, 2, 3), item_set(13, 1, 3)],
    )


def test_same_place_twice():
    visits = [visit(1, A, 1, 2), visit(2, B, 4, 5), visit(3, A, 8)]
    told = tell(there_and_back(), assignments=[on_truck()], visits=visits)
    assert told.holder(4, set_id=11) == (CONSIGNEE, "provisional")
    assert told.entry("picked_up", stop_seq=2).from_party == CONSIGNEE
    assert told.holder(7.9, set_id=13) == (CARRIER, "provisional")
    for set_id in (12, 13):
        assert told.holder(8, set_id=set_id) == (SHIPPER, "provisional")
    assert "unexpected_stop" not in told.problems()


def test_same_place_twice_coming_back_before_the_stop_between():
    visits = [visit(1, A, 1, 2), visit(2, A, 2.5, 3), visit(3, B, 4, 5), visit(4, A, 8)]
    told = tell(there_and_back(), assignments=[on_truck()], visits=visits[:2])
    assert told.holder(2.7, set_id=13) == (CARRIER, "provisional")
    assert told.problems() == []
    assert tell(there_and_back(), assignments=[on_truck()], visits=visits).holder(8, set_id=13)[0] == SHIPPER


def test_same_place_twice_waits_for_a_drop_that_only_a_person_completes():
    visits = [visit(1, A, 1, 2), visit(2, B, 4, 5), visit(3, A, 8)]
    facts = [receipt(1, 9, seq=2)]
    open_ = tell(there_and_back(on_arrival="record"), assignments=[on_truck()], visits=visits)
    assert open_.holder(8, set_id=13) == (CARRIER, "provisional")
    skip = consignment.Fact(id=2, kind="skip_stop", event_ms=at(9), stop_seq=2)
    for fact in (facts, [skip]):
        told = tell(there_and_back(on_arrival="record"), assignments=[on_truck()], visits=visits, facts=fact)
        assert told.holder(8, set_id=13) == (SHIPPER, "provisional")


def test_propose_waits_for_confirmation():
    stops = (stop(1, A, "pickup", SHIPPER), stop(2, B, "drop", CONSIGNEE, on_arrival="propose"))
    told = tell(plan(stops), assignments=[on_truck()], visits=TRUCK_TRIP)
    proposed = told.entry("proposed")
    assert (proposed.status, proposed.to_party) == ("proposed", CONSIGNEE)
    assert told.holder(5.5) == (CARRIER, "provisional")
    assert told.problems() == ["delivery_unconfirmed"]
    told = tell(plan(stops), assignments=[on_truck()], visits=TRUCK_TRIP, facts=[receipt(1, 5.6)])
    assert told.holder(5.5) == (CONSIGNEE, "confirmed")
    assert told.entry("received").key == proposed.key


def test_record_is_movement_only():
    stops = (stop(1, A, "pickup", SHIPPER), stop(2, B, "drop", CONSIGNEE, on_arrival="record"))
    told = tell(plan(stops), assignments=[on_truck()], visits=(*TRUCK_TRIP[:1], visit(2, B, 5)))
    assert told.kinds() == ["arrived", "departed", "picked_up", "arrived"]
    assert told.holder(5.5) == (CARRIER, "provisional")
    assert not told.progress(2).completed


def test_arrival_at_a_pickup_never_moves_custody():
    stops = (stop(1, A, "pickup", SHIPPER, on_arrival="transfer"), stop(2, B, "drop", CONSIGNEE))
    told = tell(plan(stops), assignments=[on_truck()], visits=[visit(1, A, 1)])
    assert told.kinds() == ["arrived"]


def test_unexpected_stop_and_what_is_not_one():
    def problems(*halts: consignment.Visit) -> list[str]:
        return tell(assignments=[on_truck()], visits=[visit(1, A, 1, 2), *halts, visit(2, B, 5)]).problems()

    assert problems(visit(3, ELSEWHERE, 3, 4)) == ["unexpected_stop"]
    assert problems(visit(3, PUMP, 3, 4, place_class="fuel")) == []
    assert problems(visit(3, ELSEWHERE, 3, 4, expected=True)) == []
    assert problems(visit(3, A, 3, 4)) == []
    assert problems(visit(3, ELSEWHERE, 0.2, 0.8)) == []  # before the goods were on board


def test_nothing_is_taken_from_geofences_once_closed():
    told = tell(plan(closed=4), assignments=[on_truck()], visits=TRUCK_TRIP)
    assert told.holder(9) == (CARRIER, "provisional")
    told = tell(plan(closed=4), assignments=[on_truck()], visits=TRUCK_TRIP, facts=[receipt(1, 9)])
    assert told.holder(9) == (CONSIGNEE, "confirmed")


def test_corrected_and_retracted_visits():
    entries = tell(assignments=[on_truck()], visits=[visit(1, A, 1, 2), visit(2, B, 5)])
    corrected = tell(assignments=[on_truck()], visits=[visit(1, A, 1, 2), visit(2, B, 4.9)])
    assert corrected.entry("transferred").key == entries.entry("transferred").key
    assert corrected.holder(4.95) == (CONSIGNEE, "provisional")
    retracted = tell(assignments=[on_truck()], visits=[visit(1, A, 1, 2)])
    assert retracted.holder(5) == (CARRIER, "provisional")


def test_neighbouring_fences_leave_the_one_before_arriving_at_the_other():
    visits = [visit(1, A, 0.5, 2, GOODS_BOX), visit(2, B, 1.99, None, GOODS_BOX)]
    told = tell(assignments=[on_goods()], visits=visits)
    assert told.holder(1.995) == (SHIPPER, "confirmed")
    moves = [e for e in told.journey.entries if e.to_party]
    assert [(e.kind, e.event_ms - at(2)) for e in moves] == [("picked_up", 0), ("transferred", 1)]
    assert told.holder(2.1) == (CONSIGNEE, "provisional")
