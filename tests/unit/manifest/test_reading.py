from __future__ import annotations

import datetime as dt
import io
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleettrack.domain import errors
from fleettrack.services.manifest import reading, table
from fleettrack.services.shipping import drafts, items
from fleettrack.services.shipping.problems import KEPT, Problems

HEADER = ",".join(table.COLUMNS)
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


def rows(text: bytes) -> tuple[list[table.Row], Problems]:
    problems = Problems()
    return list(table.read(io.BytesIO(text), problems)), problems


def told(problems: Problems) -> list[tuple[object, str, str]]:
    return [(p.where, p.column, p.reason) for p in problems.told()]


def test_columns_may_come_in_any_order_and_be_absent() -> None:
    found, problems = rows(b"serial,consignment\nA1,C1\n\nA2,C2\n")
    assert [(line, row[0], row[table.COLUMNS.index("serial")]) for line, row in found] == [
        (2, "C1", "A1"),
        (4, "C2", "A2"),
    ]
    assert not problems.count


def test_a_byte_order_mark_and_windows_line_ends_are_read() -> None:
    found, problems = rows(b"\xef\xbb\xbfconsignment,serial\r\nC1,A1\r\n")
    assert len(found) == 1
    assert not problems.count


@pytest.mark.parametrize(
    ("text", "where", "reason"),
    [
        (b"", 1, "the file is empty"),
        (b"serial\nA\n", 1, "no column that names the consignment"),
        (b"consignment,colour\nC,red\n", 1, "there is no such column"),
        (b"consignment,serial,serial\nC,A,A\n", 1, "comes twice"),
        (b"consignment;serial\nC;A\n", 1, "there is no such column"),
        (b"consignment,serial\nC\n", 2, "1 values in 2 columns"),
        (b"consignment,serial\nC,A,B\n", 2, "3 values in 2 columns"),
        (b"consignment,serial\nC,\xff\n", 2, "not UTF-8"),
        (b"consignment,serial\nC,A\tB\n", 2, "cannot be printed"),
        (b"consignment,serial\nC,A\x00B\n", 2, "cannot be printed"),
        (b'consignment,serial\nC,"A\n', 2, "no CSV from here on"),
        (b"consignment,serial\nC," + b"A" * 2_000 + b"\n", 2, "longer than 1000"),
    ],
)
def test_what_cannot_be_read_is_told(text: bytes, where: int, reason: str) -> None:
    _, problems = rows(text)
    assert problems.count
    assert problems.told()[0].where == where
    assert reason in problems.told()[0].reason


@given(st.binary(max_size=300))
def test_any_bytes_are_rows_or_problems(body: bytes) -> None:
    problems = Problems()
    read = reading.Reading(problems)
    list(read.rows(io.BytesIO(HEADER.encode() + b"\n" + body)))
    read.consignments()
    read.items.check_units()


def test_the_caller_keeps_its_file() -> None:
    file = io.BytesIO(b"consignment\nC\n")
    list(table.read(file, Problems()))
    assert not file.closed


def draft(*lines: str) -> tuple[dict[int, drafts.Draft], Problems]:
    problems = Problems()
    read = reading.Reading(problems)
    list(read.rows(io.BytesIO("\n".join([HEADER, *lines]).encode())))
    return read.consignments(), problems


def head(ref: str, consignor: str = "", carrier: str = "", stop: str = "", place: str = "") -> str:
    return f"{ref},{consignor},,{carrier},{stop},{place}" + "," * 12


def test_rows_of_a_consignment_share_its_stops() -> None:
    made, problems = draft(
        head("C1", "acme", "fast", "1", "plant"),
        head("C2", "acme"),
        head("C1", stop="2", place="store"),
        head("C1", "acme", stop="1"),
    )
    assert not problems.count
    assert [d.ref for d in made.values()] == ["C1", "C2"]
    assert {seq: s.said["place"].value for seq, s in made[0].stops.items()} == {1: "plant", 2: "store"}
    assert [(leg.from_seq, leg.to_seq, leg.carrier and leg.carrier.value) for leg in made[0].legs] == [(1, 2, "fast")]


def test_each_row_that_contradicts_an_earlier_one_is_told() -> None:
    _, problems = draft(
        head("C1", "acme", stop="1", place="plant"),
        head("C1", "acne", stop="1", place="plant"),
        head("C1", "acne", stop="1", place="plant"),
        head("C1", stop="1", place="store"),
    )
    assert told(problems) == [
        (3, "consignor", "differs from 'acme' (line 2)"),
        (4, "consignor", "differs from 'acme' (line 2)"),
        (5, "place", "differs from 'plant' (line 2)"),
    ]


def test_a_carrier_named_at_a_stop_carries_from_there() -> None:
    made, _ = draft(
        head("C1", carrier="fast", stop="1"),
        head("C1", carrier="slow", stop="2"),
        head("C1", stop="3"),
        head("C1", carrier="any"),
        head("C1", stop="4"),
    )
    assert [leg.carrier and leg.carrier.value for leg in made[0].legs] == ["fast", "slow", "any"]


def test_a_stop_needs_its_number() -> None:
    _, problems = draft(head("C1", place="plant"), head("C1", stop="one", place="plant"), head("", stop="1"))
    assert told(problems) == [
        (2, "place", "a place without the number of its stop"),
        (3, "stop", "a stop is named by its number"),
        (4, "consignment", "every row names its consignment"),
    ]


def utc(month: int, day: int, hour: int, minute: int = 0) -> dt.datetime:
    return dt.datetime(2026, month, day, hour, minute, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "late", "expected"),
    [
        ("2026-03-01T08:00:00Z", False, utc(3, 1, 8)),
        ("2026-03-01T08:00:00+01:00", False, utc(3, 1, 7)),
        ("2026-03-01T08:00", False, utc(3, 1, 7)),
        ("2026-07-01 08:00", False, utc(7, 1, 6)),
        ("2026-03-01t08:00:00z", False, utc(3, 1, 8)),
        ("2026-10-25T02:30", False, utc(10, 25, 0, 30)),
        ("2026-10-25T02:30", True, utc(10, 25, 1, 30)),
    ],
)
def test_times_without_an_offset_are_local(text: str, late: bool, expected: dt.datetime) -> None:
    assert drafts.moment(text, BERLIN, late=late) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-03-29T02:30", "does not exist in Europe/Berlin"),
        ("tomorrow", "not a time"),
        ("2026-03-01", "needs the time too"),
        ("2026-02-30T08:00", "not a time"),
    ],
)
def test_times_that_are_none_are_refused(text: str, reason: str) -> None:
    with pytest.raises(errors.Invalid, match=reason):
        drafts.moment(text, BERLIN, late=False)


def test_of_many_problems_a_thousand_are_told_and_each_kind() -> None:
    problems = Problems()
    for line in range(1_500):
        problems.add(line, "place", "nowhere", "there is no such place")
    problems.add(1, "gtin", "1", "a GTIN has digits only")
    assert (len(problems.told()), problems.count, problems.more) == (KEPT, 1_501, 501)
    assert {p.column for p in problems.told()} == {"place", "gtin"}


def item(line: int, unit: str, parent: str = "", serial: str = "", to_stop: int | None = None) -> items.Item:
    gtin = "09506000134352" if serial else ""
    return items.Item(
        where=line, line=line, plan=0, consignor="acme", unit=unit, parent_unit=parent, gtin=gtin, serial=serial,
        to_stop=to_stop,
    )  # fmt: skip


CASE, PALLET, LORRY = "106141412345678908", "006141411234567890", "306141411234567891"


def nested(*lines: items.Item) -> tuple[dict[str, bool], Problems]:
    """Return for each unit whether its contents go apart."""
    problems = Problems()
    gathered = items.Items(problems)
    for one in lines:
        gathered.add(one)
    gathered.check_units()
    if problems.count:
        return {}, problems
    rows = [r.rstrip("\n").split("\t") for r in gathered.unit_rows({0: (1, 3)})]
    return {r[4]: r[-1] == "t" for r in rows}, problems


def test_a_unit_whose_contents_go_to_one_stop_goes_there() -> None:
    mixed, _ = nested(item(2, CASE, PALLET, "A"), item(3, CASE, PALLET, "B", to_stop=3), item(4, CASE, "", "C"))
    assert mixed == {CASE: False, PALLET: False}


def test_a_unit_whose_contents_go_apart_is_mixed_and_so_is_what_contains_it() -> None:
    mixed, _ = nested(item(2, CASE, PALLET, "A"), item(3, CASE, PALLET, "B", to_stop=2), item(4, PALLET, LORRY))
    assert mixed == {CASE: True, PALLET: True, LORRY: True}


def test_units_in_a_circle_are_told_once() -> None:
    _, problems = nested(item(2, CASE, PALLET), item(3, PALLET, LORRY), item(4, LORRY, CASE))
    assert [(p.column, p.reason) for p in problems.told()] == [("parent_unit", "units lie in each other in a circle")]


def test_a_unit_lies_in_one_unit_and_has_one_line() -> None:
    _, problems = nested(item(2, CASE, PALLET), item(3, CASE, LORRY))
    assert told(problems) == [
        (3, "parent_unit", f"unit {CASE} lies in {PALLET} by an earlier line"),
        (3, "unit", "it has a line already (line 2)"),
    ]
