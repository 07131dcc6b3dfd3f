"""Logs as parcels: nothing is left out, and from any parcel on the rest can be sent again."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleettrack.client import nmea_log, opening, pace, parcel, ping_log, recording
from fleettrack.domain import errors, fix
from fleettrack.ingest.codecs import decoder, json_ping, registry

NMEA_LOGS = Path(__file__).parents[4] / "shared" / "data" / "nmea"


def fixes(data: bytes, tracker: str | None = None) -> list[fix.Fix]:
    codec = registry.open_decoder("nmea", decoder.Settings(tracker=tracker))
    return [m for m in codec.feed(data) + codec.flush() if isinstance(m, fix.Fix)]


def keys(some: list[fix.Fix]) -> set[tuple[str | None, int, int, int]]:
    return {(f.tracker, *f.key) for f in some}


def check_stream(lines: list[bytes], tracker: str | None) -> None:
    """Nothing is left out, and from any parcel on the rest makes the same fixes as it does after all before it."""
    some = list(nmea_log.stream(lines, tracker))
    whole = fixes(b"".join(lines), tracker)
    assert b"".join(p.data for p in some) == b"".join(lines)
    begins = opening.Opening()
    for i, first in enumerate(some):
        head = fixes(b"".join(p.data for p in some[:i]), tracker)
        again = fixes(begins.before(first) + b"".join(p.data for p in some[i:]))
        assert keys(whole) <= keys(head) | keys(again)
        begins.learn(first)


@st.composite
def gateway_logs(draw: st.DrawFn) -> list[bytes]:
    """A log of one to three trackers that report in turns, with a GGA after each RMC or some seconds without RMC."""
    trackers = draw(st.sampled_from((["a7"], ["a7", "b8"], ["a7", "b8", "c9"])))
    lines = []
    for second in range(draw(st.integers(1, 12))):
        clock = f"1200{second:02d}"
        for tracker in trackers:
            kinds = draw(st.sampled_from(("RG", "R", "GR", ""))) if second else "RG"
            for kind in kinds:
                body = (
                    f"GPRMC,{clock},A,4807.038,N,01131.{second:03d},E,1.0,2.0,010324,,,A"
                    if kind == "R"
                    else f"GPGGA,{clock},4807.038,N,01131.{second:03d},E,1,08,0.9,1.0,M,,M,,"
                )
                lines.append(tracker.encode() + opening.sentence(body))
    return lines


@settings(max_examples=40, deadline=None)
@given(lines=gateway_logs())
def test_any_rest_of_a_log_can_be_sent_again(lines: list[bytes]) -> None:
    check_stream(lines, None)


@settings(max_examples=40, deadline=None)
@given(lines=gateway_logs())
def test_datagrams_say_what_the_log_says(lines: list[bytes]) -> None:
    alone = [f for p in nmea_log.datagrams(lines, None) for f in fixes(p.data)]
    assert keys(alone) == keys(fixes(b"".join(lines)))


def test_a_datagram_has_the_identity_and_the_date_of_the_log() -> None:
    lines = [
        b"# recorded by hand\n",
        opening.sentence("GPZDA,120000.00,01,03,2024,00,00"),
        opening.sentence("GPGGA,120001,4807.038,N,01131.000,E,1,08,0.9,1.0,M,,M,,"),
        opening.sentence("GPGGA,120002,4807.038,N,01131.000,E,1,08,0.9,1.0,M,,M,,"),
    ]
    some = list(nmea_log.datagrams(lines, "truck-7"))
    assert keys([f for p in some for f in fixes(p.data)]) == keys(fixes(b"".join(lines), "truck-7"))


@pytest.mark.reference
@pytest.mark.parametrize("name", ["bu353-glonass", "neo-m8n", "garmin38", "mtk-3329", "ericsson-gru04"])
def test_recorded_logs_can_be_cut_anywhere(name: str) -> None:
    path = NMEA_LOGS / f"{name}.log"
    if not path.exists():
        pytest.skip("the recorded logs are not beside this checkout")
    source = recording.Recording(path)
    assert source.format == "nmea"
    lines = list(source.lines())
    source.close()
    assert b"".join(lines) == path.read_bytes()
    check_stream(lines, "truck-7")


def pings(some: list[parcel.Parcel]) -> list[fix.Message]:
    return [m for p in some for m in json_ping.decode(p.data)]


def test_csv_columns_are_named_like_the_fields_of_a_ping_or_nearly() -> None:
    text = (
        b"vehicle_id,timestamp,speed,Latitude,longitude,speed_kmh,route\n"
        b"2052,2016-03-22T19:26:01-05:00,8.4,30.220976,-97.76523,36,1\n"
        b"2052,1458692881,,30.21,,,\n"
    )
    first, second = list(ping_log.from_csv(text.splitlines(keepends=True), None))
    (fixed,) = pings([first])
    assert isinstance(fixed, fix.Fix)
    assert (fixed.tracker, fixed.time_ms, fixed.lat_e7, fixed.speed_cms) == ("2052", 1458692761000, 302209760, 1000)
    assert fixed.attributes is None
    (refused,) = pings([second])
    assert isinstance(refused, fix.Reject)
    assert refused.reason == "longitude"


def test_a_csv_without_positions_is_refused() -> None:
    with pytest.raises(errors.Invalid, match="lat"):
        list(ping_log.from_csv([b"time,lon\n", b"1,2\n"], None))


PINGS = [{"tracker": "a", "time": 1_700_000_000 + i, "lat": 1.0, "lon": 2.0 + i} for i in range(3)]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(PINGS),
        json.dumps(PINGS, indent=2),
        "\n".join(map(json.dumps, PINGS)),
        "".join(json.dumps([ping]) + "\n" for ping in PINGS),
    ],
    ids=["array", "pretty", "lines", "arrays"],
)
def test_json_in_any_layout_is_the_same_pings(text: str, tmp_path: Path) -> None:
    path = tmp_path / "pings.json.gz"
    path.write_bytes(gzip.compress(text.encode()))
    source = recording.Recording(path)
    assert source.format == "json"
    some = list(ping_log.from_json(source.lines(), None))
    source.close()
    assert [json.loads(p.data) for p in some] == PINGS
    assert [p.time_ms for p in some] == [1_700_000_000_000 + i * 1000 for i in range(3)]


def test_the_tracker_given_is_used_where_a_ping_names_none() -> None:
    some = ping_log.from_json([b'{"time":1,"lat":0.5,"lon":1}\n', b'{"tracker":"a"}\n', b"no json\n"], "truck-7")
    assert [p.data for p in some] == [
        b'{"time":1,"lat":0.5,"lon":1,"tracker":"truck-7"}',
        b'{"tracker":"a"}',
        b"no json",
    ]


@pytest.mark.parametrize(
    ("head", "form"),
    [
        (b"$GPRMC,", "nmea"),
        (b"# a comment\n$GPRMC,", "nmea"),
        (b"\xef\xbb\xbf[{", "json"),
        (b'{"tracker"', "json"),
        (b"tracker,time,lat,lon\n", "csv"),
        (b"vehicle_id,timestamp,speed,route_id,trip_id,latitude,longitude,trip_headsign\n", "csv"),
    ],
)
def test_formats_are_told_by_their_beginning(head: bytes, form: str) -> None:
    assert recording.look(head) == form


@given(
    speed=st.floats(0.1, 1000),
    steps=st.lists(st.tuples(st.integers(-5_000, 60_000), st.floats(0, 30)), min_size=1, max_size=30),
)
def test_no_parcel_goes_out_before_its_time(speed: float, steps: list[tuple[int, float]]) -> None:
    now = 0.0
    timing = pace.Pace(speed, lambda: now)
    assert timing.wait_s(1_000) == 0
    time_ms = 1_000
    for step_ms, took_s in steps:
        time_ms += step_ms
        now += took_s
        wait_s = timing.wait_s(time_ms)
        assert wait_s == pytest.approx(max(0.0, (time_ms - 1_000) / 1000 / speed - now))
        now += wait_s


def test_nobody_waits_for_a_clock_that_was_set() -> None:
    timing = pace.Pace(1, lambda: 0.0)
    years_ms = 3 * 365 * 86_400_000
    assert [timing.wait_s(ms) for ms in (0, 2_000, years_ms, years_ms + 5_000, 4_000, 6_000)] == [0, 2, 0, 5, 0, 2]


def test_without_a_pace_nothing_waits() -> None:
    timing = pace.Pace(0, lambda: 0.0)
    assert [timing.wait_s(ms) for ms in (0, 10_000, None)] == [0, 0, 0]
