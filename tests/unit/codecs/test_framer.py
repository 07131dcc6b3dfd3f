"""Lines out of bytes, with bounds."""

from __future__ import annotations

import itertools
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from fleettrack.domain import fix
from fleettrack.ingest.codecs import framer

LIMIT = 20


def frames(data: bytes, cuts: list[int], *, carriage: bool) -> tuple[list[bytes | fix.Reject], bytes]:
    cutter = framer.Framer(LIMIT, carriage=carriage)
    out: list[bytes | fix.Reject] = []
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        out += cutter.feed(data[start:end])
    return out, cutter.take()


streams = st.lists(st.sampled_from([b"a", b"$GPRMC,", b"\n", b"\r\n", b"\r", b"x" * 15, b"y" * 21])).map(b"".join)


@given(streams, st.lists(st.integers(0, 300)), st.booleans())
def test_chunks_do_not_matter(data: bytes, cuts: list[int], carriage: bool) -> None:
    assert frames(data, cuts, carriage=carriage) == frames(data, [], carriage=carriage)


@given(streams)
def test_short_lines_come_out_whole(data: bytes) -> None:
    lines, tail = frames(data, [], carriage=True)
    expected = data.replace(b"\r", b"\n").split(b"\n")
    kept = [line for line in lines if isinstance(line, bytes)]
    assert kept == [line for line in expected[:-1] if 0 < len(line) <= LIMIT]
    assert tail == (expected[-1] if len(expected[-1]) <= LIMIT else b"")


def test_an_over_long_line_is_one_reject_and_the_next_line_is_good() -> None:
    lines, _ = frames(b"z" * 5_000 + b"\ngood\n", [7, 900], carriage=False)
    assert [line if isinstance(line, bytes) else line.reason for line in lines] == ["too_long", b"good"]
    assert isinstance(lines[0], fix.Reject)
    assert lines[0].raw == b"z" * LIMIT


def test_the_reject_comes_at_once_not_at_the_end_of_the_line() -> None:
    cutter = framer.Framer(LIMIT)
    assert [type(line) for line in cutter.feed(b"z" * 21)] == [fix.Reject]
    assert cutter.feed(b"z" * 1_000) == []
    assert cutter.take() == b""


def test_ten_megabytes_without_an_end_take_no_memory() -> None:
    cutter = framer.Framer(4096)
    tracemalloc.start()
    try:
        rejects = [line for _ in range(10_000) for line in cutter.feed(b"A" * 1_000)]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(rejects) == 1
    assert peak < 100_000
    assert cutter.feed(b"\ngood\n") == [b"good"]


def test_a_line_that_drips_in_takes_no_more_memory_than_one_that_comes_at_once() -> None:
    cutter = framer.Framer(1 << 20)
    tracemalloc.start()
    try:
        for _ in range(50_000):
            cutter.feed(bytes(bytearray(b"ab")))  # each a new object, as each read is
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert cutter.size == len(cutter.tail) == 100_000
    assert held < 150_000
