"""What people stated about one cohort, by transfer slot: inside a slot evidence competes, between slots time decides.

Slots are named in words, which become the keys of entries: "stop:2/delivery" is shared by the geofence's provisional
transfer and the receipt that confirms it, so that the one supersedes the other in the ledger.
"""

from __future__ import annotations

from collections import defaultdict

import msgspec

from fleettrack.domain import consignment, custody
from fleettrack.domain.journey import cohorts, route, world

Level = consignment.Level

CONFIRMS = Level.SCAN
"""From this level on a fact is confirmed: somebody looked. A dock read alone stays provisional."""

STAYS: frozenset[consignment.Outcome] = frozenset(("short", "refused"))
"""Outcomes by which goods do not pass to the receiver."""


def delivery(seq: int) -> str:
    """Name the slot of passing goods to a stop's party."""
    return f"stop:{seq}/delivery"


def pickup(seq: int) -> str:
    """Name the slot of passing goods to the carrier of the leg from a stop."""
    return f"stop:{seq}/pickup"


def status(level: Level) -> custody.Status:
    """Return how firm a custody move of this evidence is."""
    return "confirmed" if level >= CONFIRMS else "provisional"


class Deed(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The statement that decides a slot."""

    slot: str
    fact: consignment.Fact
    outcome: consignment.Outcome
    stop_seq: int | None
    outbound: bool = False  # takes the goods away from the stop
    outdone: tuple[int, ...] = ()  # the other statements of the slot: they agree, or weigh less

    @property
    def open_time(self) -> bool:
        """Whether it leaves open when it took effect: then the movement it belongs to says so."""
        return self.fact.effective_ms is None


class Slots:
    """The deciding statements about a cohort, in the order of their own times, and by what they close."""

    def __init__(self, cohort: cohorts.Cohort, seen: world.World) -> None:
        self.deeds = sorted(_decided(cohort, seen), key=_order)
        self.deliveries: dict[int, Deed] = {}
        self.refusals: dict[int, Deed] = {}
        self.pickups: defaultdict[int, list[Deed]] = defaultdict(list)
        for deed in self.deeds:
            if deed.stop_seq is None:
                continue
            if deed.outbound:
                self.pickups[deed.stop_seq].append(deed)
            elif deed.outcome == "refused":
                self.refusals[deed.stop_seq] = deed
            elif deed.slot == delivery(deed.stop_seq):
                self.deliveries[deed.stop_seq] = deed


def _order(deed: Deed) -> tuple[int, Level, bool, int]:
    """By time; at one time the better evidence, then what names objects, has the last word."""
    return world.stated_ms(deed.fact), deed.fact.level, bool(deed.fact.objects), deed.fact.id


def _decided(cohort: cohorts.Cohort, seen: world.World) -> list[Deed]:
    competing: defaultdict[str, list[Deed]] = defaultdict(list)
    listed = dict(cohort.signature.outcomes)
    for fact in seen.facts:
        if fact.kind == "receipt" or fact.kind == "handover":
            deed = _deed(fact, listed.get(fact.id), cohort, seen.route)
            if deed is not None:
                competing[deed.slot].append(deed)
    return [_best(deeds) for deeds in competing.values()]


def _best(deeds: list[Deed]) -> Deed:
    """Let the best evidence decide; of equal evidence the last statement, told by whoever said the same first."""
    if len(deeds) == 1:
        return deeds[0]
    last = max(deeds, key=lambda d: (d.fact.level, d.fact.event_ms, d.fact.id))
    same = [
        d
        for d in deeds
        if (d.fact.level, d.outcome, d.fact.to_party) == (last.fact.level, last.outcome, last.fact.to_party)
    ]
    first = min(same, key=lambda d: (d.fact.event_ms, d.fact.id))
    outdone = tuple(sorted(d.fact.id for d in deeds if d is not first))
    return msgspec.structs.replace(first, outdone=outdone)


def _deed(
    fact: consignment.Fact, listed: consignment.Outcome | None, cohort: cohorts.Cohort, plan: route.Route
) -> Deed | None:
    """Return what a fact means for a cohort, None where it does not concern it."""
    item_set = cohort.item_set
    seq = fact.stop_seq
    if seq is None and fact.kind == "receipt" and item_set is not None:
        seq = item_set.to_seq
    if listed is None and (fact.only_listed or item_set is None or not _due(fact, seq, item_set, plan)):
        return None
    at = f"fact:{fact.id}" if seq is None else f"stop:{seq}"
    outcome = listed or ("received" if fact.kind == "receipt" else "handed_over")
    arriving = f"{at}/{'refusal' if outcome == 'refused' else 'delivery'}"
    if fact.kind == "receipt":
        return Deed(slot=arriving, fact=fact, outcome=outcome, stop_seq=seq)
    if seq is None:
        return Deed(slot=f"{at}/handover", fact=fact, outcome=outcome, stop_seq=None)
    outbound = _outbound(fact, seq, item_set, plan)
    if not outbound and item_set is not None and item_set.to_seq == seq:
        slot = arriving
    elif outbound and (outcome in STAYS or fact.to_party in (None, _carrier_out(seq, plan))):
        slot = pickup(seq)
    else:
        slot = f"{at}/handover/to:{fact.to_party}"
    return Deed(slot=slot, fact=fact, outcome=outcome, stop_seq=seq, outbound=outbound)


def _due(fact: consignment.Fact, seq: int | None, item_set: consignment.ItemSet, plan: route.Route) -> bool:
    """Tell whether a fact that lists no objects of a set speaks of it all the same."""
    if seq is None:
        return True  # a handover on the way: of whatever is under way then
    if seq == item_set.to_seq:
        return not _takes_away(fact, seq, plan)
    if fact.kind == "receipt" or not item_set.from_seq <= seq < item_set.to_seq:
        return False
    if seq != item_set.from_seq:
        return plan.leg_starts(seq)
    stop = plan.stops.get(seq)
    third = stop is not None and stop.role == "pickup" and fact.to_party != stop.party_id
    return fact.to_party is None or third or _takes_away(fact, seq, plan)


def _takes_away(fact: consignment.Fact, seq: int, plan: route.Route) -> bool:
    """Tell whether a handover at a stop is to the carrier who goes on from there."""
    return fact.kind == "handover" and fact.to_party is not None and fact.to_party == _carrier_out(seq, plan)


def _outbound(fact: consignment.Fact, seq: int, item_set: consignment.ItemSet | None, plan: route.Route) -> bool:
    """Tell whether a handover takes goods away from a stop, rather than bringing them to it."""
    if item_set is not None and item_set.to_seq == seq:
        return False
    stop = plan.stops.get(seq)
    return stop is None or fact.to_party is None or fact.to_party != stop.party_id or _takes_away(fact, seq, plan)


def _carrier_out(seq: int, plan: route.Route) -> int | None:
    leg = plan.leg_out(seq)
    return leg.carrier_id if leg else None
