"""What receipts and handovers do to custody, alone and together with visits (design 6)."""

from __future__ import annotations

import pytest
from stories import (
    CARRIER,
    CONSIGNEE,
    ELSEWHERE,
    GOODS_BOX,
    ITEM,
    OTHER,
    PALLET,
    PALLET_BOX,
    SECOND,
    SET,
    SHIPPER,
    THIRD,
    TRUCK,
    A,
    B,
    C,
    at,
    handover,
    home,
    hours,
    item_set,
    leg,
    on_goods,
    on_truck,
    on_unit,
    plan,
    receipt,
    stop,
    tell,
    visit,
)

from fleettrack.domain import consignment, custody

Level = consignment.Level
TRIP = (visit(1, A, 1, 2), visit(2, B, 5))
GOODS = (visit(1, A, 0.5, 2, GOODS_BOX), visit(2, B, 5, 6, GOODS_BOX))


def test_full_receipt_takes_effect_at_the_arrival_and_supersedes_the_transfer():
    before = tell(assignments=[on_truck()], visits=TRIP)
    told = tell(assignments=[on_truck()], visits=TRIP, facts=[receipt(7, 5.5)])
    received = told.entry("received")
    assert hours(received.event_ms) == 5
    assert (received.status, received.level, received.fact_id) == ("confirmed", Level.SCAN, 7)
    assert received.corroborated_by == ("visit:2",)
    assert (received.from_party, received.to_party) == (CARRIER, CONSIGNEE)
    assert received.key == before.entry("transferred").key
    assert told.progress(2).completed
    assert told.problems() == []


def test_receipt_says_itself_when_it_took_effect():
    told = tell(assignments=[on_truck()], visits=TRIP, facts=[receipt(7, 9, effective=5.5)])
    assert told.holder(5.4) == (CARRIER, "provisional")
    assert told.holder(5.5) == (CONSIGNEE, "confirmed")


def test_receipt_before_the_late_arrival_ping():
    alone = tell(assignments=[on_truck()], visits=TRIP[:1], facts=[receipt(7, 6)])
    assert hours(alone.entry("received").event_ms) == 6
    told = tell(assignments=[on_truck()], visits=TRIP, facts=[receipt(7, 6)])
    assert hours(told.entry("received").event_ms) == 5
    assert told.entry("received").key == alone.entry("received").key


def test_late_visit_before_an_already_confirmed_receipt_adds_movement_only():
    facts = [receipt(7, 6, effective=5.7)]
    told = tell(assignments=[on_truck()], visits=TRIP, facts=facts)
    assert told.holder(5.6) == (CARRIER, "provisional")
    assert told.holder(5.7) == (CONSIGNEE, "confirmed")
    assert told.entry("arrived", stop_seq=2).to_party is None
    after = tell(assignments=[on_truck()], visits=[TRIP[0], visit(2, B, 5.8)], facts=facts)
    assert "transferred" not in after.kinds()
    assert after.holder(9) == (CONSIGNEE, "confirmed")


def test_receipt_without_any_tracker():
    told = tell(facts=[receipt(7, 6)])
    assert told.holder(5) == (SHIPPER, "confirmed")
    assert told.holder(6) == (CONSIGNEE, "confirmed")
    assert told.problems() == []


def test_returned_tracker_after_the_receipt_is_no_departure():
    visits = [GOODS[0], visit(2, B, 5, 5.9, GOODS_BOX), visit(3, A, 8, None, GOODS_BOX)]
    for when in (5.5, 7):  # stated before or after the tracker went home
        told = tell(assignments=[on_goods()], visits=visits, facts=[receipt(7, when)])
        assert told.holder(9) == (CONSIGNEE, "confirmed")
        assert told.problems() == []
        assert told.journey.ended_assignments == ((GOODS_BOX, at(when)),)
        ended = tell(assignments=[on_goods(until=when)], visits=visits, facts=[receipt(7, when)])
        assert ended.journey == told.journey


def test_receipt_that_says_a_later_time_than_the_departure_still_makes_it_none():
    told = tell(assignments=[on_goods()], visits=GOODS, facts=[receipt(7, 9, effective=8)])
    assert told.holder(7) == (CARRIER, "provisional")
    assert told.holder(8) == (CONSIGNEE, "confirmed")
    assert told.problems() == []


def test_tracker_of_three_drops_ends_with_the_last():
    stops = (stop(1, A, "pickup", SHIPPER), stop(2, B, "drop", CONSIGNEE), stop(3, C, "drop", SECOND))
    the_plan = plan(stops, [leg(1, 3)], [item_set(11, 1, 2), item_set(12, 1, 3)])
    visits = [*GOODS, visit(3, C, 8, 9, GOODS_BOX)]
    told = tell(the_plan, assignments=[on_goods()], visits=visits, facts=[receipt(7, 5.5)])
    assert told.journey.ended_assignments == ()
    both = [receipt(7, 5.5), receipt(8, 8.5, seq=3)]
    told = tell(the_plan, assignments=[on_goods()], visits=visits, facts=both)
    assert told.journey.ended_assignments == ((GOODS_BOX, at(8.5)),)
    assert told.problems() == []


def test_goods_that_come_again_before_the_receipt_had_been_turned_away():
    visits = [*GOODS, visit(3, B, 29, None, GOODS_BOX)]
    told = tell(assignments=[on_goods()], visits=visits, facts=[receipt(7, 30)])
    assert told.holder(7) == (CARRIER, "provisional")
    assert hours(told.entry("received").event_ms) == 29
    assert told.problems() == []


def test_partial_receipt_by_list():
    told = tell(
        assignments=[on_truck()],
        visits=TRIP,
        homes=[home(ITEM)],
        facts=[receipt(7, 5.5, only_listed=True, received=[ITEM])],
    )
    assert told.holder(5, ITEM) == (CONSIGNEE, "confirmed")
    assert told.holder(5) == (CONSIGNEE, "provisional")
    assert told.entry("received").scope == custody.Scope(item_set_id=SET, only=(ITEM,))
    assert told.entry("transferred").scope == custody.Scope(item_set_id=SET, excluded=(ITEM,))
    assert told.entry("picked_up").scope == custody.Scope(item_set_id=SET)  # before the split they are one
    assert not told.journey.ended_assignments


def test_short_stays_with_the_last_holder():
    told = tell(assignments=[on_truck()], visits=TRIP, homes=[home(ITEM)], facts=[receipt(7, 5.5, short=[ITEM])])
    assert told.holder(6) == (CONSIGNEE, "confirmed")
    assert told.holder(6, ITEM) == (CARRIER, "provisional")
    short = told.entry("short")
    assert (short.to_party, short.from_party, short.status) == (None, CARRIER, "confirmed")
    assert told.problems() == ["short"]
    assert told.entry("received").scope.excluded == (ITEM,)


def test_short_and_found_later():
    facts = [receipt(7, 5.5, short=[ITEM]), receipt(8, 9, only_listed=True, received=[ITEM], effective=9)]
    told = tell(assignments=[on_truck()], visits=TRIP, homes=[home(ITEM)], facts=facts)
    assert told.holder(8, ITEM) == (CARRIER, "provisional")
    assert told.holder(9, ITEM) == (CONSIGNEE, "confirmed")
    assert told.entry("received", fact_id=8).corroborated_by == ("fact:7", "visit:2")


def test_over_is_held_by_the_finder():
    told = tell(assignments=[on_truck()], visits=TRIP, homes=[home(999, None)], facts=[receipt(7, 5.5, over=[999])])
    over = told.entry("over")
    assert (over.scope, over.to_party) == (custody.Scope(only=(999,)), CONSIGNEE)
    assert told.problems() == ["over"]
    assert told.entry("received").scope == custody.Scope(item_set_id=SET)


def test_damaged_goes_to_the_consignee_under_reservation():
    told = tell(assignments=[on_truck()], visits=TRIP, homes=[home(PALLET)], facts=[receipt(7, 5.5, damaged=[PALLET])])
    assert told.holder(6, ITEM, PALLET) == (CONSIGNEE, "confirmed")
    assert told.entry("damaged").scope.only == (PALLET,)
    assert told.problems() == ["damaged"]


def test_refused_goes_back_to_the_carrier_and_home():
    visits = [*GOODS, visit(3, A, 9, None, GOODS_BOX)]
    told = tell(assignments=[on_goods()], visits=visits, homes=[home(ITEM)], facts=[receipt(7, 5.5, refused=[ITEM])])
    assert told.holder(6) == (CONSIGNEE, "confirmed")
    assert told.holder(5.2, ITEM) == (CONSIGNEE, "provisional")
    assert told.holder(5.5, ITEM) == told.holder(10, ITEM) == (CARRIER, "confirmed")
    assert told.problems() == ["refused"]
    assert [e.scope.only for e in told.journey.entries if e.kind == "departed" and e.stop_seq == 2] == [(ITEM,)]


def test_refused_today_and_received_tomorrow():
    facts = [receipt(7, 5.5, refused=[ITEM], only_listed=True), receipt(8, 30)]
    told = tell(assignments=[on_goods()], visits=GOODS, homes=[home(ITEM)], facts=facts)
    assert told.holder(29, ITEM) == (CARRIER, "confirmed")
    assert told.holder(30, ITEM) == (CONSIGNEE, "confirmed")


def test_listed_serial_inside_a_pallet_splits_the_cohort_of_the_pallet():
    told = tell(
        assignments=[on_truck(), on_unit()],
        homes=[home(PALLET), home(ITEM, SET, PALLET)],
        visits=[*TRIP, visit(3, A, 0.5, 3, PALLET_BOX), visit(4, B, 7, None, PALLET_BOX)],
        facts=[receipt(7, 8, short=[ITEM])],
    )
    assert told.holder(6, ITEM, PALLET) == told.holder(8, ITEM, PALLET) == (CARRIER, "provisional")
    assert told.holder(7, 777, PALLET) == (CONSIGNEE, "confirmed")
    received = {e.scope for e in told.journey.entries if e.kind == "received"}
    assert received == {
        custody.Scope(item_set_id=SET, excluded=(PALLET,)),
        custody.Scope(item_set_id=SET, only=(PALLET,), excluded=(ITEM,)),
    }


def test_serial_found_apart_from_a_short_pallet():
    facts = [receipt(7, 5.5, short=[PALLET], received=[ITEM])]
    told = tell(assignments=[on_truck()], visits=TRIP, homes=[home(PALLET), home(ITEM, SET, PALLET)], facts=facts)
    assert told.holder(6, ITEM, PALLET) == told.holder(6) == (CONSIGNEE, "confirmed")
    assert told.holder(6, 777, PALLET) == (CARRIER, "provisional")


def test_better_evidence_decides_and_the_rest_corroborates():
    facts = [
        receipt(7, 5.5, level=Level.SCAN),
        receipt(8, 9, level=Level.COUNTERPARTY, short=[ITEM]),
        receipt(9, 10, level=Level.DOCK_READ),
    ]
    told = tell(assignments=[on_truck()], visits=TRIP, homes=[home(ITEM)], facts=facts)
    assert told.entry("received").fact_id == 8
    assert told.entry("received").corroborated_by == ("fact:7", "fact:9", "visit:2")
    assert told.holder(11, ITEM) == (CARRIER, "provisional")


def test_dock_read_stays_provisional_but_ends_all_doubt_about_a_departure():
    told = tell(assignments=[on_goods()], visits=GOODS, facts=[receipt(7, 5.5, level=Level.DOCK_READ)])
    assert told.holder(9) == (CONSIGNEE, "provisional")
    assert told.problems() == []
    assert told.journey.ended_assignments == ()


def test_second_statement_of_the_same_weight_changes_nothing_the_last_other_one_corrects():
    told = tell(assignments=[on_truck()], visits=TRIP, facts=[receipt(7, 5.5), receipt(8, 5.6)])
    assert (told.entry("received").fact_id, told.entry("received").corroborated_by) == (7, ("fact:8", "visit:2"))
    recount = [receipt(7, 5.5), receipt(8, 5.6, only_listed=True, short=[ITEM])]
    told = tell(assignments=[on_truck()], visits=TRIP, homes=[home(ITEM)], facts=recount)
    assert told.holder(6, ITEM) == (CARRIER, "provisional")


def test_voided_fact_and_voided_void():
    void = consignment.Fact(id=8, kind="void_fact", event_ms=at(6), target_fact_id=7)
    again = consignment.Fact(id=9, kind="void_fact", event_ms=at(6), target_fact_id=8)
    assert tell(facts=[receipt(7, 5), void]).kinds() == []
    assert tell(facts=[receipt(7, 5), void, again]).kinds() == ["received"]


def test_confirmed_pickup_is_not_made_again_by_leaving():
    told = tell(assignments=[on_truck()], visits=TRIP, facts=[handover(7, 1.5, 1, SHIPPER, CARRIER)])
    assert told.holder(1.5) == told.holder(4) == (CARRIER, "confirmed")
    picked_up = told.entry("picked_up")
    assert (picked_up.level, picked_up.key) == (Level.SCAN, f"stop:1/pickup/set:{SET}")
    assert told.holder(5) == (CONSIGNEE, "provisional")


def test_pickup_stated_after_the_truck_had_left_took_place_when_it_left():
    told = tell(assignments=[on_truck()], visits=TRIP, facts=[handover(7, 18, 1, SHIPPER, CARRIER)])
    assert hours(told.entry("picked_up").event_ms) == 2
    assert told.holder(6) == (CONSIGNEE, "provisional")
    assert told.problems() == []


def test_items_short_at_the_pickup_stay():
    facts = [handover(7, 1.5, 1, SHIPPER, CARRIER, short=[ITEM])]
    told = tell(assignments=[on_truck()], visits=TRIP, homes=[home(ITEM)], facts=facts)
    assert told.holder(9, ITEM) == (SHIPPER, "confirmed")
    assert told.holder(9) == (CONSIGNEE, "provisional")
    assert told.problems() == ["short"]


def test_pallet_that_the_carrier_refuses_at_the_pickup_stays():
    facts = [handover(7, 1.5, 1, SHIPPER, CARRIER, refused=[PALLET])]
    told = tell(assignments=[on_truck()], visits=TRIP, homes=[home(PALLET)], facts=facts)
    assert told.holder(9, ITEM, PALLET) == (SHIPPER, "confirmed")
    assert told.holder(9) == (CONSIGNEE, "provisional")
    assert told.problems() == ["refused"]


def test_goods_that_people_passed_on_from_the_drop_are_not_taken_back():
    facts = [handover(7, 5.5, None, CONSIGNEE, OTHER, only_listed=True, handed_over=[ITEM])]
    told = tell(assignments=[on_goods()], visits=GOODS, homes=[home(ITEM)], facts=facts)
    assert told.holder(5.2, ITEM) == (CONSIGNEE, "provisional")
    assert told.holder(9, ITEM) == (OTHER, "confirmed")
    assert told.holder(9) == (CARRIER, "provisional")  # the rest was turned away


def test_handover_on_the_way_and_an_arrival_that_does_not_continue_from_it():
    facts = [handover(7, 3, None, CARRIER, OTHER)]
    told = tell(assignments=[on_truck()], visits=TRIP, facts=facts)
    assert told.holder(3) == told.holder(6) == (OTHER, "confirmed")
    assert told.problems() == ["sequence_conflict"]
    back = [*facts, handover(8, 4, None, OTHER, CARRIER)]
    told = tell(assignments=[on_truck()], visits=TRIP, facts=back)
    assert told.holder(6) == (CONSIGNEE, "provisional")
    assert told.problems() == []


def test_handover_on_the_way_leaves_what_was_delivered_alone():
    stops = (stop(1, A, "pickup", SHIPPER), stop(2, B, "drop", CONSIGNEE), stop(3, C, "drop", SECOND))
    told = tell(
        plan(stops, [leg(1, 3, vehicle=TRUCK)], [item_set(11, 1, 2), item_set(12, 1, 3)]),
        assignments=[on_truck()],
        visits=TRIP,
        facts=[handover(7, 6, None, CARRIER, OTHER)],
    )
    assert told.holder(7, set_id=11) == (CONSIGNEE, "provisional")
    assert told.holder(7, set_id=12) == (OTHER, "confirmed")
    assert told.problems() == []


def test_handover_from_a_party_that_does_not_hold_it_is_told():
    told = tell(facts=[receipt(7, 5), handover(8, 6, None, CARRIER, OTHER, handed_over=[ITEM])], homes=[home(ITEM)])
    assert told.holder(7, ITEM) == (OTHER, "confirmed")
    assert told.problems() == ["sequence_conflict"]


def test_statement_that_speaks_of_nothing_is_told():
    told = tell(facts=[receipt(7, 5, seq=9)])
    assert (told.kinds(), told.problems()) == ([], ["sequence_conflict"])


def test_leaving_the_pickup_after_the_receipt_is_a_conflict_and_moves_nothing():
    told = tell(assignments=[on_truck()], visits=[visit(1, A, 7, 8)], facts=[receipt(7, 5)])
    assert told.holder(9) == (CONSIGNEE, "confirmed")
    assert told.problems() == ["sequence_conflict"]


def test_received_at_the_wrong_stop_ends_the_passage_there():
    stops = (stop(1, A, "pickup", SHIPPER), stop(2, B, "drop", CONSIGNEE), stop(3, C, "drop", SECOND))
    told = tell(
        plan(stops, [leg(1, 3, vehicle=TRUCK)], [item_set(11, 1, 2), item_set(SET, 1, 3)]),
        assignments=[on_truck()],
        visits=[TRIP[0], visit(2, B, 5, 6), visit(3, C, 8)],
        homes=[home(ITEM)],
        facts=[receipt(7, 5.5, received=[ITEM])],
    )
    assert told.holder(9, ITEM) == (CONSIGNEE, "confirmed")
    assert told.holder(9) == (SECOND, "provisional")


def test_handover_at_the_drop_is_as_good_as_a_receipt():
    told = tell(assignments=[on_goods()], visits=GOODS, facts=[handover(7, 5.5, 2, CARRIER, THIRD)])
    assert told.holder(5.4) == (CARRIER, "provisional")
    assert told.holder(9) == (THIRD, "confirmed")  # to the neighbour
    assert told.problems() == []
    assert told.journey.ended_assignments == ((GOODS_BOX, at(5.5)),)


@pytest.mark.parametrize("kind", ["skip_stop", "complete_stop"])
def test_person_closes_a_stop(kind):
    stops = (stop(1, A, "pickup", SHIPPER), stop(2, C, "waypoint", OTHER), stop(3, B, "drop", CONSIGNEE))
    fact = consignment.Fact(id=7, kind=kind, event_ms=at(3), stop_seq=2)
    visits = [visit(1, A, 1, 2), visit(2, B, 5)]
    the_plan = plan(stops, [leg(1, 3, vehicle=TRUCK)], [item_set(SET, 1, 3)])
    assert tell(the_plan, assignments=[on_truck()], visits=visits).problems() == ["out_of_sequence"]
    told = tell(the_plan, assignments=[on_truck()], visits=visits, facts=[fact])
    assert told.problems() == []
    assert (told.progress(2).skipped, told.progress(2).completed) == (kind == "skip_stop", kind == "complete_stop")
    late = tell(the_plan, assignments=[on_truck()], visits=[visits[0], visit(3, C, 4, 4.5), visits[1]], facts=[fact])
    assert late.progress(2).arrived_ms is None


def test_unexpected_stop_of_a_refused_load_is_still_told():
    visits = [*GOODS, visit(3, ELSEWHERE, 8, None, GOODS_BOX)]
    told = tell(assignments=[on_goods()], visits=visits, facts=[receipt(7, 5.5, refused=[ITEM], only_listed=True)])
    assert "unexpected_stop" in told.problems()
