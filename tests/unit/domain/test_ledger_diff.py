"""The ledger learns what changed, and nothing else (law L9)."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import stories as s

from fleettrack.domain import custody, ledger_diff

Change = ledger_diff.Change


class InForce(NamedTuple):
    id: int
    entry: custody.Entry


def in_force(told: s.Told) -> dict[str, InForce]:
    return {e.key: InForce(i, e) for i, e in enumerate(told.journey.entries, 1)}


TRIP = s.tell(assignments=[s.on_truck()], visits=[s.visit(1, s.A, 1, 2), s.visit(2, s.B, 5)])


def test_everything_is_new_to_an_empty_ledger_in_the_order_of_events():
    changes = ledger_diff.diff({}, TRIP.journey.entries)
    assert changes == [Change(entry=e) for e in TRIP.journey.entries]


def test_nothing_to_learn():
    assert ledger_diff.diff(in_force(TRIP), TRIP.journey.entries) == []


def test_changed_supersedes_however_little_and_gone_is_voided_first():
    current = in_force(TRIP)
    moved, gone = TRIP.entry("picked_up"), TRIP.entry("transferred")
    later = msgspec.structs.replace(moved, event_ms=moved.event_ms + 1)
    new = [later if e == moved else e for e in TRIP.journey.entries if e != gone]
    assert ledger_diff.diff(current, new) == [
        Change(entry=gone, voids=current[gone.key].id),
        Change(entry=later, supersedes=current[moved.key].id),
    ]


def test_receipt_takes_the_place_of_the_provisional_transfer():
    world = msgspec.structs.replace(TRIP.world, facts=(s.receipt(7, 5.5),))
    [change] = ledger_diff.diff(in_force(TRIP), s.Told(world).journey.entries)
    assert change.entry.kind == "received"
    assert change.supersedes == in_force(TRIP)[change.entry.key].id


def test_turned_away_truck_voids_the_transfer():
    def told(*visits: object) -> s.Told:
        return s.tell(assignments=[s.on_goods()], visits=visits)

    there = told(s.visit(1, s.A, 1, 2, s.GOODS_BOX), s.visit(2, s.B, 5, None, s.GOODS_BOX))
    left = told(s.visit(1, s.A, 1, 2, s.GOODS_BOX), s.visit(2, s.B, 5, 6, s.GOODS_BOX))
    changes = ledger_diff.diff(in_force(there), left.journey.entries)
    assert [(c.entry.kind, bool(c.voids)) for c in changes] == [("transferred", True), ("departed", False)]
