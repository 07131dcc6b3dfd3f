"""The same bytes in any chunks give the same messages, and no bytes at all raise."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path

import nmea_lines
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nmea_lines import decode, sealed

from fleettrack.domain import fix
from fleettrack.ingest.codecs import decoder
from fleettrack.ingest.codecs.nmea import codec

names = st.sampled_from([b"", b"", b"", b"a1", b"b2,", b"x/c3/", b"\x80noise"])
ends = st.sampled_from([b"\r\n", b"\n", b"\r", b"", b",5,356938035643809\r\n", b" \r\n"])
kinds = st.sampled_from(
    [
        "GPRMC,1235{:02d},A,4807.0380,N,01131.0000,E,022.4,084.4,230394,,",
        "GPRMC,1235{:02d},V,,,,,,,230394,,,N",
        "GPGGA,1235{:02d},4807.0381,N,01131.0001,E,1,08,0.9,545.4,M,46.9,M,,",
        "GPGGA,1235{:02d},,,,,0,00,,,M,,M,,",
        "GLGSV,3,1,{:02d}",
        "GPVTG,{:02d}.0,T,,M,022.4,N,041.5,K",
        "GPGLL,4807.0381,N,01131.0001,E,1235{:02d},A",
        "GPZDA,1235{:02d},23,03,1994,00,00",
        "PGID,d{:02d}",
    ]
)
sentences = st.builds(
    lambda name, kind, second, end: name + sealed(kind.format(second)) + end, names, kinds, st.integers(0, 3), ends
)
noise = st.sampled_from(nmea_lines.SIMPLE_LINES).map(lambda line: line + b"\n") | st.binary(max_size=10)
streams = st.lists(sentences | sentences | sentences | noise, max_size=25).map(b"".join)


def in_chunks(data: bytes, cuts: list[int]) -> tuple[list[fix.Message], decoder.Counts]:
    nmea = codec.Decoder(decoder.Settings())
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    messages = [m for start, end in itertools.pairwise(edges) for m in nmea.feed(data[start:end])]
    return [*messages, *nmea.flush()], nmea.counts


@given(streams, st.lists(st.integers(0, 10_000), max_size=20))
def test_chunks_do_not_matter(data: bytes, cuts: list[int]) -> None:
    assert in_chunks(data, cuts) == in_chunks(data, [])


@given(streams)
def test_not_even_single_bytes(data: bytes) -> None:
    assert in_chunks(data, list(range(len(data)))) == in_chunks(data, [])


@functools.cache
def log(path: Path) -> bytes:
    return path.read_bytes()


@pytest.mark.reference
@settings(max_examples=60)
@given(pick=st.integers(0, 10_000), cuts=st.lists(st.integers(0, 1_000_000), max_size=300))
def test_chunks_of_recordings_do_not_matter(reference: Path, pick: int, cuts: list[int]) -> None:
    logs = sorted((reference / "data" / "nmea").glob("*.log"))
    data = log(logs[pick % len(logs)])[:60_000]
    assert in_chunks(data, cuts) == in_chunks(data, [])


@pytest.mark.reference
@pytest.mark.parametrize("pause_after", [b"GSA", b"GSV", b"RMC", b"GGA", b"ZDA", b"GLL"])
def test_a_recording_with_pauses_gives_the_same_positions(reference: Path, pause_after: bytes) -> None:
    """A connection may pause anywhere, a file has no pauses."""
    for path in sorted((reference / "data" / "nmea").glob("*.log")):
        nmea = codec.Decoder(decoder.Settings())
        live: list[fix.Message] = []
        for line in log(path).splitlines(keepends=True):
            live += nmea.feed(line)
            if line[3:6] == pause_after:
                live += nmea.quiet()
        live += nmea.flush()
        live_keys, keys = (
            [m.key for m in messages if isinstance(m, fix.Fix)] for messages in (live, decode(log(path)))
        )
        assert live_keys == keys, path.name


policies = st.sampled_from(["require", "if-present", "ignore"])
garbage = st.binary(max_size=200) | st.lists(nmea_lines.rmcs | nmea_lines.ggas).map(
    lambda bodies: b"\n".join(map(sealed, bodies))
)


@given(st.lists(garbage | streams | st.none(), max_size=6), policies, st.booleans(), st.none() | st.integers(0, 2**41))
def test_nothing_raises(chunks: list[bytes | None], policy: str, datagram: bool, reference_ms: int | None) -> None:
    nmea = codec.Decoder(decoder.Settings(checksum=policy, datagram=datagram, reference_ms=reference_ms))  # type: ignore[arg-type]
    messages: list[fix.Message] = []
    for chunk in chunks:
        messages += nmea.quiet() if chunk is None else nmea.feed(chunk)
    for message in [*messages, *nmea.flush()]:
        if isinstance(message, fix.Fix):
            assert abs(message.lat_e7) <= 900_000_000
            assert abs(message.lon_e7) <= 1_800_000_000
        elif isinstance(message, fix.Reject):
            assert message.reason in fix.REJECT_REASONS
            assert len(message.raw) <= fix.RAW_KEPT


text_fields = st.text(st.characters(codec="ascii", exclude_characters="$*\r\n"), max_size=12)


@given(
    st.sampled_from(["RMC", "GGA", "GNS", "GLL", "VTG", "ZDA"]), st.lists(text_fields | st.just("A") | nmea_lines.times)
)
def test_no_fields_whatever_raise(kind: str, fields: list[str]) -> None:
    decode(sealed(",".join([f"GP{kind}", *fields])))
