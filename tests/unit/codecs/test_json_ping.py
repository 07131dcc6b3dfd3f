"""The JSON ping: units, ranges, and bad items that cost the others nothing."""

from __future__ import annotations

import itertools
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleettrack.domain import fix
from fleettrack.ingest.codecs import decoder, json_items, json_ping

PING = {"tracker": "truck-7", "time": "2026-03-01T08:15:30.250Z", "lat": 48.1173, "lon": 11.5167}
KEY = (1772352930250, 481173000, 115167000)
NOW = KEY[0] + 1000


def body_of(*pings: dict[str, Any]) -> bytes:
    return json.dumps(list(pings)).encode()


def decode_one(**fields: Any) -> fix.Message:
    (message,) = json_ping.decode(body_of(PING | fields))
    return message


def fix_of(**fields: Any) -> fix.Fix:
    message = decode_one(**fields)
    assert isinstance(message, fix.Fix), message
    return message


def reason_of(body: bytes) -> str:
    (message,) = json_ping.decode(body)
    assert isinstance(message, fix.Reject)
    return message.reason


def test_a_full_ping() -> None:
    position = fix_of(
        speed_mps=20.1,
        course=84.4,
        altitude_m=-3.2,
        accuracy_m=4.5,
        hdop=0.9,
        satellites=8,
        battery_pct=86.6,
        sensors={"temperature": 4.5, "door": "open"},
        id="a-1",
        ignition=True,
        driver=None,
    )
    assert position == fix.Fix(
        tracker="truck-7",
        time_ms=KEY[0],
        lat_e7=KEY[1],
        lon_e7=KEY[2],
        speed_cms=2010,
        course_ddeg=844,
        altitude_dm=-32,
        accuracy_dm=45,
        hdop_centi=90,
        satellites=8,
        battery_pct=87,
        ping_id="a-1",
        attributes={"sensors": {"temperature": 4.5, "door": "open"}, "ignition": True, "driver": None},
    )


@pytest.mark.parametrize(
    ("field", "value", "cms"),
    [
        ("speed_mps", 10, 1000),
        ("speed_kmh", 36, 1000),
        ("speed_kn", 10, 514),
        ("speed_kn", 0, 0),
        ("speed_kmh", None, None),
    ],
)
def test_the_name_of_a_speed_says_its_unit(field: str, value: float | None, cms: int | None) -> None:
    assert fix_of(**{field: value}).speed_cms == cms


def test_two_speeds_are_one_too_many() -> None:
    assert reason_of(body_of(PING | {"speed_mps": 10, "speed_kmh": 36})) == "malformed"
    assert fix_of(speed_mps=10, speed_kmh=None).speed_cms == 1000


@pytest.mark.parametrize(
    ("field", "stored"),
    [
        ("speed_mps", "speed_cms"),
        ("speed_kmh", "speed_cms"),
        ("speed_kn", "speed_cms"),
        ("course", "course_ddeg"),
        ("accuracy_m", "accuracy_dm"),
        ("hdop", "hdop_centi"),
        ("satellites", "satellites"),
        ("battery_pct", "battery_pct"),
    ],
)
@pytest.mark.parametrize("value", [-1, -0.001])
def test_negative_is_unknown(field: str, stored: str, value: float) -> None:
    assert getattr(fix_of(**{field: value}), stored) is None


@pytest.mark.parametrize(
    ("time", "ms"),
    [
        ("2026-03-01T08:15:30.250Z", KEY[0]),
        ("2026-03-01T08:15:30.250999999Z", KEY[0]),
        ("2026-03-01t09:15:30.25+01:00", KEY[0]),
        ("2026-03-01 08:15:30z", KEY[0] - 250),
        ("1999-12-31T23:59:59.9999999Z", 946684799999),
        (1772352930.25, KEY[0]),
        (1772352930.2509, KEY[0]),
        (1772352930, KEY[0] - 250),
        (1772352930250, KEY[0]),
        (1772352930250.9, KEY[0]),
        (99_999_999_999, 99_999_999_999_000),
        (100_000_000_000_000, 100_000_000_000_000),
        (4_070_908_800, 4_070_908_800_000),  # 2099: nobody said when it was received
    ],
)
def test_times(time: str | float, ms: int) -> None:
    assert fix_of(time=time).time_ms == ms


def test_binary_dust_is_healed() -> None:
    for ms in range(1772352930000, 1772352931000):
        assert fix_of(time=ms / 1000).time_ms == ms


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        (None, "time"),
        ("yesterday", "time"),
        ("2026-03-01T08:15:30", "time"),
        ("2026-03-01", "time"),
        ("2026-02-30T08:15:30Z", "time"),
        ("2026-03-01T08:15:61Z", "time"),
        ("1772352930", "time"),
        (True, "time"),
        ([], "time"),
        (0, "time_range"),
        (-1772352930, "time_range"),
        ("1980-01-05T23:59:59Z", "time_range"),
        (1e30, "time_range"),
        (10**30, "time_range"),
        ("0001-01-01T00:00:00+23:59", "time_range"),
    ],
)
def test_no_times(time: object, reason: str) -> None:
    assert reason_of(body_of(PING | {"time": time})) == reason


def test_the_far_future_of_the_receiver_is_refused() -> None:
    (message,) = json_ping.decode(body_of(PING | {"time": "2099-01-01T00:00:00Z"}), reference_ms=NOW)
    assert isinstance(message, fix.Reject)
    assert message.reason == "time_range"
    assert isinstance(json_ping.decode(body_of(PING), reference_ms=NOW)[0], fix.Fix)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"lat": 91}, "latitude"),
        ({"lat": -90.0000001}, "latitude"),
        ({"lat": None}, "latitude"),
        ({"lon": 180.5}, "longitude"),
        ({"lon": None}, "longitude"),
        ({"lat": "48.1"}, "number"),
        ({"lat": True}, "number"),
        ({"speed_mps": "fast"}, "number"),
        ({"speed_mps": 1e300}, "number"),
        ({"course": 361}, "number"),
        ({"battery_pct": 101}, "number"),
        ({"satellites": [8]}, "number"),
        ({"tracker": 7}, "malformed"),
        ({"tracker": "a\x00b"}, "encoding"),
        ({"tracker": "a\nb"}, "encoding"),
        ({"tracker": "x" * 129}, "encoding"),
        ({"id": {}}, "malformed"),
        ({"id": "x" * 129}, "encoding"),
        ({"sensors": [1]}, "malformed"),
        ({"sensors": {"a": "\x00"}}, "encoding"),
        ({"sensors": {"a\x00": 1}}, "encoding"),
        ({"sensors": {"a": 10**30}}, "number"),
        ({"extra": "\ud800"}, "encoding"),
        ({"extra": 10**30}, "number"),
    ],
)
def test_bad_items(fields: dict[str, Any], reason: str) -> None:
    good, bad, last = json_ping.decode(body_of(PING, PING | fields, PING))
    assert isinstance(bad, fix.Reject)
    assert (bad.reason, bad.index) == (reason, 1)
    assert isinstance(good, fix.Fix)
    assert good == last


DEEP = b'{"a":' * 5_000 + b"1" + b"}" * 5_000


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (b'{"lat": NaN}', "number"),
        (json.dumps(PING).encode().replace(b"48.1173", b"NaN"), "number"),
        (json.dumps(PING).encode().replace(b"48.1173", b"-Infinity"), "number"),
        (json.dumps(PING).encode().replace(b"48.1173", b"1e999"), "number"),
        (json.dumps(PING).encode().replace(b"48.1173", b"9" * 5000), "number"),
        (json.dumps(PING | {"x": 1}).encode().replace(b"1}", b"NaN}"), "number"),
        (json.dumps(PING).encode().replace(b"truck", b"tr\xffck"), "encoding"),
        (b"\xff\xfe", "encoding"),
        (b"{'lat': 1}", "malformed"),
        (b"null", "malformed"),
        (b"7", "malformed"),
        (b'"text, with [brackets]"', "malformed"),
        (b"[]", "malformed"),
        (b"", "malformed"),
        (DEEP, "too_deep"),
        (b'{"sensors":' + DEEP + b"}", "too_deep"),
        (b"[" * 5_000 + b"]" * 5_000, "too_deep"),
        (json.dumps(PING).encode()[:-1] + b',"sensors":' + b'{"a":' * 17 + b"1" + b"}" * 18, "too_deep"),
    ],
)
def test_what_is_no_json_costs_the_others_nothing(item: bytes, reason: str) -> None:
    good = json.dumps(PING).encode()
    messages = json_ping.decode(b"[" + good + b", " + item + b"," + good + b"]")
    assert [m.reason if isinstance(m, fix.Reject) else m.key for m in messages] == [KEY, reason, KEY]
    assert isinstance(messages[1], fix.Reject)
    assert messages[1].index == 1
    assert messages[1].raw == item[: fix.RAW_KEPT]
    if item and item != b"[]":
        lines = json_ping.decode(good + b"\n" + item + b"\r\n\r\n" + good)
        assert [m.reason if isinstance(m, fix.Reject) else m.key for m in lines] == [KEY, reason, KEY]


def test_a_cut_array_keeps_its_whole_items() -> None:
    *whole, cut = json_ping.decode(body_of(PING, PING, PING)[:-20])
    assert [m.key for m in whole if isinstance(m, fix.Fix)] == [KEY, KEY]
    assert isinstance(cut, fix.Reject)
    assert (cut.reason, cut.index) == ("malformed", 2)


@pytest.mark.parametrize("body", [b"", b" \n", b"{", b"[", b"no json", b'["', b'{"lat":'])
def test_hopeless_bodies_are_one_reject(body: bytes) -> None:
    assert reason_of(body) == "malformed"


def test_an_empty_array_is_an_empty_batch() -> None:
    assert json_ping.decode(b" [ ] ") == []


@pytest.mark.parametrize("indent", [None, 2])
def test_forms_of_a_body(indent: int | None) -> None:
    one, many = json.dumps(PING, indent=indent).encode(), json.dumps([PING, PING | {"x": 1}], indent=indent).encode()
    assert [m.key for m in json_ping.decode(one) if isinstance(m, fix.Fix)] == [KEY]
    assert [m.key for m in json_ping.decode(b"\xef\xbb\xbf" + one) if isinstance(m, fix.Fix)] == [KEY]
    assert [m.key for m in json_ping.decode(many) if isinstance(m, fix.Fix)] == [KEY, KEY]
    if indent is None:
        lines = one + b"\n" + many + b"\r\n\n" + many.replace(b'"x"', b'"y"') + b"\n"
        assert [m.key for m in json_ping.decode(lines) if isinstance(m, fix.Fix)] == [KEY] * 5


def test_the_connection_names_what_names_nobody() -> None:
    nameless = {name: value for name, value in PING.items() if name != "tracker"}
    first, second, third = json_ping.decode(body_of(nameless, PING | {"tracker": ""}, PING), tracker="gate-1")
    assert [m.tracker for m in (first, second, third)] == ["gate-1", "gate-1", "truck-7"]
    assert json_ping.decode(body_of(nameless))[0].tracker is None


def test_a_reject_names_its_tracker() -> None:
    for fields in ({"lat": 91}, {"lat": "x"}, {"lat": 91, "x": 1}):
        assert decode_one(**fields).tracker == "truck-7"
    assert decode_one(tracker="a\x00").tracker is None


def test_null_island_is_flagged() -> None:
    assert fix_of(lat=0, lon=-0.0).flags == fix.Flag.ZERO


@given(st.integers(-900_000_000, 900_000_000))
def test_stored_degrees_survive_their_decimal_form(lat_e7: int) -> None:
    assert fix_of(lat=lat_e7 / fix.E7).lat_e7 == lat_e7


def test_attributes_can_be_written_again() -> None:
    deepest = fix_of(sensors={"a": [[{"b": 2**63 - 1, "c": 1e308, "d": "ä\n", "e": None}]]})
    assert msgspec.json.decode(msgspec.json.encode(deepest.attributes)) == deepest.attributes


def test_more_items_than_the_limit_are_refused_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_items, "ITEMS_LIMIT", 10)
    assert len(json_ping.decode(body_of(*[PING] * 10))) == 10
    assert reason_of(body_of(*[PING] * 11)) == "too_long"
    assert reason_of(b"[" + b"1," * 20 + b"1]") == "too_long"
    assert reason_of(b"1\n" * 11) == "too_long"


def test_a_body_over_the_limit_is_refused_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_ping, "BODY_LIMIT", 100)
    assert reason_of(body_of(*[PING] * 10)) == "too_long"


def test_over_tcp_a_line_is_a_batch() -> None:
    lines = json_ping.Decoder(decoder.Settings())
    assert lines.batches(body_of(PING, PING | {"lat": 91})) == []
    first, second, third = lines.batches(b"\r\n\r\n" + body_of() + b"\n" + json.dumps(PING).encode() + b"\n  \n")
    assert [type(m) for m in first] == [fix.Fix, fix.Reject]
    assert second == []
    assert [type(m) for m in third] == [fix.Fix]
    assert lines.flush() == []


@given(st.lists(st.integers(0, 10_000), max_size=12))
def test_chunks_do_not_matter(cuts: list[int]) -> None:
    data = b"\n".join([body_of(PING, PING | {"lat": 91}), b"{cut", json.dumps(PING).encode(), b'{"x": "\xff"}']) * 3
    edges = [0, *sorted(cut % len(data) for cut in cuts), len(data)]
    split, whole = json_ping.Decoder(decoder.Settings()), json_ping.Decoder(decoder.Settings())
    parts = [m for start, end in itertools.pairwise(edges) for m in split.feed(data[start:end])]
    assert [*parts, *split.flush()] == whole.feed(data) + whole.flush()


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
near_pings = st.fixed_dictionaries(
    {}, optional={name: st.just(value) | values for name, value in (PING | {"speed_mps": 1, "id": "x"}).items()}
)
near_bodies = st.lists(near_pings | values, max_size=4).map(lambda items: json.dumps(items).encode())


@given(near_bodies | near_pings.map(lambda item: json.dumps(item).encode()))
def test_every_item_gets_one_message_in_order(body: bytes) -> None:
    items = json.loads(body)
    messages = json_ping.decode(body)
    assert len(messages) == (len(items) if isinstance(items, list) else 1)
    for index, message in enumerate(messages):
        assert not isinstance(message, fix.Status)
        if isinstance(message, fix.Reject):
            assert message.index == index
            assert message.reason in fix.REJECT_REASONS
        else:
            msgspec.json.encode(message)


@given(near_bodies, st.integers(0, 200), st.binary(max_size=4))
def test_nothing_raises(body: bytes, at: int, put: bytes) -> None:
    for message in json_ping.decode(body[:at] + put + body[at:]):
        assert isinstance(message, fix.Fix) or message.tracker is None or message.tracker.isprintable()


@given(st.text('[]{}",:\\ab1\n ', max_size=60))
def test_no_brackets_raise(text: str) -> None:
    json_ping.decode(text.encode())
    json_items.depth(text.encode())


def test_hostile_text_is_taken_apart_in_linear_time() -> None:
    for hostile in (b'[{"a":"' + b'\\"' * 60_000, b"[" + b'"' * 60_001, b"[" + b"," * 90_000):
        json_ping.decode(hostile)
