"""The simulated world holds what the rest of the demo relies on, and is handed in as the service's forms want it."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from fleettrack.demo import goods, ground, lives, motion, people, seed, trips, truth, world
from fleettrack.geofence import geojson, shapes
from fleettrack.serials import gs1
from fleettrack.services.forms import actors as actor_forms
from fleettrack.services.forms import goods as goods_forms

EPOCH_S = 1_700_000_000.0


def some_trips(truck: world.Truck, number: int) -> list[trips.Trip]:
    return list(itertools.islice(trips.of_truck(truck, 7, EPOCH_S), number))


@given(number=st.integers(0, 2**32), trucks=st.integers(1, 120))
@settings(max_examples=20)
def test_the_same_seed_makes_the_same_world(number: int, trucks: int) -> None:
    one = world.build(number, trucks)
    assert one == world.build(number, trucks)
    assert len({truck.ref for truck in one.trucks} | {truck.tracker for truck in one.trucks}) == 2 * trucks
    assert len({company.ref for company in one.companies()}) == len(one.companies())
    if trucks >= world.TRUCKS_PER_TOWN * 4:
        assert {truck.talk for truck in one.trucks} == set(world.TALKS)


@given(number=st.integers(0, 2**32))
@settings(max_examples=20)
def test_fences_lie_apart(number: int) -> None:
    for town in world.build(number, 8).towns:
        for one, other in itertools.combinations(town.sites, 2):
            apart = math.dist(one.fence.centre, other.fence.centre) - one.fence.reach - other.fence.reach
            assert apart > 300


@given(number=st.integers(0, 2**32), truck=st.integers(0, 7))
@settings(max_examples=10)
def test_a_truck_never_jumps_and_stops_where_it_arrives(number: int, truck: int) -> None:
    driver = world.build(number, 8).trucks[truck]
    some = list(itertools.islice(trips.of_truck(driver, number, EPOCH_S), 3))
    pieces = [piece for trip in some for piece in trip.pieces]
    for before, after in itertools.pairwise(pieces):
        assert before.end_s == after.start_s
        there = before.state(before.end_s).at
        assert math.dist(there, after.state(after.start_s).at) < 0.01
    for second in range(int(EPOCH_S), int(some[-1].end_s), 7):
        state = motion.state(pieces, second)
        assert 0 <= state.speed <= 16.0
        assert math.dist(state.at, motion.state(pieces, second + 1).at) < 17.0
    for trip in some:
        for event in trip.events:
            if isinstance(event, trips.Arrival):
                assert event.site.fence.depth(motion.state(pieces, event.stopped_s).at) > 40
                assert event.time_s < event.stopped_s < event.leaves_s - truth.HALT_S
            elif isinstance(event, trips.Passing):
                assert event.stood_s < truth.HALT_S


def test_what_a_truck_takes_on_it_delivers() -> None:
    for trip in some_trips(world.build(7, 8).trucks[0], 6):
        taken = [s for e in trip.events if isinstance(e, trips.Departure) for s in e.taken]
        delivered = [s for e in trip.events if isinstance(e, trips.Arrival) for s in e.delivered]
        assert taken == delivered == list(trip.shipments)
        for event in trip.events:
            if isinstance(event, trips.Arrival):
                assert all(s.drop == event.site for s in event.delivered)


def test_one_truck_in_six_stands_at_a_drop_from_the_start() -> None:
    place = world.build(7, 30)
    for truck in place.trucks[:: trips.INSIDE_EACH]:
        start_s = trips.starts_s(truck, place.seed, EPOCH_S)
        trip = next(trips.of_truck(truck, place.seed, start_s))
        standing = [e for e in trip.events if isinstance(e, trips.Arrival) and e.stopped_s < EPOCH_S < e.leaves_s]
        assert len(standing) == 1
        assert standing[0].delivered
        assert EPOCH_S - standing[0].stopped_s > truth.HALT_S
    for _, order in seed.first_orders(place, EPOCH_S):
        assert order.trip.number == 1


def test_the_order_of_a_day_is_that_of_time() -> None:
    truck = world.build(7, 8).trucks[3]
    some = list(itertools.islice(lives.acts(truck, 7, EPOCH_S), 500))
    times = [time_s for time_s, _ in some]
    assert times == sorted(times)
    again = list(itertools.islice(lives.acts(truck, 7, EPOCH_S), 500))
    assert [act for _, act in some if not isinstance(act, lives.Order)] == [
        act for _, act in again if not isinstance(act, lives.Order)
    ]


@given(trip=st.integers(1, 9_999), number=st.integers(0, 1), truck=st.integers(0, 95))
@settings(max_examples=20)
def test_goods_have_keys_that_gs1_allows(trip: int, number: int, truck: int) -> None:
    load = goods.load(world.build(7, 96).trucks[truck], trip, number, EPOCH_S)
    assert gs1.gtin14(load.gtin) == load.gtin
    assert gs1.sscc(load.unit) == load.unit
    assert [gs1.serial(serial) for serial in load.serials] == list(load.serials)


def test_orders_and_sites_are_what_the_forms_take() -> None:
    place = world.build(7, 8)
    for truck in place.trucks:
        for trip in some_trips(truck, 2):
            for shipment in trip.shipments:
                body = json.dumps(people.consignment(truck, shipment, trip))
                form = msgspec.json.decode(body, type=goods_forms.NewConsignment)
                assert [stop.role for stop in form.stops] == ["pickup", "drop"]
                assert len(form.items) == len(shipment.load.serials)
    for town, site in place.sites():
        form_of_place = msgspec.json.decode(json.dumps(seed.site(town, site)), type=actor_forms.NewPlace)
        (fence,) = form_of_place.geofences
        assert fence.rules == {"silence_s": world.SILENCE_S}


@given(number=st.integers(0, 2**32))
@settings(max_examples=20)
def test_fences_are_the_same_on_earth_as_on_the_flat_ground(number: int) -> None:
    (town,) = world.build(number, 8).towns
    for site in town.sites:
        shape = geojson.read(site.fence.geojson(town.centre))
        if isinstance(site.fence, ground.Circle):
            assert isinstance(shape, shapes.Circle)
            assert shape.radius_m == site.fence.radius
        else:
            assert isinstance(shape, shapes.Area)
            assert site.fence.depth(site.fence.centre) > 90
            assert all(abs(site.fence.depth(corner)) < 1e-6 for corner in site.fence.corners)


def test_the_fleet_knows_no_database() -> None:
    script = "import sys, fleettrack.demo.fleet; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert "fleettrack.demo.fleet" in said
    assert not [name for name in said if name.startswith(("psycopg", "fleettrack.storage", "fleettrack.services"))]
