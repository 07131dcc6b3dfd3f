"""Which tracker speaks for the goods, from when on, and how far it is believed (design 6)."""

from __future__ import annotations

from stories import (
    CARRIER,
    CONSIGNEE,
    GOODS_BOX,
    ITEM,
    PALLET,
    PALLET_BOX,
    SET,
    SHIPPER,
    TRUCK,
    TRUCK2,
    TRUCK2_BOX,
    TRUCK_BOX,
    A,
    B,
    at,
    handover,
    home,
    hours,
    item_set,
    on_goods,
    on_truck,
    on_unit,
    plan,
    receipt,
    tell,
    visit,
)

from fleettrack.domain import consignment, fix

TRUCK_TRIP = (visit(1, A, 1, 2), visit(2, B, 5, 6))
GOODS_TRIP = (visit(1, A, 0.5, 2, GOODS_BOX), visit(2, B, 5, None, GOODS_BOX))


def test_tracker_assigned_in_mid_visit_arrives_when_it_is_put_on():
    told = tell(assignments=[on_goods(since=1.5)], visits=GOODS_TRIP)
    arrived = told.entry("arrived", stop_seq=1)
    assert hours(arrived.event_ms) == 1.5
    assert arrived.lo_ms == arrived.hi_ms == at(1.5)
    assert told.holder(2) == (CARRIER, "provisional")


def test_visit_that_ended_before_the_assignment_does_not_count():
    told = tell(assignments=[on_goods(since=2.5)], visits=GOODS_TRIP[:1])
    assert told.kinds() == []


def test_load_scanned_in_mid_visit_and_the_scan_overrides_the_plan():
    load = consignment.Load(vehicle_id=TRUCK2, from_ms=at(1.5))
    visits = [*TRUCK_TRIP, visit(3, A, 1, 3, TRUCK2_BOX), visit(4, B, 8, None, TRUCK2_BOX)]
    told = tell(assignments=[on_truck(), on_truck(TRUCK2_BOX, TRUCK2)], visits=visits, loads=[load])
    assert told.holder(2.9) == (SHIPPER, "confirmed")  # the planned truck left at 2 without them
    assert told.holder(3) == (CARRIER, "provisional")
    assert told.holder(7.9) == (CARRIER, "provisional")
    assert told.holder(8) == (CONSIGNEE, "provisional")
    alone = tell(assignments=[on_truck(TRUCK2_BOX, TRUCK2)], visits=visits[2:], loads=[load])
    assert hours(alone.entry("arrived", visit_id=3).event_ms) == 1.5


def test_truck_and_pallet_tracker_that_disagree():
    told = tell(
        assignments=[on_truck(), on_unit()],
        homes=[home(PALLET)],
        visits=[visit(1, A, 1, 2), visit(2, B, 5), visit(3, A, 0.5, None, PALLET_BOX)],
        apart=[consignment.Apart(visit_id=2, tracker_id=PALLET_BOX, metres=20_000)],
    )
    assert told.holder(6) == (CONSIGNEE, "provisional")
    assert told.holder(6, PALLET) == told.holder(6, ITEM, PALLET) == (SHIPPER, "confirmed")
    assert told.problems() == ["divergence"]
    near = tell(
        assignments=[on_truck(), on_unit()],
        homes=[home(PALLET)],
        visits=[visit(1, A, 1, 2), visit(2, B, 5), visit(3, A, 0.5, None, PALLET_BOX)],
        apart=[consignment.Apart(visit_id=2, tracker_id=PALLET_BOX, metres=900)],
    )
    assert near.problems() == []


def test_trackers_that_agree_corroborate():
    told = tell(
        assignments=[on_truck(), on_goods()],
        visits=[visit(1, A, 1, 2), visit(2, B, 5), visit(3, A, 0.9, 2.01, GOODS_BOX), visit(4, B, 5.01, 9, GOODS_BOX)],
        facts=[receipt(1, 6)],
    )
    assert told.entry("arrived", stop_seq=2).visit_id == 4
    assert told.entry("arrived", stop_seq=2).corroborated_by == ("visit:2",)
    assert told.entry("arrived", stop_seq=1).corroborated_by == ("visit:1",)


def test_silence_switches_the_governing_tracker():
    visits = [visit(1, A, 1, 2), visit(2, B, 5)]
    silent = consignment.Silence(tracker_id=GOODS_BOX, from_ms=at(1.2))
    told = tell(assignments=[on_truck(), on_goods()], visits=visits)
    assert told.holder(5) == (SHIPPER, "confirmed")  # the goods' own tracker was not seen to move
    told = tell(assignments=[on_truck(), on_goods()], visits=visits, silences=[silent])
    assert told.holder(2) == (CARRIER, "provisional")
    assert told.holder(5) == (CONSIGNEE, "provisional")


def test_goods_tracker_that_wakes_up_at_the_drop_and_leaves_takes_the_goods_away():
    silent = consignment.Silence(tracker_id=GOODS_BOX, from_ms=at(1.2), to_ms=at(5.5))
    visits = [visit(1, A, 1, 2), visit(2, B, 5), visit(3, B, 5.5, 6, GOODS_BOX)]
    told = tell(assignments=[on_truck(), on_goods()], visits=visits, silences=[silent])
    assert told.holder(5.2) == told.holder(6) == (CARRIER, "provisional")
    assert told.problems() == ["left_with_goods"]


def test_trust_none_only_proposes():
    visits = [visit(1, A, 1, 2, trust=fix.Trust.NONE), visit(2, B, 5, trust=fix.Trust.NONE)]
    told = tell(assignments=[on_truck()], visits=visits)
    assert told.holder(9) == (SHIPPER, "confirmed")
    assert told.entry("proposed").stop_seq == 1
    confirmed = tell(assignments=[on_truck()], visits=visits, facts=[handover(1, 1.8, 1, SHIPPER, CARRIER)])
    assert confirmed.entry("proposed").stop_seq == 2
    assert confirmed.holder(9) == (CARRIER, "confirmed")
    allowed = tell(assignments=[on_truck()], visits=visits, none_trust_may_transfer=True)
    assert allowed.holder(9) == (CONSIGNEE, "provisional")


def test_tracker_of_no_trust_cannot_take_a_delivery_back():
    silent = consignment.Silence(tracker_id=GOODS_BOX, from_ms=at(1.2), to_ms=at(5.5))
    visits = [visit(1, A, 1, 2), visit(2, B, 5), visit(3, B, 5.5, 6, GOODS_BOX, fix.Trust.NONE)]
    told = tell(assignments=[on_truck(), on_goods()], visits=visits, silences=[silent])
    assert told.holder(7) == (CONSIGNEE, "provisional")
    assert told.problems() == ["left_with_goods"]


def test_fixes_of_no_trust_cannot_make_a_trusted_tracker_leave():
    visits = [visit(1, A, 1, 2, GOODS_BOX), visit(2, B, 5, 6, GOODS_BOX, exit_trust=fix.Trust.NONE)]
    told = tell(assignments=[on_goods()], visits=visits)
    assert told.problems() == ["left_with_goods"]
    assert [e.stop_seq for e in told.journey.entries if e.kind == "departed"] == [1]
    assert told.holder(7) == (CONSIGNEE, "provisional")
    allowed = tell(assignments=[on_goods()], visits=visits, none_trust_may_transfer=True)
    assert allowed.holder(7) == (CARRIER, "provisional")


def test_fixes_of_no_trust_only_propose_that_the_goods_were_picked_up():
    visits = [visit(1, A, 1, 2, exit_trust=fix.Trust.NONE)]
    told = tell(assignments=[on_truck()], visits=visits)
    assert told.entry("proposed").stop_seq == 1
    assert told.holder(3) == (SHIPPER, "confirmed")
    allowed = tell(assignments=[on_truck()], visits=visits, none_trust_may_transfer=True)
    assert allowed.holder(3) == (CARRIER, "provisional")


def test_departure_is_inferred_from_a_far_fix_of_the_goods():
    far = consignment.Beyond(
        tracker_id=GOODS_BOX, place_id=A, since_ms=at(0), before_ms=at(1), time_ms=at(1.5), trust=fix.Trust.API_KEY
    )
    told = tell(assignments=[on_goods()], beyond=[far], visits=[visit(2, B, 5, None, GOODS_BOX)])
    inferred = told.entry("departure_inferred")
    assert (inferred.lo_ms, inferred.event_ms, inferred.hi_ms) == (at(1), at(1.5), at(1.5))
    assert told.entry("picked_up").corroborated_by == (f"tracker:{GOODS_BOX}",)
    assert told.holder(1.5) == (CARRIER, "provisional")
    assert told.holder(5) == (CONSIGNEE, "provisional")


def test_far_fix_that_proves_something_moves_what_one_without_proof_had_proposed():
    doubtful, proven = (
        consignment.Beyond(
            tracker_id=GOODS_BOX, place_id=A, since_ms=at(0), before_ms=at(0), time_ms=at(hour), trust=trust
        )
        for hour, trust in ((1, fix.Trust.NONE), (2, fix.Trust.API_KEY))
    )
    known = {"assignments": [on_goods()], "visits": [visit(2, B, 5, None, GOODS_BOX)]}
    assert tell(**known, beyond=[doubtful]).holder(4) == (SHIPPER, "confirmed")
    for order in ([doubtful, proven], [proven, doubtful]):
        told = tell(**known, beyond=order)
        assert told.entry("departure_inferred").event_ms == at(1)
        assert told.entry("picked_up").event_ms == at(2)
        assert "proposed" not in told.kinds()
        assert told.holder(1.5) == (SHIPPER, "confirmed")
        assert told.holder(4) == (CARRIER, "provisional")
        assert told.holder(5) == (CONSIGNEE, "provisional")


def test_far_fix_inside_the_drop_leaves_before_it_arrives():
    far = consignment.Beyond(
        tracker_id=GOODS_BOX, place_id=A, since_ms=at(0), before_ms=at(1), time_ms=at(5.1), trust=fix.Trust.API_KEY
    )
    told = tell(assignments=[on_goods()], beyond=[far], visits=[visit(2, B, 5, None, GOODS_BOX)])
    assert told.holder(4.9) == (SHIPPER, "confirmed")
    assert told.holder(5.001) == (CONSIGNEE, "provisional")


def test_tracker_that_is_put_on_far_away_and_then_comes_to_the_pickup_infers_nothing():
    far = consignment.Beyond(
        tracker_id=GOODS_BOX, place_id=A, since_ms=at(0), before_ms=at(0), time_ms=at(0.1), trust=fix.Trust.API_KEY
    )
    told = tell(assignments=[on_goods()], beyond=[far], visits=GOODS_TRIP)
    assert "departure_inferred" not in told.kinds()
    assert told.holder(1.9) == (SHIPPER, "confirmed")


def test_departure_is_inferred_for_a_vehicle_only_after_a_scan():
    far = consignment.Beyond(
        tracker_id=TRUCK_BOX, place_id=A, since_ms=at(1), before_ms=at(1), time_ms=at(1.5), trust=fix.Trust.API_KEY
    )
    planned = tell(assignments=[on_truck()], beyond=[far], visits=[visit(2, B, 5)])
    assert planned.holder(9) == (SHIPPER, "confirmed")
    load = consignment.Load(vehicle_id=TRUCK, from_ms=at(1))
    scanned = tell(assignments=[on_truck()], beyond=[far], visits=[visit(2, B, 5)], loads=[load])
    assert scanned.holder(1.5) == (CARRIER, "provisional")
    assert scanned.holder(5) == (CONSIGNEE, "provisional")


def test_pallet_with_its_own_tracker_travels_apart():
    told = tell(
        assignments=[on_truck(), on_unit()],
        homes=[home(PALLET)],
        visits=[visit(1, A, 1, 2), visit(2, B, 5), visit(3, A, 0.5, 3, PALLET_BOX), visit(4, B, 7, None, PALLET_BOX)],
    )
    assert told.holder(6) == (CONSIGNEE, "provisional")
    assert told.holder(6, ITEM, PALLET) == (CARRIER, "provisional")
    assert told.holder(7, ITEM, PALLET) == (CONSIGNEE, "provisional")
    keys = {e.key for e in told.journey.entries if e.kind == "transferred"}
    assert keys == {f"stop:2/delivery/set:{SET}", f"stop:2/delivery/set:{SET}/object:{PALLET}"}


def test_set_whose_every_line_has_a_tracker_has_no_rest():
    told = tell(
        plan(sets=[item_set(SET, 1, 2, lines=1)]),
        assignments=[on_truck(), on_unit()],
        homes=[home(PALLET)],
        visits=[visit(1, A, 1, 2), visit(3, A, 0.5, 3, PALLET_BOX)],
    )
    assert [e.event_ms for e in told.journey.entries if e.kind == "picked_up"] == [at(3)]


def test_two_trackers_on_one_truck_are_one_truck():
    phone = on_truck(TRUCK2_BOX, TRUCK)
    visits = [visit(1, A, 1, 2), visit(2, A, 1.1, 9, TRUCK2_BOX), visit(3, B, 5)]
    told = tell(
        assignments=[on_truck(), phone],
        visits=visits,
        silences=[consignment.Silence(tracker_id=TRUCK2_BOX, from_ms=at(3), to_ms=at(8))],
    )
    assert told.holder(2) == (CARRIER, "provisional")
    assert told.holder(5) == (CONSIGNEE, "provisional")
    assert told.kinds().count("departed") == 1


def test_stay_that_ends_with_its_fence_is_no_departure_from_the_pickup_and_leaving_the_new_fence_is():
    visits = [visit(1, A, 1, 1.5, cut_off=True), visit(2, A, 1.6, 2), visit(3, B, 5)]
    told = tell(assignments=[on_truck()], visits=visits)
    assert hours(told.entry("departed").event_ms) == 2
    assert hours(told.entry("picked_up").event_ms) == 2
    assert told.holder(5) == (CONSIGNEE, "provisional")
    assert told.problems() == []


def test_stay_that_ends_with_its_fence_takes_no_delivery_back():
    visits = [GOODS_TRIP[0], visit(2, B, 5, 6, GOODS_BOX, cut_off=True)]
    told = tell(assignments=[on_goods()], visits=visits)
    assert told.holder(7) == (CONSIGNEE, "provisional")
    assert told.problems() == []
