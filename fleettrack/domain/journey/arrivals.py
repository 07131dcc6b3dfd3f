"""What it means for a cohort that a tracker is at a place."""

from __future__ import annotations

from fleettrack.domain import consignment
from fleettrack.domain.journey import matching, passage, slots, statements, world

PASSING_CLASSES = frozenset(("depot", "fuel", "rest", "border"))
"""Places where every truck may halt without being asked."""


def arrive(trip: passage.Passage, visit: consignment.Visit, at_ms: int) -> None:
    """Take note of a visit at the moment its tracker, being on the goods, is at the place."""
    standing = trip.standing(visit, at_ms)
    if standing is None:
        _early_vehicle(trip, visit, at_ms)
        return
    trip.met[visit.id] = visit
    if trip.settled or visit.id in trip.matched:
        return
    _divergence(trip, visit, at_ms)
    if trip.arrival is not None and _still_there(trip.arrival.visit, visit, at_ms):
        return
    stop = matching.match(trip, visit.place_id, at_ms)
    if stop is not None and trip.arrival is not None and trip.arrival.seq == stop.seq:
        return  # they are there already: another tracker, or another gate
    if standing.governs:
        if stop is None:
            _unexpected(trip, visit, at_ms)
        else:
            trip.matched.add(visit.id)
            _arrived(trip, stop, passage.Arrival(stop.seq, at_ms, visit, standing.on_goods))
    if stop is not None and not standing.on_goods:
        _end_ride(trip, stop)


def _still_there(before: consignment.Visit, visit: consignment.Visit, at_ms: int) -> bool:
    """Tell whether a tracker is still at the stop before: neighbouring fences overlap. It arrives when it has left."""
    return before.tracker_id == visit.tracker_id and at_ms < world.end(before.exit_ms)


def _end_ride(trip: passage.Passage, stop: consignment.Stop) -> None:
    """End a planned load where its leg, or the goods' way, ends."""
    if trip.ride is not None and (stop.seq == trip.last or stop.seq >= trip.ride.to_seq):
        trip.ride = None


def _arrived(trip: passage.Passage, stop: consignment.Stop, arrival: passage.Arrival) -> None:
    trip.arrived.setdefault(stop.seq, arrival.at_ms)
    trip.write(
        f"stop:{stop.seq}/arrival/visit:{arrival.visit.id}",
        "arrived",
        arrival.at_ms,
        seq=stop.seq,
        visit=arrival.visit,
        between=_between(arrival),
    )
    if stop.seq == trip.last and stop.role != "pickup":
        if not _may_deliver(trip, stop, arrival):
            return
        trip.at, trip.arrival = stop.seq, arrival
        _deliver(trip, stop, arrival)
    else:
        trip.at, trip.arrival = stop.seq, arrival
    _out_of_sequence(trip, stop, arrival)


def _between(arrival: passage.Arrival) -> passage.Interval:
    """Return the uncertainty of an arrival: that of the visit, but not before the tracker was on the goods."""
    visit = arrival.visit
    start = arrival.at_ms if arrival.at_ms > visit.enter_ms else visit.lo_ms
    return passage.Interval(start, max(visit.hi_ms, start))


def _may_deliver(trip: passage.Passage, stop: consignment.Stop, arrival: passage.Arrival) -> bool:
    """Tell whether the goods are the leg's carrier's to deliver; where a receipt says how it ended, it decides."""
    if trip.holder == trip.seen.route.carrier_into(stop.seq) or stop.seq in trip.slots.deliveries:
        return True
    kind, detail = "not_held_by_carrier", "arrived at the drop, but the goods are not held by the leg's carrier"
    if trip.level >= slots.CONFIRMS:
        kind, detail = "sequence_conflict", "arrived at the drop, but a confirmed fact gave the goods to another party"
    trip.problem(kind, arrival.at_ms, detail, seq=stop.seq, visit=arrival.visit)
    return False


def _deliver(trip: passage.Passage, stop: consignment.Stop, arrival: passage.Arrival) -> None:
    """Do what the stop's `on_arrival` says, unless people said more about this delivery."""
    deed = trip.slots.deliveries.get(stop.seq)
    if deed is not None:
        _receive_on_arrival(trip, stop, arrival, deed)
        return
    visit, slot = arrival.visit, slots.delivery(stop.seq)
    if stop.on_arrival == "transfer" and trip.trusts(visit.trust):
        trip.move(
            slot, "transferred", stop.party_id, arrival.at_ms, seq=stop.seq, visit=visit, between=_between(arrival)
        )
        trip.done[stop.seq] = arrival.at_ms
    elif stop.on_arrival != "record":
        trip.write(
            slot,
            "proposed",
            arrival.at_ms,
            seq=stop.seq,
            to_party=stop.party_id,
            status="proposed",
            visit=visit,
            between=_between(arrival),
        )


def _receive_on_arrival(
    trip: passage.Passage, stop: consignment.Stop, arrival: passage.Arrival, deed: slots.Deed
) -> None:
    """Let a receipt that leaves its time open take effect now, if this is the arrival it speaks of."""
    stated = world.stated_ms(deed.fact)
    if not deed.open_time or deed.fact.kind != "receipt" or stated < arrival.at_ms:
        return
    refusal = trip.slots.refusals.get(stop.seq)
    if refusal is not None and arrival.at_ms <= world.stated_ms(refusal.fact) < stated:
        return  # this arrival ended in a refusal; the receipt is of a later one
    if not trip.watchers.come_again(stop.place_id, world.end(arrival.visit.exit_ms), stated):
        statements.receive(trip, deed, arrival.at_ms)


def _out_of_sequence(trip: passage.Passage, stop: consignment.Stop, arrival: passage.Arrival) -> None:
    skipped = matching.passed_over(trip, stop)
    if skipped:
        detail = "arrived before " + ", ".join(f"stop {seq}" for seq in skipped)
        trip.problem("out_of_sequence", arrival.at_ms, detail, seq=stop.seq, visit=arrival.visit)


def _unexpected(trip: passage.Passage, visit: consignment.Visit, at_ms: int) -> None:
    """Note a halt at a known place that is no stop, once the goods are under way."""
    if (
        trip.left is not None
        and trip.at is None
        and not visit.expected
        and visit.place_class not in PASSING_CLASSES
        and visit.place_id not in trip.seen.route.places
    ):
        trip.problem("unexpected_stop", at_ms, "halted at a known place that is no stop", visit=visit)


def _divergence(trip: passage.Passage, visit: consignment.Visit, at_ms: int) -> None:
    """Note when another tracker of the same goods was far from where this one arrived."""
    far = trip.seen.far.get(visit.id)
    if not far or all(s.place_id != visit.place_id for s in trip.stops):
        return
    for watch in trip.watchers.on(at_ms, trip.ride):
        if watch.tracker_id in far and watch.tracker_id != visit.tracker_id:
            detail = "another tracker of the same goods was more than 1 km away"
            trip.problem("divergence", at_ms, detail, visit=visit, also=f"tracker:{watch.tracker_id}")


def _early_vehicle(trip: passage.Passage, visit: consignment.Visit, at_ms: int) -> None:
    """Note when the planned vehicle is at the drop before it took the goods on. Nothing arrived: nothing is written."""
    if trip.first is None or trip.last is None or trip.at != trip.first or trip.first in trip.done or trip.settled:
        return
    plan = trip.seen.route
    start, drop, leg = plan.stops.get(trip.first), plan.stops.get(trip.last), plan.leg_out(trip.first)
    if start is None or drop is None or leg is None or leg.to_seq < drop.seq:
        return
    if plan.earlier_at_same_place(drop) is not None:  # it may be there for that
        return
    if visit.place_id != drop.place_id or at_ms < plan.plan_from_ms(start.seq):
        return
    on = trip.watchers.on(at_ms, None)
    speaks = trip.drives(visit.tracker_id, leg.vehicle_id, at_ms) and trip.watchers.governs(visit.tracker_id, at_ms, on)
    if speaks and not trip.scanned_at(start.seq, at_ms):
        detail = "the planned vehicle was at the drop before it left the pickup"
        trip.problem("not_held_by_carrier", at_ms, detail, seq=drop.seq, visit=visit)
