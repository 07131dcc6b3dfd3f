"""Columns of lines come to what each line comes to by itself."""

from __future__ import annotations

from pathlib import Path

import nmea_lines
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleettrack.domain import fixes
from fleettrack.ingest.codecs import decoder
from fleettrack.ingest.codecs.nmea import bulk, codec, fast, sentence

RMC = nmea_lines.sealed(nmea_lines.RMC)

prefixes = st.sampled_from([b"", b"356938035643809", b"truck-7,", b"text/truck/", b"$", b",,", b"a$b"])
bodies = nmea_lines.rmcs | nmea_lines.ggas | st.just(nmea_lines.RMC)


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """Sealed sentences behind whatever, now and then with a byte changed, left out or put in."""
    line = draw(prefixes) + nmea_lines.sealed(draw(bodies))
    if draw(st.booleans()):
        return line
    at, cut = draw(st.integers(0, len(line))), draw(st.integers(0, 2))
    return line[:at] + draw(st.binary(max_size=2)).replace(b"\n", b"") + line[at + cut :]


def parsed(lines: list[bytes]) -> list[sentence.Sentence | None]:
    plain = bulk.Plain(lines)
    return [plain.sentence(i) for i in range(len(lines))]


def alone(line: bytes) -> sentence.Sentence | None:
    start = line.find(b"$")
    return fast.parse(line[start:]) if start >= 0 else None


@given(st.lists(lines() | st.binary(max_size=90).map(lambda b: b.replace(b"\n", b"")), max_size=12))
def test_what_is_said_of_many_is_said_of_each(many: list[bytes]) -> None:
    for line, said in zip(many, parsed(many), strict=True):
        assert said is None or said == alone(line)


@given(st.lists(nmea_lines.rmcs.map(nmea_lines.sealed), min_size=1, max_size=8))
def test_no_plain_rmc_is_left_out(many: list[bytes]) -> None:
    assert parsed(many) == [alone(line) for line in many]


@pytest.mark.parametrize(
    "line",
    [
        RMC[:-2] + b"00",
        RMC[:-3],
        RMC.replace(b",A,48", b",V,48"),
        RMC + b",7,356938035643809",
        b"one$two" + RMC,
        nmea_lines.sealed(nmea_lines.RMC.replace("084.4", "361")),
        nmea_lines.sealed(nmea_lines.RMC.replace("230394", "310294")),
        nmea_lines.sealed(nmea_lines.RMC.replace("4807", "4867")),
        nmea_lines.sealed(nmea_lines.RMC.replace("GPRMC", "PPRMC")),
        nmea_lines.sealed(nmea_lines.GGA),
        b"",
    ],
)
def test_of_doubtful_lines_nothing_is_said(line: bytes) -> None:
    assert parsed([RMC, line, RMC]) == [alone(RMC), None, alone(RMC)]


def test_a_connection_decodes_many_lines_at_once_to_the_same() -> None:
    text = b"".join(
        b"truck%d" % (i % 3) + nmea_lines.text(nmea_lines.RMC.replace("123519", f"12{i // 60:02d}{i % 60:02d}"))
        for i in range(3 * bulk.LINES_FROM)
    )
    at_once, one_by_one = codec.Decoder(decoder.Settings()), codec.Decoder(decoder.Settings())
    slowly = [m for line in text.splitlines(keepends=True) for m in one_by_one.feed(line)]
    slowly += one_by_one.flush()
    assert at_once.feed(text) + at_once.flush() == slowly
    assert len(slowly) == 3 * bulk.LINES_FROM


# A gateway: what most trackers on it send, and what keeps one sentence from being an epoch of its own.
seconds = st.integers(4, 7)
said = st.sampled_from(
    [nmea_lines.RMC] * 12
    + [
        nmea_lines.RMC.replace("GPRMC", "GNRMC"),
        nmea_lines.RMC.replace(",A,48", ",V,48"),
        nmea_lines.RMC.replace("230394", "230304"),
        nmea_lines.RMC.replace("4807.0380,N,01131.0000", "0000.0000,N,00000.0000"),
        nmea_lines.GGA,
        "GPVTG,10.0,T,,M,022.4,N,041.5,K",
        "PGID,late",
    ]
)
owners = st.sampled_from([b"t1", b"t1", b"t1", b"t2", b"t2,", b"t3", b"x/t1/", b""])


def spoken(who: bytes, body: str, second: int) -> bytes:
    return who + nmea_lines.sealed(body.replace("123519", f"1235{second:02d}"))


gateways = st.lists(
    st.builds(spoken, owners, said, seconds) | st.sampled_from([b"IMEI 356938035643809", b"noise", b"z" * 5_000]),
    max_size=40,
)
KNOWN = [spoken(who, nmea_lines.RMC, second) for second in range(4) for who in (b"t1", b"t2", b"t3")]


@given(gateways, st.sampled_from([None, 764_430_000_000, 1_700_000_000_000]), st.sampled_from([None, "owner"]))
def test_runs_of_lone_sentences_leave_the_same_fixes_and_the_same_state(
    many: list[bytes], reference_ms: int | None, tracker: str | None
) -> None:
    told = decoder.Settings(reference_ms=reference_ms, tracker=tracker)
    at_once, one_by_one = codec.Decoder(told), codec.Decoder(told)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(bulk, "LINES_FROM", 2)
        patched.setattr(codec, "RUN_FROM", 1)
        for half in (KNOWN, many[: len(many) // 2], many[len(many) // 2 :]):
            slowly = [m for line in half for m in one_by_one.feed(line + b"\n")]
            assert at_once.feed(b"".join(line + b"\n" for line in half)) == slowly
            assert at_once.quiet() == one_by_one.quiet()
        assert at_once.flush() == one_by_one.flush()
    assert at_once.counts == one_by_one.counts


def test_of_a_gateway_with_many_trackers_hardly_a_line_is_looked_at_by_itself() -> None:
    text = b"".join(
        b"truck%d" % truck + nmea_lines.text(nmea_lines.RMC.replace("123519", f"12{i:02d}00"))
        for i in range(20)
        for truck in range(50)
    )
    found = codec.Decoder(decoder.Settings()).feed(text)
    assert sum(len(piece) for piece in found.pieces if isinstance(piece, fixes.Fixes)) >= 0.8 * len(found)


@pytest.mark.reference
def test_columns_agree_on_every_recorded_line(reference: Path) -> None:
    said_of = 0
    for log in sorted((reference / "data" / "nmea").glob("*.log")):
        many = [line for line in log.read_bytes().replace(b"\r", b"\n").split(b"\n") if line]
        for line, said in zip(many, parsed(many), strict=True):
            expected = alone(line)
            assert said == (expected if expected is not None and expected.kind == "RMC" else None)
            said_of += said is not None
    assert said_of > 1_000
