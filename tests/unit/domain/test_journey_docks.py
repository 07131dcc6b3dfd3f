"""Goods that pass from one truck to another at a dock (design 6)."""

from __future__ import annotations

from stories import (
    CARRIER,
    CONSIGNEE,
    GOODS_BOX,
    OTHER,
    SECOND,
    SET,
    SHIPPER,
    TRUCK,
    TRUCK2,
    TRUCK2_BOX,
    A,
    B,
    C,
    at,
    handover,
    hours,
    item_set,
    leg,
    on_goods,
    on_truck,
    plan,
    stop,
    tell,
    visit,
)

from fleettrack.domain import consignment


def cross_dock(**more: object) -> consignment.Consignment:
    return plan(
        [stop(1, A, "pickup", SHIPPER), stop(2, C, "waypoint", OTHER), stop(3, B, "drop", CONSIGNEE, **more)],
        [leg(1, 2, CARRIER, TRUCK), leg(2, 3, SECOND, TRUCK2)],
        [item_set(SET, 1, 3)],
    )


CROSSING = [visit(1, A, 1, 2), visit(2, C, 4, 5), visit(3, C, 3, 7, TRUCK2_BOX), visit(4, B, 9, None, TRUCK2_BOX)]


def test_cross_dock_with_two_carriers():
    told = tell(cross_dock(), assignments=[on_truck(), on_truck(TRUCK2_BOX, TRUCK2)], visits=CROSSING)
    assert told.holder(6.9) == (CARRIER, "provisional")  # the first truck has left, the goods wait
    assert told.holder(7) == (SECOND, "provisional")
    assert told.holder(9) == (CONSIGNEE, "provisional")
    assert hours(told.entry("arrived", stop_seq=2).event_ms) == 4
    assert told.problems() == []


def test_second_truck_that_left_before_the_goods_came_took_nothing():
    early = [CROSSING[0], CROSSING[1], visit(3, C, 2.5, 3.5, TRUCK2_BOX), visit(4, B, 9, None, TRUCK2_BOX)]
    told = tell(cross_dock(), assignments=[on_truck(), on_truck(TRUCK2_BOX, TRUCK2)], visits=early)
    assert told.holder(10) == (CARRIER, "provisional")


def test_cross_dock_after_a_first_leg_that_nobody_watched():
    told = tell(
        cross_dock(),
        assignments=[on_truck(TRUCK2_BOX, TRUCK2)],
        visits=CROSSING[2:],
        facts=[handover(1, 1.5, 1, SHIPPER, CARRIER)],
    )
    assert told.holder(6) == (CARRIER, "confirmed")
    assert told.holder(10) == (CARRIER, "confirmed")  # never seen to leave A, so it is not taken to be at C
    beyond = [
        consignment.Beyond(tracker_id=GOODS_BOX, place_id=A, since_ms=at(1), before_ms=at(1.5), time_ms=at(2), trust=3)
    ]
    told = tell(
        cross_dock(),
        assignments=[on_truck(TRUCK2_BOX, TRUCK2), on_goods(since=1, until=2.5)],
        beyond=beyond,
        visits=CROSSING[2:],
    )
    assert told.holder(2) == (CARRIER, "provisional")
    assert told.holder(7) == (SECOND, "provisional")
    assert told.holder(9) == (CONSIGNEE, "provisional")


def test_cross_dock_with_a_warehouse_between_the_carriers():
    told = tell(
        cross_dock(),
        assignments=[on_truck(), on_truck(TRUCK2_BOX, TRUCK2)],
        visits=[visit(1, A, 1, 2), visit(2, C, 4, 5), visit(3, C, 6, 7, TRUCK2_BOX), visit(4, B, 9, None, TRUCK2_BOX)],
        facts=[handover(7, 4.5, 2, CARRIER, OTHER)],
    )
    assert told.holder(4.5) == (OTHER, "confirmed")
    assert told.holder(7) == (SECOND, "provisional")
    assert told.entry("picked_up", stop_seq=2).from_party == OTHER
    assert told.holder(9) == (CONSIGNEE, "provisional")
    assert told.problems() == []


def test_confirmed_handover_between_carriers_at_the_dock():
    told = tell(
        cross_dock(),
        assignments=[on_truck(), on_truck(TRUCK2_BOX, TRUCK2)],
        visits=[visit(1, A, 1, 2), visit(2, C, 4, 5), visit(3, C, 6, 7, TRUCK2_BOX), visit(4, B, 9, None, TRUCK2_BOX)],
        facts=[handover(7, 6.5, 2, CARRIER, SECOND)],
    )
    assert told.holder(6.4) == (CARRIER, "provisional")
    assert told.holder(6.5) == told.holder(8) == (SECOND, "confirmed")
    assert told.holder(9) == (CONSIGNEE, "provisional")
    assert told.problems() == []
