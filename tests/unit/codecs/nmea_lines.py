"""Makes NMEA for the tests, and decodes it whole."""

from __future__ import annotations

import functools
import operator
from typing import Any

from hypothesis import strategies as st

from fleettrack.domain import fix
from fleettrack.ingest.codecs import decoder
from fleettrack.ingest.codecs.nmea import codec

RMC = "GPRMC,123519.250,A,4807.0380,N,01131.0000,E,022.4,084.4,230394,003.1,W,A"
RMC_KEY = (764426119250, 481173000, 115166666)
GGA = "GPGGA,123519.250,4807.0381,N,01131.0001,E,1,08,0.9,545.4,M,46.9,M,,"
SIMPLE_LINES = [b"IMEI 356938035643809", b"ABCDEF0123", b"nonsense", b"# comment", b"!AIVDM,1,1,,A,x,0*5A"]


def sealed(body: str) -> bytes:
    """Return the sentence with `$` and its checksum."""
    return b"$%s*%02X" % (body.encode(), functools.reduce(operator.xor, body.encode(), 0))


def text(*bodies: str) -> bytes:
    """Return whole lines."""
    return b"".join(sealed(body) + b"\r\n" for body in bodies)


def decode(data: bytes, **settings: Any) -> list[fix.Message]:
    """Return all messages of a file."""
    nmea = codec.Decoder(decoder.Settings(**settings))
    return [*nmea.feed(data), *nmea.flush()]


def one(data: bytes, **settings: Any) -> fix.Message:
    """Return the only message."""
    (message,) = decode(data, **settings)
    return message


def decimals(most: int, digits: int) -> st.SearchStrategy[str]:
    """Plain numbers from 0, padded or not, with up to so many decimals."""
    fraction = st.text("0123456789", max_size=digits)
    return st.builds(
        lambda n, f, w: f"{n:0{w}d}" + (f".{f}" if f else ""), st.integers(0, most), fraction, st.integers(1, 3)
    )


def angles(degrees: int, width: int) -> st.SearchStrategy[str]:
    """`ddmm.m…`, now and then out of range or badly padded."""
    minutes = st.builds("{:02d}.{}".format, st.integers(0, 61), st.text("0123456789", min_size=1, max_size=8))
    plain = st.builds(lambda d, m: f"{d:0{width}d}{m}", st.integers(0, degrees + 1), minutes)
    return plain | st.builds(lambda d, m: f"{d}{m}", st.integers(0, degrees), minutes)


times = st.builds(
    "{:02d}{:02d}{:02d}{}".format,
    st.integers(0, 24),
    st.integers(0, 60),
    st.integers(0, 60),
    st.sampled_from(["", ".", ".0", ".25", ".999", ".9999", ".123456"]),
)
dates = st.builds("{:02d}{:02d}{:02d}".format, st.integers(0, 32), st.integers(0, 13), st.integers(0, 99))
talkers = st.sampled_from(["GP", "GN", "GL", "BD", "P1", "II"])
positions = st.builds(
    "{},{},{},{}".format, angles(90, 2), st.sampled_from("NS"), angles(180, 3), st.sampled_from(["E", "W", "", "X"])
)
_blank_or = lambda numbers: st.just("") | numbers  # noqa: E731

rmcs = st.builds(
    "{}RMC,{},{},{},{},{},{},{},{}".format,
    talkers,
    times,
    st.sampled_from("AAAV"),
    positions,
    _blank_or(decimals(1200, 4)),
    _blank_or(decimals(400, 4)),
    dates,
    st.sampled_from(["", "10.5"]),
    st.sampled_from(["", "W", "E,A", "W,N", ",D,V", "E,S", ",A,S,extra"]),
)
ggas = st.builds(
    "{}GGA,{},{},{},{},{},{},M,{}".format,
    talkers,
    times,
    positions,
    st.sampled_from(["", "0", "1", "2", "4", "6", "8", "12"]),
    _blank_or(st.integers(0, 120).map(str)),
    _blank_or(decimals(120, 3)),
    _blank_or(decimals(99999, 3)) | st.just("-12.5"),
    st.sampled_from(["", "-33.9,M,,", "46.9,M,1.2,0120", "0.0,M,0000,x"]),
)
