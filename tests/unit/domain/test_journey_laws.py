"""Laws L2, L3, L5 and L9 of the second fold, over random worlds revealed in random order."""

from __future__ import annotations

import itertools

import msgspec
import stories as s
import worlds
from hypothesis import given
from hypothesis import strategies as st

from fleettrack.domain import consignment, custody, effective, fix, journey, ledger_diff

GRID = [s.at(hour) for hour in (-1, 0, 2, 4, 6, 8, 10, 13, 16, 20, 25, 40)]


class Row(msgspec.Struct):
    """One entry of a small ledger in memory: known from `recorded`, in force until `ended` (both knowledge time)."""

    id: int
    entry: custody.Entry
    recorded: int
    ended: int | None = None


class Ledger:
    """Append-only, and read as of any knowledge time."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def learn(self, told: custody.Journey) -> int:
        """Append what changed; return the knowledge time from which all of it is known."""
        in_force = {row.entry.key: row for row in self.rows if row.ended is None}
        assert len(in_force) == sum(row.ended is None for row in self.rows)
        for change in ledger_diff.diff(in_force, told.entries):
            recorded = len(self.rows) + 1
            ended = change.supersedes or change.voids
            if ended:
                self.rows[ended - 1].ended = recorded
            # a void is a row too, so that knowledge time rises; it says nothing itself
            gone = recorded if change.voids else None
            self.rows.append(Row(id=recorded, entry=change.entry, recorded=recorded, ended=gone))
        return len(self.rows)

    def at(self, known_at: int) -> list[custody.Entry]:
        return [
            row.entry for row in self.rows if row.recorded <= known_at and (row.ended is None or row.ended > known_at)
        ]


def answers(entries: list[custody.Entry]) -> list[tuple[int | None, str]]:
    return [
        (entry.to_party, entry.status)
        for object_id in (worlds.INNER, worlds.SERIAL, worlds.LOOSE, worlds.STRANGER)
        for at_ms in GRID
        for entry in [worlds.holder(entries, object_id, at_ms)]
    ]


@given(worlds.worlds(), st.data())
def test_order_of_learning_does_not_matter_and_no_answer_ever_changes(world, data):
    plan, things = world
    ledger, past = Ledger(), []
    order = data.draw(st.permutations(things))
    for count in range(len(order) + 1):
        known_at = ledger.learn(journey.journey(worlds.as_known(plan, order[:count])))
        past.append((known_at, answers(ledger.at(known_at))))
    for known_at, given_then in past:
        assert answers(ledger.at(known_at)) == given_then
    at_once = journey.journey(worlds.as_known(plan, things))
    assert past[-1][1] == answers(list(at_once.entries))
    assert ledger_diff.diff({r.entry.key: r for r in ledger.rows if r.ended is None}, at_once.entries) == []


@given(worlds.worlds())
def test_what_is_told_is_lawful(world):
    plan, things = world
    told = journey.journey(worlds.as_known(plan, things))
    check_keys_and_order(told)
    check_each_move_continues_from_the_holder_before(told, plan)
    check_geofences_give_provisionally_to_carriers_and_receivers(told, plan)
    assert answers(list(told.entries)) == answers(list(told.entries)[::-1])  # one holder, however it was recorded


def check_keys_and_order(told: custody.Journey) -> None:
    assert len({e.key for e in told.entries}) == len(told.entries)
    assert len({p.key for p in told.problems}) == len(told.problems)
    assert [e.event_ms for e in told.entries] == sorted(e.event_ms for e in told.entries)
    assert all(e.lo_ms is None or e.lo_ms <= e.event_ms <= e.hi_ms for e in told.entries)


def moves_of(entries: tuple[custody.Entry, ...], object_id: int) -> list[custody.Entry]:
    up = (object_id, *worlds.UP[object_id])
    return [
        e
        for e in entries
        if e.to_party is not None and e.status in effective.MOVES
        if effective.matched(e, up, worlds.line_of) is not None
    ]


def check_each_move_continues_from_the_holder_before(told: custody.Journey, plan: consignment.Consignment) -> None:
    firsts = {x.id: next(stop.party_id for stop in plan.stops if stop.seq == x.from_seq) for x in plan.item_sets}
    for object_id, up in worlds.UP.items():
        moves = moves_of(told.entries, object_id)
        times = [e.event_ms for e in moves]
        assert times == sorted(set(times))  # never two at one moment
        slots = [move.key.split("/set:")[0].split("/over")[0] for move in moves]
        assert len(slots) == len(set(slots))  # one custody move per slot
        holder = firsts.get(worlds.LINES.get((object_id, *up)[-1], 0))
        for move in moves:
            assert move.from_party == holder
            holder = move.to_party


def check_geofences_give_provisionally_to_carriers_and_receivers(
    told: custody.Journey, plan: consignment.Consignment
) -> None:
    carriers = {leg.carrier_id for leg in plan.legs}
    parties = {stop.seq: stop.party_id for stop in plan.stops if stop.on_arrival == "transfer"}
    for e in told.entries:
        if e.fact_id is None and e.to_party is not None and e.status != "proposed":
            assert e.status == "provisional"
            assert e.to_party in carriers if e.kind == "picked_up" else e.to_party == parties[e.stop_seq]


@given(worlds.worlds(), st.randoms(use_true_random=False))
def test_what_changes_nothing_and_what_may_change(world, random):
    plan, things = world
    known = worlds.as_known(plan, things)
    told = journey.journey(known)
    shuffled = worlds.as_known(plan, random.sample(things, len(things)))
    assert journey.journey(shuffled) == told
    check_voiding_all_facts_restores_what_was_before(known)
    check_ended_assignments_fed_back_change_no_entry(known, told)
    check_confirmed_facts_outlive_the_visits(known, told)
    check_trackers_without_trust_move_nothing(known)
    check_departures_without_trust_move_nothing(known)


def check_voiding_all_facts_restores_what_was_before(known: consignment.Known) -> None:
    voids = tuple(
        consignment.Fact(id=100 + f.id, kind="void_fact", event_ms=f.event_ms, target_fact_id=f.id) for f in known.facts
    )
    voided = msgspec.structs.replace(known, facts=known.facts + voids)
    assert journey.journey(voided) == journey.journey(msgspec.structs.replace(known, facts=()))


def check_ended_assignments_fed_back_change_no_entry(known: consignment.Known, told: custody.Journey) -> None:
    ends = dict(told.ended_assignments)
    if {e for v in known.visits for e in (v.enter_ms, v.exit_ms)} & set(ends.values()):
        return  # at the very millisecond of a visit's edge an ended assignment no longer counts
    on_goods = sorted((a.tracker_id, a.from_ms, a.to_ms or 2**62) for a in known.assignments if a.level != "vehicle")
    if any(one[0] == other[0] and other[1] < one[2] for one, other in itertools.pairwise(on_goods)):
        return  # the database lets a tracker be on one thing at a time: assignment_one_subject
    fed = tuple(
        msgspec.structs.replace(a, to_ms=ends[a.tracker_id])
        if a.level != "vehicle" and a.tracker_id in ends and a.from_ms < ends[a.tracker_id] <= (a.to_ms or 2**62)
        else a
        for a in known.assignments
    )
    again = journey.journey(msgspec.structs.replace(known, assignments=fed))
    assert [(e.key, e.event_ms, e.to_party) for e in again.entries] == [
        (e.key, e.event_ms, e.to_party) for e in told.entries
    ]


def check_confirmed_facts_outlive_the_visits(known: consignment.Known, told: custody.Journey) -> None:
    bare = journey.journey(msgspec.structs.replace(known, visits=(), beyond=()))
    on_the_way = {f.id for f in known.facts if f.kind == "handover" and f.stop_seq is None}  # of what is not delivered
    confirmed = {e.fact_id for e in bare.entries if e.status == "confirmed"} - on_the_way
    assert confirmed <= {e.fact_id for e in told.entries if e.status == "confirmed"}


def check_trackers_without_trust_move_nothing(known: consignment.Known) -> None:
    none = int(fix.Trust.NONE)
    told = journey.journey(
        msgspec.structs.replace(
            known,
            visits=tuple(msgspec.structs.replace(v, trust=none, exit_trust=none) for v in known.visits),
            beyond=tuple(msgspec.structs.replace(b, trust=none) for b in known.beyond),
        )
    )
    assert all(e.to_party is None or e.fact_id or e.status == "proposed" for e in told.entries)


def check_departures_without_trust_move_nothing(known: consignment.Known) -> None:
    none = int(fix.Trust.NONE)
    left = tuple(msgspec.structs.replace(v, exit_trust=none) for v in known.visits)
    told = journey.journey(msgspec.structs.replace(known, visits=left, beyond=()))
    assert all(e.kind != "picked_up" or e.fact_id for e in told.entries)
