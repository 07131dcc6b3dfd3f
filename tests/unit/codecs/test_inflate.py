"""Inflating, within a bound."""

from __future__ import annotations

import gzip
import random
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleettrack.domain import fix
from fleettrack.ingest.codecs import inflate


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


FORMS = [
    ("gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("gzip", lambda data: gzip.compress(data[:5]) + gzip.compress(data[5:])),
]


@pytest.mark.parametrize(("encoding", "compress"), FORMS)
@given(data=st.binary(max_size=5_000))
def test_it_undoes_what_senders_do(encoding: str, compress, data: bytes) -> None:  # type: ignore[no-untyped-def]
    assert inflate.inflate(compress(data), encoding, len(data)) == data


@pytest.mark.parametrize(("encoding", "compress"), FORMS)
def test_one_byte_over_the_limit_is_too_much(encoding: str, compress) -> None:  # type: ignore[no-untyped-def]
    result = inflate.inflate(compress(b"x" * 1001), encoding, 1000)
    assert isinstance(result, fix.Reject)
    assert result.reason == "inflated_size"


def test_a_bomb_is_never_inflated_beyond_the_limit() -> None:
    bomb = gzip.compress(b"\0" * 100_000_000, 9)
    tracemalloc.start()
    try:
        result = inflate.inflate(bomb, "gzip", 100_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(result, fix.Reject)
    assert result.reason == "inflated_size"
    assert peak < 1_000_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x1f\x8b",
        gzip.compress(b"hello", mtime=0)[:-4],
        gzip.compress(b"hello", mtime=0) + b"rest",
        b"no gzip at all",
    ],
)
def test_damaged_data_is_malformed(body: bytes) -> None:
    result = inflate.inflate(body, "gzip", 1000)
    assert isinstance(result, fix.Reject)
    assert result.reason == "malformed"


@pytest.mark.parametrize("encoding", inflate.ENCODINGS)
def test_members_are_bounded(encoding: str) -> None:
    member = {"gzip": gzip.compress(b"x", mtime=0), "deflate": zlib.compress(b"x")}[encoding]
    assert inflate.inflate(member * inflate.MEMBERS, encoding, 10_000) == b"x" * inflate.MEMBERS
    result = inflate.inflate(member * (inflate.MEMBERS + 1), encoding, 10_000)
    assert isinstance(result, fix.Reject)
    assert (result.reason, "members" in result.detail) == ("malformed", True)


def test_each_member_takes_up_a_piece_of_the_rest_and_not_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    fed: list[int] = []
    make = zlib.decompressobj

    class Counted:
        def __init__(self, wbits: int) -> None:
            self._stream = make(wbits)

        def decompress(self, data: memoryview, limit: int) -> bytes:
            fed.append(len(data))
            return self._stream.decompress(data, limit)

        def __getattr__(self, name: str) -> object:
            return getattr(self._stream, name)

    monkeypatch.setattr(zlib, "decompressobj", Counted)
    noise = random.Random(1).randbytes(1 << 20)  # which nothing makes smaller
    members = 100
    body = gzip.compress(b"") * members + gzip.compress(noise)
    assert inflate.inflate(body, "gzip", 1 << 20) == noise
    assert sum(fed) <= len(body) + members * inflate.PIECE


def test_an_unknown_encoding_is_malformed() -> None:
    assert isinstance(inflate.inflate(b"x", "br", 1000), fix.Reject)


@given(st.binary(max_size=300), st.sampled_from(inflate.ENCODINGS), st.integers(0, 1000))
def test_nothing_raises(body: bytes, encoding: str, limit: int) -> None:
    result = inflate.inflate(body, encoding, limit)
    assert isinstance(result, fix.Reject) or len(result) <= limit
