"""What receipts and handovers do to a cohort: they decide, and what contradicts them is told, never refused here."""

from __future__ import annotations

from fleettrack.domain import custody
from fleettrack.domain.journey import passage, slots


def take_effect(trip: passage.Passage, deed: slots.Deed, at_ms: int) -> None:
    """Apply a statement at its own time, unless a movement has already shown its real one."""
    if deed.fact.id in trip.spoken:
        return
    if deed.fact.kind == "receipt":
        receive(trip, deed, at_ms)
    else:
        hand_over(trip, deed, at_ms)


def receive(trip: passage.Passage, deed: slots.Deed, at_ms: int) -> None:
    """Apply a receipt: the goods pass to the receiver, or it is said why not."""
    trip.spoken.add(deed.fact.id)
    if deed.outcome == "refused":
        _refuse(trip, deed, at_ms, _carrier_to(trip, deed))
        return
    seq, fact = deed.stop_seq, deed.fact
    if trip.settled is not None and trip.settled.stop_seq != seq:
        trip.problem("sequence_conflict", at_ms, "received at more than one stop", seq=seq, fact=fact)
    if deed.outcome == "short":
        _short(trip, deed, at_ms)
    else:
        kind: custody.EntryKind = "damaged" if deed.outcome == "damaged" else "received"
        kind = "over" if deed.outcome == "over" else kind
        _move(trip, deed, kind, _receiver(trip, deed), at_ms)
        if deed.outcome in ("damaged", "over"):
            trip.problem(deed.outcome, at_ms, f"received, but {deed.outcome}", seq=seq, fact=fact)
    _settle(trip, deed, at_ms)


def hand_over(trip: passage.Passage, deed: slots.Deed, at_ms: int) -> None:
    """Apply a handover between two parties, at a stop or on the way."""
    fact, seq, route = deed.fact, deed.stop_seq, trip.seen.route
    if seq is None and not fact.only_listed and not _lists(trip, deed) and _delivered(trip):
        return  # it speaks of what is under way
    trip.spoken.add(fact.id)
    if deed.outcome == "refused":
        _refuse(trip, deed, at_ms, trip.holder)
        return
    if deed.outcome == "short":
        _short(trip, deed, at_ms)
        return
    leg = route.leg_out(seq) if seq is not None and deed.outbound else None
    to_party = fact.to_party or (leg.carrier_id if leg else None) or (None if seq is None else _receiver(trip, deed))
    if to_party is None:
        trip.problem("sequence_conflict", at_ms, "a handover to nobody", seq=seq, fact=fact)
        return
    if _contradicts(trip, deed):
        trip.problem("sequence_conflict", at_ms, "handed over by a party that did not hold it", seq=seq, fact=fact)
    kind: custody.EntryKind = "picked_up" if leg is not None and to_party == leg.carrier_id else "handed_over"
    if deed.outcome == "damaged":
        kind = "damaged"
        trip.problem("damaged", at_ms, "handed over damaged", seq=seq, fact=fact)
    _move(trip, deed, kind, to_party, at_ms)
    if seq is None:
        return
    if deed.outbound:
        trip.done.setdefault(seq, at_ms)
    elif deed.slot == slots.delivery(seq):
        _settle(trip, deed, at_ms)


def take_back(trip: passage.Passage, seq: int) -> None:
    """Take back what the geofence made of an arrival: the carrier held the goods throughout."""
    entry = trip.book.pop(slots.delivery(seq), None)
    trip.done.pop(seq, None)
    if entry is not None and entry.status != "proposed":
        trip.holder, trip.level = trip.before


def moved_since(trip: passage.Passage, seq: int) -> bool:
    """Tell whether people have passed the goods on since a geofence gave them to a stop's party."""
    entry = trip.book.get(slots.delivery(seq))
    return entry is not None and entry.status != "proposed" and trip.moved_ms != entry.event_ms


def _move(trip: passage.Passage, deed: slots.Deed, kind: custody.EntryKind, to_party: int | None, at_ms: int) -> None:
    trip.move(
        deed.slot,
        kind,
        to_party,
        at_ms,
        seq=deed.stop_seq,
        level=deed.fact.level,
        fact=deed.fact,
        also=_also(trip, deed),
    )


def _also(trip: passage.Passage, deed: slots.Deed) -> tuple[str, ...]:
    """Name what else speaks for it: the other statements of the slot, and the visit it took place in."""
    also = [f"fact:{fact_id}" for fact_id in deed.outdone]
    if trip.arrival is not None and trip.arrival.seq == deed.stop_seq:
        also.append(f"visit:{trip.arrival.visit.id}")
    return tuple(also)


def _settle(trip: passage.Passage, deed: slots.Deed, at_ms: int) -> None:
    """End the passage: nothing a tracker says moves these goods any more."""
    trip.settled, trip.settled_ms = deed, at_ms
    trip.ride = None
    _halt(trip, deed, at_ms)


def _halt(trip: passage.Passage, deed: slots.Deed, at_ms: int) -> None:
    """The goods are at the stop of the statement, seen there or not, and the stop is served."""
    if deed.stop_seq is not None:
        trip.done.setdefault(deed.stop_seq, at_ms)
        if trip.at != deed.stop_seq:
            trip.at, trip.arrival = deed.stop_seq, None


def _short(trip: passage.Passage, deed: slots.Deed, at_ms: int) -> None:
    """What was short stays with whoever held it last, with an open claim."""
    trip.write(
        deed.slot, "short", at_ms, seq=deed.stop_seq, level=deed.fact.level, fact=deed.fact, also=_also(trip, deed)
    )
    trip.problem("short", at_ms, "expected, but not there", seq=deed.stop_seq, fact=deed.fact)
    _settle(trip, deed, at_ms)


def _refuse(trip: passage.Passage, deed: slots.Deed, at_ms: int, to_party: int | None) -> None:
    """What was refused goes back to, or stays with, who brought it; refused at a drop, it travels on."""
    _move(trip, deed, "refused", to_party, at_ms)
    trip.problem("refused", at_ms, "refused", seq=deed.stop_seq, fact=deed.fact)
    if deed.outbound:
        _settle(trip, deed, at_ms)
    else:
        trip.settled = None
        _halt(trip, deed, at_ms)


def _carrier_to(trip: passage.Passage, deed: slots.Deed) -> int | None:
    carrier = trip.seen.route.carrier_into(deed.stop_seq) if deed.stop_seq is not None else None
    return trip.holder if carrier is None else carrier


def _receiver(trip: passage.Passage, deed: slots.Deed) -> int:
    """Return who receives: whom the statement names, else the stop's party."""
    stop = trip.seen.route.stops.get(deed.stop_seq) if deed.stop_seq is not None else None
    return deed.fact.to_party or (stop.party_id if stop else trip.seen.plan.consignee_id)


def _lists(trip: passage.Passage, deed: slots.Deed) -> bool:
    return deed.fact.id in dict(trip.cohort.signature.outcomes)


def _delivered(trip: passage.Passage) -> bool:
    return trip.settled is not None or (trip.last is not None and trip.last in trip.done)


def _contradicts(trip: passage.Passage, deed: slots.Deed) -> bool:
    """Tell whether a handover does not continue from the present holder."""
    if deed.fact.from_party is not None:
        return deed.fact.from_party != trip.holder
    return trip.settled is not None and deed.outbound
