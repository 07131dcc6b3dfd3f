"""Columns of pings come to what each ping comes to by itself."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleettrack.domain import fix, fixes
from fleettrack.ingest.codecs import decoder, json_columns, json_fix, json_ping

NOW = 1_700_000_000_000
PING = {"tracker": "t1", "time": "2023-11-14T22:13:20Z", "lat": 48.1, "lon": 11.5}

usual_times = st.builds("2023-11-{:02d}T{:02d}:{:02d}:{:02d}".format, *(st.integers(0, n) for n in (31, 24, 60, 60)))
same_times = st.sampled_from(["Z", ".000Z", ".999Z"]).flatmap(lambda end: usual_times.map(lambda t: t + end))
other_times = st.sampled_from(
    ["2023-11-14t22:13:20z", "2023-11-14 22:13:20.5Z", "2023-11-14T22:13:20+01:00", "1979-01-01T00:00:00Z",
     "2023-02-29T00:00:00Z", "2023-11-14T22:13:2٠Z", "2099-01-01T00:00:00Z", "", "yesterday", NOW, NOW / 1000,
     1_699_999_999, 1e30, -1, None]
)  # fmt: skip
numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-2, 400),
    st.integers(0, 400).map(lambda n: n / 10),
    st.just(-0.0),
    st.sampled_from([0, 0.5, 360, 359.96, 0.005, 0.015, 1.005]),
)
degrees = st.one_of(st.floats(-180, 180), st.integers(-1_800_000, 1_800_000).map(lambda n: n / 10_000), st.none())
measured = {q.name: numbers for q in json_fix.QUANTITIES}
optional = measured | {
    "id": st.sampled_from(["a", 7, "x" * 200]),
    "sensors": st.sampled_from([{"t": 1.5}, {}, {"t": "\0"}]),
}


@st.composite
def batches(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Pings of one sender, which says the same fields in each; now and then one of them is not like the others."""
    said = draw(st.sets(st.sampled_from(sorted(optional)), max_size=4))
    times = draw(st.sampled_from([usual_times.map(lambda t: t + "Z"), same_times, same_times | other_times]))
    many = []
    for _ in range(draw(st.integers(1, 6))):
        ping = {"time": draw(times), "lat": draw(st.floats(-91, 90) | degrees), "lon": draw(degrees)}
        tracker = draw(st.sampled_from(["t1", "t2", "t~secret", None, None, "", "bad\n"]))
        many.append(ping | {"tracker": tracker} | {name: draw(optional[name] | st.none()) for name in said})
    return many


def one_by_one(pings: list[json_fix.Ping], tracker: str | None, reference_ms: int | None) -> list[fix.Fix] | None:
    try:
        return [json_fix.convert(ping, tracker, reference_ms) for ping in pings]
    except decoder.Refusal:
        return None


@given(batches(), st.sampled_from([None, "owner"]), st.sampled_from([None, NOW]))
def test_what_is_said_of_many_is_said_of_each(
    many: list[dict[str, Any]], tracker: str | None, reference_ms: int | None
) -> None:
    pings = msgspec.convert(many, list[json_fix.Ping])
    found = json_columns.convert(pings, tracker, reference_ms)
    if found is not None:
        assert list(found) == one_by_one(pings, tracker, reference_ms)


@given(
    st.lists(st.floats(-90, 90), min_size=2, max_size=9),
    st.sampled_from(sorted(measured)),
    st.floats(0, 100),
    st.sampled_from(["2023-11-14T22:13:20Z", "2023-11-14T22:13:20.125Z", NOW]),
)
def test_no_plain_batch_is_left_out(lats: list[float], name: str, value: float, time: str | int) -> None:
    pings = msgspec.convert([PING | {"time": time, "lat": lat, name: value} for lat in lats], list[json_fix.Ping])
    found = json_columns.convert(pings, None, NOW)
    assert found is not None
    assert list(found) == one_by_one(pings, None, NOW)


@pytest.mark.parametrize("spoiled", [{"lat": 91}, {"time": "never"}, {"speed_mps": 1e9}, {"tracker": "\0"}, {"odd": 1}])
def test_one_bad_ping_costs_no_other(spoiled: dict[str, Any]) -> None:
    many = [PING | {"lat": n / 10} for n in range(2 * json_columns.PINGS_FROM)]
    many[7] |= spoiled
    found = json_ping.decode(msgspec.json.encode(many), reference_ms=NOW)
    assert [i for i, m in enumerate(found) if isinstance(m, fix.Reject)] == ([] if "odd" in spoiled else [7])
    assert [m.lat_e7 for m in found if isinstance(m, fix.Fix)][:7] == [n * 1_000_000 for n in range(7)]


def test_a_plain_batch_stays_in_columns() -> None:
    found = json_ping.decode(msgspec.json.encode([PING] * json_columns.PINGS_FROM), reference_ms=NOW)
    assert [type(piece) for piece in found.pieces] == [fixes.Fixes]
