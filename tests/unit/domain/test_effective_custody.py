"""Who holds an object, read from entries (design 6, last paragraph)."""

from __future__ import annotations

import msgspec
import stories as s

from fleettrack.domain import consignment, custody, effective

PACKED, UNPACKED = (7, 70), (7,)


def entry(hour: float, to: int | None, scope: custody.Scope, **more: object) -> custody.Entry:
    return custody.Entry(
        **{  # type: ignore[arg-type]
            "key": f"{hour}/{to}",
            "kind": "handed_over",
            "scope": scope,
            "event_ms": s.at(hour),
            "status": "confirmed",
            "level": consignment.Level.SCAN,
            "to_party": to,
            **more,
        }
    )


SERIAL, PALLET, WHOLE = custody.Scope(only=(7,)), custody.Scope(only=(70,)), custody.Scope(item_set_id=s.SET)


def ask(entries: list[custody.Entry], hour: float, unpacked_at: float = 99) -> tuple[int | None, int] | None:
    found = effective.effective(
        entries,
        lambda ms: PACKED if ms < s.at(unpacked_at) else UNPACKED,
        s.at(hour),
        lambda o, ms: s.SET if o == (70 if ms < s.at(unpacked_at) else 0) else None,
    )
    return None if found is None else (found[0].to_party, found[1])


def test_nothing_known_by_then():
    assert ask([entry(2, s.CARRIER, WHOLE)], 1) is None


def test_latest_entry_of_the_object_or_of_what_contained_it_then():
    entries = [entry(1, s.SHIPPER, SERIAL), entry(2, s.CARRIER, WHOLE), entry(4, s.CONSIGNEE, PALLET)]
    assert ask(entries, 1.5) == (s.SHIPPER, 7)
    assert ask(entries, 3) == (s.CARRIER, 70)
    assert ask(entries, 4) == (s.CONSIGNEE, 70)


def test_unpacked_object_no_longer_follows_its_pallet_and_keeps_its_holder():
    entries = [entry(2, s.CARRIER, PALLET), entry(4, s.CONSIGNEE, PALLET)]
    assert ask(entries, 5, unpacked_at=3) == (s.CARRIER, 70)


def test_ties_go_to_the_most_specific_then_to_evidence_then_to_what_was_recorded_last():
    pallet = entry(2, s.CARRIER, PALLET, level=consignment.Level.SIGNATURES)
    serial = entry(2, s.OTHER, SERIAL, level=consignment.Level.GEOFENCE)
    assert ask([serial, pallet], 2) == ask([pallet, serial], 2) == (s.OTHER, 7)
    better = msgspec.structs.replace(serial, level=consignment.Level.SCAN, to_party=s.SECOND)
    assert ask([better, serial], 2) == ask([serial, better], 2) == (s.SECOND, 7)
    again = msgspec.structs.replace(serial, to_party=s.THIRD)
    assert ask([serial, again], 2) == (s.THIRD, 7)


def test_excluded_objects_proposals_voided_and_movements_do_not_count():
    first = entry(1, s.SHIPPER, WHOLE)
    for other in (
        entry(2, s.CARRIER, custody.Scope(item_set_id=s.SET, excluded=(7,))),
        entry(2, s.CARRIER, custody.Scope(item_set_id=s.SET, only=(8, 9))),
        entry(2, s.CARRIER, custody.Scope(item_set_id=999)),
        entry(2, s.CARRIER, WHOLE, status="proposed"),
        entry(2, s.CARRIER, WHOLE, status="voided"),
        entry(2, None, WHOLE),
    ):
        assert ask([first, other], 3) == (s.SHIPPER, 70)
    assert ask([first, entry(2, s.CARRIER, WHOLE, status="disputed")], 3) == (s.CARRIER, 70)
