"""What it means for a cohort that a tracker leaves a place, or is found far from one."""

from __future__ import annotations

from fleettrack.domain import consignment
from fleettrack.domain.journey import governing, passage, slots, statements, world


def depart(trip: passage.Passage, visit: consignment.Visit, at_ms: int) -> None:
    """Take note of the end of a visit."""
    standing = trip.standing(visit, at_ms)
    if trip.settled is not None:
        _depart_after_receipt(trip, visit, at_ms, standing)
        return
    _open_ride(trip, visit, at_ms)
    stop = trip.seen.route.stops.get(trip.at) if trip.at is not None else None
    if stop is None or stop.place_id != visit.place_id:
        return
    if stop.seq == trip.last:
        _leave_drop(trip, stop, visit, at_ms, standing)
    elif standing is not None and standing.governs and _may_leave(trip, stop.seq):
        trip.write(f"stop:{stop.seq}/departure/visit:{visit.id}", "departed", at_ms, seq=stop.seq, visit=visit)
        _leave(trip, stop.seq, at_ms, visit.exit_trust, visit=visit)


def infer(trip: passage.Passage, far: consignment.Beyond, at_ms: int) -> None:
    """Conclude from a fix far from the pickup that the goods have left it, though nobody saw them there."""
    if trip.first is None or trip.settled is not None:
        return
    stop = trip.seen.route.stops.get(trip.first)
    if stop is None or stop.place_id != far.place_id or not _may_leave(trip, stop.seq):
        return
    on = trip.watchers.on(at_ms, None)
    known = any(w.tracker_id == far.tracker_id for w in on)
    if not known or not trip.watchers.governs(far.tracker_id, at_ms, on):
        return
    between = passage.Interval(far.before_ms, far.time_ms)
    also = (f"tracker:{far.tracker_id}",)  # there is no visit to name
    if trip.at is None:
        _prove(trip, stop.seq, at_ms, far.trust, between, also)
        return
    if trip.at != stop.seq or trip.arrival is not None or _still_to_come(trip, stop, at_ms):
        return
    slot = f"stop:{stop.seq}/departure/inferred"
    trip.write(slot, "departure_inferred", at_ms, seq=stop.seq, between=between, also=also)
    _leave(trip, stop.seq, at_ms, far.trust, between=between, also=also)


def _prove(
    trip: passage.Passage, seq: int, at_ms: int, trust: int, between: passage.Interval, also: tuple[str, ...]
) -> None:
    """Let goods that are on their way from a stop be picked up after all, if that was proposed only."""
    slot = slots.pickup(seq)
    proposal = trip.book.get(slot)
    if proposal is None or proposal.status != "proposed" or not trip.trusts(trust):
        return
    if trip.left is None or trip.left[0] != seq or trip.holder != proposal.from_party:
        return
    del trip.book[slot]  # so that it is in its place in the order
    trip.move(slot, "picked_up", proposal.to_party, at_ms, seq=seq, between=between, also=also)


def _may_leave(trip: passage.Passage, seq: int) -> bool:
    """Tell whether the goods can have left a stop with their carrier: not where people say that they stayed."""
    stays = any(deed.outcome in slots.STAYS for deed in trip.slots.pickups.get(seq, ()))
    return not stays and seq not in trip.seen.skipped


def _still_to_come(trip: passage.Passage, stop: consignment.Stop, at_ms: int) -> bool:
    """Tell whether the first of its stops that the goods are seen at from now on is the pickup itself."""
    places = {s.place_id for s in trip.stops}
    visits = [
        v
        for w in trip.watchers.fixed
        for v in trip.seen.visits.get(w.tracker_id, ())
        if v.place_id in places and w.from_ms <= v.enter_ms < w.to_ms and at_ms <= v.enter_ms
    ]
    first = min(visits, key=world.in_order, default=None)
    return first is not None and first.place_id == stop.place_id


def _leave(
    trip: passage.Passage,
    seq: int,
    at_ms: int,
    trust: int,
    *,
    visit: consignment.Visit | None = None,
    between: passage.Interval | None = None,
    also: tuple[str, ...] = (),
) -> None:
    """Leave a stop for the next; where a leg starts, its carrier gets the goods, unless a handover says who did."""
    changes = trip.changes_at(seq)
    trip.at, trip.arrival, trip.left = None, None, (seq, at_ms)
    trip.done.setdefault(seq, at_ms)
    trip.departed[seq] = at_ms
    leg = trip.seen.route.leg_out(seq)
    if leg is None or not changes:
        return
    if deeds := trip.slots.pickups.get(seq):
        for deed in deeds:  # one stated later cannot mean later: the goods were gone
            if deed.open_time and deed.fact.event_ms >= at_ms and deed.fact.id not in trip.spoken:
                statements.hand_over(trip, deed, at_ms)
        return
    if seq != trip.first and trip.holder == leg.carrier_id:
        return
    slot = slots.pickup(seq)
    if trip.trusts(trust):
        trip.move(slot, "picked_up", leg.carrier_id, at_ms, seq=seq, visit=visit, between=between, also=also)
    else:
        trip.write(
            slot,
            "proposed",
            at_ms,
            seq=seq,
            to_party=leg.carrier_id,
            status="proposed",
            visit=visit,
            between=between,
            also=also,
        )


def _leave_drop(
    trip: passage.Passage,
    stop: consignment.Stop,
    visit: consignment.Visit,
    at_ms: int,
    standing: passage.Standing | None,
) -> None:
    """Judge a departure from the drop: turned away, an empty truck, or no departure at all."""
    on_goods = standing is not None and standing.governs and standing.on_goods
    by_truck = trip.arrival is not None and trip.arrival.visit.id == visit.id and not trip.arrival.on_goods
    arrived_ms = trip.arrival.visit.lo_ms if trip.arrival else at_ms
    if not (on_goods or by_truck) or trip.watchers.unloaded(arrived_ms, at_ms):
        return
    deed, refused = trip.slots.deliveries.get(stop.seq), stop.seq in trip.slots.refusals
    again = deed is not None and trip.watchers.come_again(stop.place_id, at_ms, world.stated_ms(deed.fact))
    if deed is not None and not refused and not again:
        return  # a receipt closes the slot: this was no departure of the goods
    explained = deed is not None or refused or statements.moved_since(trip, stop.seq)
    if not on_goods:
        if not explained:
            detail = "the vehicle left the drop, and nobody has confirmed the delivery"
            trip.problem("delivery_unconfirmed", at_ms, detail, seq=stop.seq, visit=visit)
        trip.departed[stop.seq] = at_ms
        return
    if not explained:
        trip.problem("left_with_goods", at_ms, "the goods' own tracker left the drop", seq=stop.seq, visit=visit)
        if not trip.trusts(visit.exit_trust):
            return
        statements.take_back(trip, stop.seq)
    trip.write(f"stop:{stop.seq}/departure/visit:{visit.id}", "departed", at_ms, seq=stop.seq, visit=visit)
    trip.at, trip.arrival, trip.left = None, None, (stop.seq, at_ms)
    trip.departed[stop.seq] = at_ms


def _depart_after_receipt(
    trip: passage.Passage, visit: consignment.Visit, at_ms: int, standing: passage.Standing | None
) -> None:
    """Note when goods that were received seem to leave their pickup only now. A confirmed receipt ends assignments."""
    stop = trip.seen.route.stops.get(trip.first) if trip.first is not None else None
    if stop is None or stop.place_id != visit.place_id or stop.seq in trip.done or trip.settled is None:
        return
    watched = standing is not None and standing.governs
    returning = standing is not None and standing.on_goods and trip.settled.fact.level >= slots.CONFIRMS
    if (watched or trip.plans(visit, at_ms, stop)) and not returning:
        detail = "left the pickup after the goods were received"
        trip.problem("sequence_conflict", at_ms, detail, seq=stop.seq, visit=visit, fact=trip.settled.fact)


def _open_ride(trip: passage.Passage, visit: consignment.Visit, at_ms: int) -> None:
    """Open the planned load of a vehicle that leaves the stop where the goods are, or were while it stood there."""
    for stop in trip.stops:
        just_left = trip.at is None and trip.left is not None and trip.left[0] == stop.seq
        here = stop.seq == trip.at or (just_left and trip.departed[stop.seq] >= visit.enter_ms)
        leg = trip.seen.route.leg_out(stop.seq)
        if here and leg is not None and leg.vehicle_id is not None and trip.plans(visit, at_ms, stop):
            if not trip.scanned_at(stop.seq, at_ms):
                end_ms = trip.watchers.next_scan(at_ms)
                trip.ride = governing.Ride(leg.vehicle_id, leg.to_seq, at_ms, end_ms)
            return
