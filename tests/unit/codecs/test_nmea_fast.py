"""The short cut and pynmea2 come to the same."""

from __future__ import annotations

from pathlib import Path

import nmea_lines
import pynmea2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleettrack.domain import fix, units
from fleettrack.ingest.codecs import decoder
from fleettrack.ingest.codecs.nmea import fast, sentence, values


def the_long_way(line: bytes) -> sentence.Sentence | None:
    body = line[1:].partition(b"*")[0].decode()
    if not sentence.is_used(body[:5]):
        return None
    try:
        return sentence.parse(body[:5], body, line)
    except decoder.Refusal:
        return None


@given(nmea_lines.rmcs | nmea_lines.ggas)
def test_the_short_cut_says_what_the_long_way_says(body: str) -> None:
    line = nmea_lines.sealed(body)
    quick = fast.parse(line)
    if quick is not None:
        assert quick == the_long_way(line)


@given(nmea_lines.rmcs | nmea_lines.ggas)
def test_the_long_way_says_what_pynmea2_means(body: str) -> None:
    said = the_long_way(nmea_lines.sealed(body))
    if said is not None and said.lat_e7 is not None:
        assert_like_pynmea2(said, pynmea2.parse(body))


def assert_like_pynmea2(said: sentence.Sentence, theirs: pynmea2.TalkerSentence) -> None:
    """Hold a valid sentence to pynmea2's own conversions, but for its known traps."""
    assert said.lat_e7 is not None
    assert said.lon_e7 is not None
    assert said.time_ms is not None
    if "." in theirs.lat:  # else pynmea2 raises
        assert abs(said.lat_e7 / fix.E7 - theirs.latitude) < 1.1e-7
    if "." in theirs.lon:
        assert abs(said.lon_e7 / fix.E7 - theirs.longitude) < 1.1e-7
    clock = theirs.timestamp
    if isinstance(clock, str):  # a trap: what does not convert comes back as it is
        assert clock.endswith(".")
    else:
        seconds = (clock.hour * 60 + clock.minute) * 60 + clock.second
        assert abs(said.time_ms - (seconds * 1000 + clock.microsecond // 1000)) <= 1  # theirs goes through a float
    if said.kind == "RMC":
        if said.day is not None and not 69 <= int(theirs.data[8][4:]) < 80:
            assert said.day == theirs.datestamp.toordinal() - units._FIRST_DAY
        if said.speed_cms is not None:
            assert said.speed_cms == pytest.approx(theirs.spd_over_grnd * 51.4444, abs=0.6)
        if said.course_ddeg is not None:
            assert (said.course_ddeg - theirs.true_course * 10 + 1800) % 3600 - 1800 == pytest.approx(0, abs=0.51)


@pytest.mark.parametrize("body", [nmea_lines.RMC, nmea_lines.GGA])
def test_plain_sentences_take_the_short_cut(body: str) -> None:
    assert fast.parse(nmea_lines.sealed(body)) is not None


@pytest.mark.parametrize(
    "line",
    [
        nmea_lines.sealed(nmea_lines.RMC)[:-2] + b"00",
        nmea_lines.sealed(nmea_lines.RMC)[:-3],
        nmea_lines.sealed(nmea_lines.RMC).replace(b",A,48", b",V,48"),
        nmea_lines.sealed(nmea_lines.RMC) + b",7,356938035643809",
        b"truck" + nmea_lines.sealed(nmea_lines.RMC),
        nmea_lines.sealed(nmea_lines.RMC.replace("084.4", "361")),
        nmea_lines.sealed(nmea_lines.RMC.replace("230394", "310294")),
        nmea_lines.sealed(nmea_lines.RMC.replace("22.4", "２２.4")),
    ],
)
def test_doubtful_lines_go_the_long_way(line: bytes) -> None:
    assert fast.parse(line) is None


@pytest.mark.reference
def test_both_ways_agree_on_every_recorded_line(reference: Path) -> None:
    short = 0
    for log in sorted((reference / "data" / "nmea").glob("*.log")):
        for line in log.read_bytes().replace(b"\r", b"\n").split(b"\n"):
            quick = fast.parse(line)
            if quick is not None:
                short += 1
                assert quick == the_long_way(line)
                assert_like_pynmea2(quick, pynmea2.parse(line.decode(), check=True))
    assert short > 2_500


@given(st.binary(max_size=300))
def test_the_checksum_is_the_xor_of_all_bytes(body: bytes) -> None:
    expected = 0
    for byte in body:
        expected ^= byte
    assert values.checksum(body) == expected
