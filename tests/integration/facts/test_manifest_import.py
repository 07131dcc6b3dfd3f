from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import worlds_of_goods as w
from hypothesis import given, settings
from hypothesis import strategies as st

from fleettrack.domain import errors
from fleettrack.services import consignments, objects, packing, tracing
from fleettrack.services.forms import goods

SERIAL = w.HEAD | {"gtin": w.GTIN}


def case(number: int, serial: str, pallet: int | None = None, **more: object) -> dict[str, object]:
    """Return the row of a serial in a case, maybe on a pallet."""
    row = SERIAL | {"unit": w.sscc(number), "serial": serial}
    return row | ({} if pallet is None else {"parent_unit": w.sscc(pallet)}) | more


async def test_serials_in_cases_on_pallets(database_url: str) -> None:
    rows = [*w.STOPS, *(case(10 + i // 2, f"A{i}", 1 + i // 4, lot="L1", expiry="2027-12-31") for i in range(8))]
    async with w.world(database_url) as world:
        report = await world.manifest(rows)
        assert (report.consignments, report.stops, report.serials, report.units) == (1, 2, 8, 6)
        assert (report.known, report.contained, report.items, report.already) == (0, 12, 2, False)

        plan = await consignments.get(world.db, "C1")
        assert plan.effective_from == dt.datetime(2026, 3, 1, 8, tzinfo=dt.UTC)
        assert [(s.place, s.party, s.on_arrival) for s in plan.stops] == [
            ("plant", "acme", "record"),
            ("store", "shop", "transfer"),
        ]
        assert [(leg.from_stop, leg.to_stop, leg.carrier) for leg in plan.legs] == [(1, 2, "fast")]
        assert [(s.from_stop, s.to_stop, s.lines) for s in plan.items] == [(1, 2, 2)]

        found = await tracing.trace(world.db, "A5", now=w.NOW)
        assert found.parents == [w.unit(12), w.unit(2)]
        assert found.holder is not None
        assert (found.holder.party, found.holder.status) == ("acme", "confirmed")
        assert found.holder.since == plan.effective_from
        assert (found.place, found.consignment) == ("plant", "C1")
        thing = await objects.get(world.db, w.link("A5"))
        assert (thing.gtin, thing.lot, thing.expiry) == (w.GTIN, "L1", dt.date(2027, 12, 31))

        top = await tracing.contents(world.db, "C1", now=w.NOW)
        assert [(i.ref, i.kind, i.contains) for i in top.items] == [(w.unit(n), "unit", 2) for n in (1, 2)]
        inside = await tracing.contents(world.db, "C1", within=w.sscc(12), now=w.NOW, limit=1)
        assert [i.ref for i in inside.items] == [w.link("A4")]
        rest = await tracing.contents(world.db, "C1", within=w.sscc(12), now=w.NOW, after=inside.next)
        assert [(i.ref, i.to_stop) for i in rest.items] == [(w.link("A5"), 2)]


async def test_the_journey_is_decided_with_the_import(database_url: str) -> None:
    async with w.world(database_url) as world:
        await world.manifest([*w.STOPS, SERIAL | {"serial": "A1"}])
        assert world.rows("SELECT kind, batch_id IS NOT NULL FROM ledger_entry") == [("commissioned", True)]


async def test_windows_without_an_offset_are_of_the_place(database_url: str) -> None:
    stops = [w.STOPS[0] | {"window_from": "2026-03-02T08:00:00"}, w.STOPS[1] | {"window_to": "2026-03-02 12:00"}]
    async with w.world(database_url) as world:
        await world.manifest(stops)
        plan = await consignments.get(world.db, "C1")
        assert plan.stops[0].window_from == dt.datetime(2026, 3, 2, 7, tzinfo=dt.UTC)
        assert plan.stops[1].window_to == dt.datetime(2026, 3, 2, 11, tzinfo=dt.UTC)


async def test_without_windows_it_begins_as_told_or_now(database_url: str) -> None:
    def stops(ref: str) -> list[dict[str, object]]:
        return [s | {"consignment": ref, "window_from": "", "window_to": ""} for s in w.STOPS]

    async with w.world(database_url) as world:
        await world.manifest(stops("C1"), effective_from=w.hour(1))
        await world.manifest(stops("C2"))
        assert (await consignments.get(world.db, "C1")).effective_from == w.hour(1)
        assert (await consignments.get(world.db, "C2")).effective_from == w.NOW


PROBLEMS: dict[str, tuple[list[dict[str, object]], int, str, str, str]] = {
    "unknown consignor": ([w.STOPS[0] | {"consignor": "acne"}, w.STOPS[1] | {"consignor": ""}],
        2, "consignor", "acne", "there is no such party"),
    "unknown place": ([w.STOPS[0] | {"place": "plants"}, w.STOPS[1]], 2, "place", "plants", "there is no such place"),
    "unknown carrier": ([w.STOPS[0] | {"carrier": "x"}, w.STOPS[1] | {"carrier": ""}],
        2, "carrier", "x", "there is no such party"),
    "no carrier": ([s | {"carrier": ""} for s in w.STOPS],
        2, "carrier", "", "nobody carries from stop 1 to stop 2"),
    "no consignee": ([s | {"consignee": ""} for s in w.STOPS], 2, "consignee", "", "consignment 'C1' has no consignee"),
    "no pickup": ([w.STOPS[0] | {"role": "waypoint"}, w.STOPS[1]], 2, "role", "", "the consignment has no pickup"),
    "drop first": ([w.STOPS[0] | {"stop": 3}, w.STOPS[1]],
        2, "role", "", "the consignment has no drop after its first pickup"),
    "no role": ([w.STOPS[0] | {"role": ""}, w.STOPS[1]], 2, "role", "", "stop 1 has no role"),
    "wrong role": ([w.STOPS[0] | {"role": "load"}, w.STOPS[1]],
        2, "role", "load", "this is none of pickup, drop, waypoint"),
    "no place": ([w.STOPS[0] | {"place": ""}, w.STOPS[1]], 2, "place", "", "stop 1 has no place"),
    "on_arrival": ([w.STOPS[0], w.STOPS[1] | {"on_arrival": "give"}],
        3, "on_arrival", "give", "this is none of transfer, propose, record"),
    "window": ([w.STOPS[0] | {"window_from": "soon"}, w.STOPS[1]],
        2, "window_from", "soon", "this is not a time like 2026-03-01T08:00:00Z"),
    "window backwards": ([w.STOPS[0], w.STOPS[1] | {"window_from": "2026-03-02T13:00Z"}],
        3, "window_to", "2026-03-02T12:00:00Z", "the window ends before it begins"),
    "clocks go forward": ([w.STOPS[0] | {"window_from": "2026-03-29T02:30"}, w.STOPS[1] | {"window_to": ""}],
        2, "window_from", "2026-03-29T02:30",
        "this time does not exist in Europe/Berlin: the clocks go forward over it"),
    "gtin": ([*w.STOPS, w.HEAD | {"gtin": "09506000134353", "serial": "A"}],
        4, "gtin", "09506000134353", "the check digit of this GTIN should be 2"),
    "serial": ([*w.STOPS, SERIAL | {"serial": " A"}],
        4, "serial", " A", "the character ' ' cannot be in a serial (GS1 AI 82)"),
    "sscc": ([*w.STOPS, case(1, "A") | {"unit": "106141410000000003"}],
        4, "unit", "106141410000000003", "the check digit of this SSCC should be 2"),
    "lot": ([*w.STOPS, SERIAL | {"serial": "A", "lot": "é"}],
        4, "lot", "é", "the character 'é' cannot be in a lot (GS1 AI 82)"),
    "expiry": ([*w.STOPS, SERIAL | {"serial": "A", "expiry": "12/2027"}],
        4, "expiry", "12/2027", "this is not a day like 2027-12-31"),
    "gtin alone": ([*w.STOPS, SERIAL], 4, "gtin", w.GTIN, "a gtin without a serial"),
    "twice": ([*w.STOPS, SERIAL | {"serial": "A"}, SERIAL | {"serial": "A"}],
        5, "serial", "A", "this serial is named before (line 4)"),
    "no such stop": ([*w.STOPS, SERIAL | {"serial": "A", "to_stop": 3}],
        4, "to_stop", "3", "the consignment has no stop 3"),
    "backwards": ([*w.STOPS, SERIAL | {"serial": "A", "from_stop": 2}],
        4, "to_stop", "", "an item goes to a later stop than it comes from (2)"),
    "stop is no number": ([*w.STOPS, SERIAL | {"serial": "A", "to_stop": "two"}],
        4, "to_stop", "two", "a stop is named by its number"),
    "parent alone": ([*w.STOPS, SERIAL | {"serial": "A", "parent_unit": w.sscc(1)}],
        4, "parent_unit", w.sscc(1), "a parent unit without the unit in it"),
}  # fmt: skip


@pytest.mark.parametrize("name", PROBLEMS)
async def test_each_bad_row_is_named_and_nothing_is_imported(database_url: str, name: str) -> None:
    rows, *expected = PROBLEMS[name]
    async with w.world(database_url) as world:
        assert await world.problems(rows) == [tuple(expected)]
        for table in ("consignment", "object", "containment", "item", "batch", "ledger_entry", "manifest"):
            assert world.rows(f"SELECT count(*) FROM {table}") == [(0,)]


async def test_all_bad_rows_are_named_at_once(database_url: str) -> None:
    rows = [
        *w.STOPS,
        SERIAL | {"serial": "A", "consignor": "acne"},
        SERIAL | {"serial": "A"},
        SERIAL | {"serial": "B", "gtin": "1"},
        SERIAL | {"serial": "C", "to_stop": 9},
        SERIAL | {"serial": "A"},
        SERIAL | {"consignment": "C2", "serial": "D"},
    ]
    async with w.world(database_url) as world:
        found = [(line, column) for line, column, _, _ in await world.problems(rows)]
        assert found == [
            (4, "consignor"), (5, "serial"), (6, "gtin"), (7, "to_stop"), (8, "serial"), (9, "role"),
        ]  # fmt: skip


async def test_thousands_of_bad_rows_are_counted(database_url: str) -> None:
    rows = [*w.STOPS, *(SERIAL | {"serial": "A"} for _ in range(1_501))]
    async with w.world(database_url) as world:
        with pytest.raises(errors.Invalid, match="1500 problem") as caught:
            await world.manifest(rows)
        assert len(caught.value.facts["problems"]) == 1_000
        assert caught.value.facts["more"] == 500


async def test_a_file_is_imported_once(database_url: str) -> None:
    rows = [*w.STOPS, SERIAL | {"serial": "A"}]
    async with w.world(database_url) as world:
        first = await world.manifest(rows, "first.csv")
        again = await world.manifest(rows, "again.csv")
        assert again.already
        assert (again.name, again.imported_at) == ("first.csv", first.imported_at)
        changed = await world.problems([*rows, SERIAL | {"serial": "B"}])
        assert [(line, column) for line, column, _, _ in changed] == [(2, "consignment")]


def other(ref: str, since: str) -> list[dict[str, Any]]:
    """Return stops of a further consignment, from the store on."""
    head = {"consignment": ref, "consignor": "shop", "consignee": "acme", "carrier": "fast"}
    return [
        head | {"stop": 1, "place": "store", "role": "pickup", "window_from": since},
        head | {"stop": 2, "place": "depot", "role": "drop"},
    ]


async def test_known_serials_and_units_are_shipped_again_as_they_are(database_url: str) -> None:
    async with w.world(database_url) as world:
        await world.manifest([*w.STOPS, case(1, "A", 2), SERIAL | {"serial": "B", "lot": "L1"}])
        stops = other("C2", "2026-03-03T08:00Z")
        rows = [*stops, stops[0] | {"unit": w.sscc(2)}, stops[0] | {"gtin": w.GTIN, "serial": "B", "unit": w.sscc(3)}]
        report = await world.manifest(rows)
        assert (report.serials, report.units, report.known, report.contained, report.items) == (0, 1, 2, 1, 2)
        found = await tracing.trace(world.db, "A", now=w.NOW)
        assert (found.parents, found.consignment) == ([w.unit(1), w.unit(2)], "C2")
        assert (await tracing.trace(world.db, "B", now=w.NOW)).parents == [w.unit(3)]
        assert (await tracing.trace(world.db, "B", at=w.hour(7), now=w.NOW)).parents == []


async def test_what_known_objects_cannot_be_is_told(database_url: str) -> None:
    async with w.world(database_url) as world:
        await world.manifest([*w.STOPS, case(1, "A", 2, lot="L1"), SERIAL | {"serial": "B"}])
        head = other("C2", "2026-03-03T08:00Z")
        row = head[0]
        item = {"gtin": w.GTIN}
        rows = [
            *head,
            row | item | {"serial": "A", "lot": "L2"},
            row | item | {"serial": "NEW", "unit": w.sscc(1)},
            row | {"unit": w.sscc(1), "parent_unit": w.sscc(9)},
            row | {"serial": "urn:fleettrack:serial:fast:P:7"},
        ]
        found = await world.problems(rows)
        assert [(line, column, reason.partition(":")[0]) for line, column, _, reason in found] == [
            (4, "lot", "this serial exists already, with lot 'L1'"),
            (5, "unit", "this SSCC was used before"),
            (6, "parent_unit", f"it lies in unit {w.sscc(2)} then"),
            (7, "serial", "there is no such serial of 'fast', and only its issuer can make it"),
        ]
        early = other("C3", "2026-02-20T08:00Z")
        found = await world.problems([*early, early[0] | item | {"serial": "B"}])
        assert [reason.partition(" at ")[0] for _, _, _, reason in found] == ["it was commissioned"]


async def test_a_pallet_whose_cases_go_to_different_stops_is_no_item(database_url: str) -> None:
    stops = [*w.STOPS, w.HEAD | {"stop": 3, "place": "depot", "role": "drop"}]
    rows = [*stops, case(1, "A", 9, to_stop=2), case(2, "B", 9), case(2, "C", 9)]
    async with w.world(database_url) as world:
        report = await world.manifest(rows)
        assert (report.units, report.contained, report.items) == (3, 5, 2)
        top = await tracing.contents(world.db, "C1", now=w.NOW)
        assert [(i.ref, i.to_stop) for i in top.items] == [(w.unit(1), 2), (w.unit(2), 3)]
        assert (await tracing.trace(world.db, "B", now=w.NOW)).parents == [w.unit(2), w.unit(9)]


async def test_serials_without_a_gtin_are_the_consignors_own(database_url: str) -> None:
    async with w.world(database_url) as world:
        await world.manifest([*w.STOPS, w.HEAD | {"serial": "No 7/b"}])
        found = await tracing.trace(world.db, "No 7/b", now=w.NOW)
        assert found.serial == "urn:fleettrack:serial:acme::No%207%2Fb"
        assert (await tracing.trace(world.db, found.serial, now=w.NOW)).serial == found.serial


async def test_the_same_bare_serial_of_two_products_is_ambiguous(database_url: str) -> None:
    async with w.world(database_url) as world:
        await world.manifest([*w.STOPS, SERIAL | {"serial": "7"}, w.HEAD | {"gtin": "80614141123458", "serial": "7"}])
        with pytest.raises(errors.Ambiguous) as caught:
            await tracing.trace(world.db, "7", now=w.NOW)
        assert caught.value.facts["candidates"] == [w.link("7"), "https://id.gs1.org/01/80614141123458/21/7"]
        with pytest.raises(errors.NotFound):
            await tracing.trace(world.db, "8", now=w.NOW)


async def test_known_units_are_not_buried_too_deep(database_url: str) -> None:
    async with w.world(database_url) as world:
        chain = [w.HEAD | {"unit": w.sscc(i), "parent_unit": w.sscc(i + 1)} for i in range(1, 9)]
        await world.manifest([*w.STOPS, *chain])
        head = other("C2", "2026-03-03T08:00Z")
        more = [head[0] | {"unit": w.sscc(i), "parent_unit": w.sscc(i + 1)} for i in range(9, 13)]
        with pytest.raises(errors.Invalid, match="at most 10 deep"):
            await world.manifest([*head, *more])


@settings(max_examples=15)
@given(st.lists(st.text("Aa1%/+ .\\'\"é", min_size=1, max_size=8), min_size=1, max_size=6, unique=True))
async def test_every_printable_serial_survives(module_database_url: str, serials: list[str]) -> None:
    async with w.world(module_database_url, fresh=False) as world:
        number = world.rows("SELECT count(*) FROM consignment")[0][0]
        head = {"consignment": f"P{number}", "consignor": "acme", "consignee": "shop", "carrier": "fast"}
        new = [s for s in serials if not world.rows("SELECT 1 FROM object WHERE code = %s", s)]
        stops = [row | head for row in w.STOPS]
        report = await world.manifest([*stops, *(head | {"serial": s} for s in new)])
        assert report.serials == len(new)
        for serial in serials:
            thing = await objects.get(world.db, serial)
            assert thing.code == serial
            assert (await objects.get(world.db, thing.ref)).ref == thing.ref


async def test_a_consignment_made_by_form_has_the_same_shape(database_url: str) -> None:
    async with w.world(database_url) as world:
        items = [goods.NewItem(gtin=w.GTIN, serial="A", unit=w.sscc(1)), goods.NewItem(unit=w.sscc(2))]
        made = await world.consignment(items=items)
        assert [(s.from_stop, s.to_stop, s.lines) for s in made.items] == [(1, 2, 2)]
        assert [(leg.carrier, leg.vehicle) for leg in made.legs] == [("fast", "T1")]
        more = await consignments.add_items(world.planner, "C1", [goods.NewItem(gtin=w.GTIN, serial="B")], now=w.NOW)
        assert more.items[0].lines == 3
        with pytest.raises(errors.Invalid) as caught:
            await consignments.add_items(world.planner, "C1", [goods.NewItem(gtin=w.GTIN, serial="B")], now=w.NOW)
        assert caught.value.facts["problems"] == [
            {"place": "items[0].serial", "value": "B", "reason": "it is an item of this consignment already"}
        ]
        await consignments.close(world.planner, "C1", w.hour(20), now=w.NOW)
        with pytest.raises(errors.Conflict, match="closed"):
            await consignments.add_items(world.planner, "C1", [goods.NewItem(unit=w.sscc(7))], now=w.NOW)


async def test_all_that_is_wrong_with_a_form_is_told(database_url: str) -> None:
    async with w.world(database_url) as world:
        stops = [goods.NewStop(place="plant", role="pickup"), goods.NewStop(place="nowhere", role="drop")]
        with pytest.raises(errors.Invalid) as caught:
            await world.consignment(stops=stops, consignee="who")
        assert [(p["place"], p["value"]) for p in caught.value.facts["problems"]] == [
            ("consignee", "who"),
            ("stops[1].place", "nowhere"),
        ]
        with pytest.raises(errors.Invalid) as caught:
            await world.consignment(stops=stops[:1], carrier=None)
        assert [(p["place"], p["reason"]) for p in caught.value.facts["problems"]] == [
            ("role", "the consignment has no drop after its first pickup")
        ]
        assert world.rows("SELECT count(*) FROM consignment") == [(0,)]
        await world.consignment()
        with pytest.raises(errors.Conflict, match="exists already"):
            await world.consignment()


async def test_packing_by_hand(database_url: str) -> None:
    async with w.world(database_url) as world:
        units = goods.NewUnits(issuer="acme", ssccs=[w.sscc(i) for i in range(1, 4)], commissioned_at=w.hour(1))
        await objects.commission_units(world.planner, units, now=w.NOW)
        serials = goods.NewSerials(issuer="acme", serials=["A", "B"], gtin=w.GTIN, commissioned_at=w.hour(2))
        made = await objects.commission(world.planner, serials, now=w.NOW)
        assert made.refs == [w.link("A"), w.link("B")]

        async def pack(unit: int, *names: str, at: float) -> None:
            await packing.pack(
                world.planner, w.sscc(unit), goods.NewPacking(objects=list(names), at=w.hour(at)), now=w.NOW
            )

        await pack(1, "A", "B", at=3)
        await pack(2, w.sscc(1), at=4)
        with pytest.raises(errors.Invalid, match="nothing contains itself"):
            await pack(1, w.sscc(2), at=5)
        with pytest.raises(errors.Invalid, match="it lies in a unit then"):
            await pack(3, "A", at=5)
        with pytest.raises(errors.Invalid, match="commissioned later"):
            await pack(3, "A", at=1.5)
        with pytest.raises(errors.Invalid, match="only a logistic unit"):
            await packing.pack(world.planner, "A", goods.NewPacking(objects=[w.sscc(3)], at=w.hour(5)), now=w.NOW)
        await packing.unpack(world.planner, w.sscc(1), goods.NewPacking(objects=["A"], at=w.hour(6)), now=w.NOW)
        with pytest.raises(errors.Invalid, match="does not lie in"):
            await packing.unpack(world.planner, w.sscc(1), goods.NewPacking(objects=["A"], at=w.hour(7)), now=w.NOW)

        async def parents(at: float) -> list[str]:
            return (await tracing.trace(world.db, "A", at=w.hour(at), now=w.NOW)).parents

        assert [await parents(h) for h in (2, 3.5, 4.5, 6.5)] == [[], [w.unit(1)], [w.unit(1), w.unit(2)], []]
        await pack(3, "A", at=2.5)
        assert [await parents(h) for h in (2.7, 3.5)] == [[w.unit(3)], [w.unit(1)]]


async def test_serials_are_unique_forever(database_url: str) -> None:
    async with w.world(database_url) as world:
        form = goods.NewSerials(issuer="acme", serials=["A", "B"], gtin=w.GTIN)
        await objects.commission(world.planner, form, now=w.NOW)
        with pytest.raises(errors.Conflict) as caught:
            await objects.commission(
                world.planner, goods.NewSerials(issuer="shop", serials=["B", "C"], gtin=w.GTIN), now=w.NOW
            )
        assert caught.value.facts["existing"] == [w.link("B")]
        with pytest.raises(errors.Invalid) as refused:
            await objects.commission(
                world.planner, goods.NewSerials(issuer="acme", serials=["D", "D", " E"], gtin=w.GTIN), now=w.NOW
            )
        assert [(p["place"], p["value"]) for p in refused.value.facts["problems"]] == [
            ("serials[1]", "D"),
            ("serials[2]", " E"),
        ]
        own = goods.NewSerials(issuer="acme", serials=["D"], product="P-1")
        made = await objects.commission(world.planner, own, now=w.NOW)
        assert made.refs == ["urn:fleettrack:serial:acme:P-1:D"]
