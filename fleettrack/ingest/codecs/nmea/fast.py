"""The short cut for plain RMC and GGA: one regular expression instead of pynmea2.

It takes only what it is sure of, a complete valid sentence with a right checksum and nothing before or after it;
the rest goes the long way (sentence.parse). A property test holds both to the same outcome.
"""

from __future__ import annotations

import re

from fleettrack.domain import fix
from fleettrack.ingest.codecs import quantities
from fleettrack.ingest.codecs.nmea import sentence, values

_TIME = r"([0-9]{6}(?:\.[0-9]{1,3})?)"
_POSITION = r"([0-8][0-9][0-5][0-9]\.[0-9]{1,9}),([NS]),((?:0[0-9]|1[0-7])[0-9][0-5][0-9]\.[0-9]{1,9}),([EW])"
_NUMBER = r"([0-9]{1,5}(?:\.[0-9]{0,9})?)?"

_RMC = re.compile(
    rf"\$([A-OQ-Z][A-Z]RMC),{_TIME},A,{_POSITION},{_NUMBER},{_NUMBER},([0-9]{{6}}),"
    r"[0-9.]*,[EW]?(?:,[ADEFPR](?:,[A-Z])?)?\*([0-9A-Fa-f]{2})"
)
_GGA = re.compile(
    rf"\$([A-OQ-Z][A-Z]GGA),{_TIME},{_POSITION},([1-69]),([0-9]{{1,2}})?,{_NUMBER},"
    r"(-?[0-9]{1,5}(?:\.[0-9]{1,9})?),M,[-0-9.]*,M?,[0-9.]*,[0-9]*\*([0-9A-Fa-f]{2})"
)
_SIXTIETHS: tuple[int, ...] = tuple(60 * 10**digits for digits in range(10))  # by the number of decimals of the minutes


def parse(line: bytes) -> sentence.Sentence | None:
    """Return the sentence on this line, or None where the long way has to decide."""
    kind = line[3:7]
    if kind == b"RMC,":
        return _rmc(line)
    if kind == b"GGA,":
        return _gga(line)
    return None


def _rmc(line: bytes) -> sentence.Sentence | None:
    match = _RMC.fullmatch(line.decode("latin-1"))
    if match is None:
        return None
    address, time, lat, north, lon, east, knots, degrees, date, checksum = match.groups()
    time_ms, day = values.time_of_day_ms(time), values.day(date)
    speed = quantities.scaled(float(knots), quantities.CMS_PER_KNOT, quantities.SPEED_LIMIT_CMS) if knots else None
    course = quantities.scaled(float(degrees), 10, 3600) if degrees else None
    if (
        time_ms is None
        or day is None
        or (knots and speed is None)
        or (degrees and course is None)
        or values.checksum(line[1:-3]) != int(checksum, 16)
    ):
        return None
    return sentence.Sentence(
        address=address,
        kind="RMC",
        time_ms=time_ms,
        day=day,
        lat_e7=_angle(lat, 2) if north == "N" else -_angle(lat, 2),
        lon_e7=_angle(lon, 3) if east == "E" else -_angle(lon, 3),
        speed_cms=speed,
        course_ddeg=None if course is None else course % 3600,
        raw=line,
    )


def _gga(line: bytes) -> sentence.Sentence | None:
    match = _GGA.fullmatch(line.decode("latin-1"))
    if match is None:
        return None
    address, time, lat, north, lon, east, quality, satellites, hdop, altitude, checksum = match.groups()
    time_ms = values.time_of_day_ms(time)
    hdop_centi = quantities.scaled(float(hdop), 100, quantities.HDOP_LIMIT_CENTI) if hdop else None
    if time_ms is None or (hdop and hdop_centi is None) or values.checksum(line[1:-3]) != int(checksum, 16):
        return None
    return sentence.Sentence(
        address=address,
        kind="GGA",
        time_ms=time_ms,
        lat_e7=_angle(lat, 2) if north == "N" else -_angle(lat, 2),
        lon_e7=_angle(lon, 3) if east == "E" else -_angle(lon, 3),
        quality=int(quality),
        satellites=int(satellites) if satellites else None,
        hdop_centi=hdop_centi or None,
        altitude_dm=quantities.scaled(float(altitude), 10, quantities.ALTITUDE_LIMIT_DM),
        raw=line,
    )


def _angle(text: str, width: int) -> int:
    """Return 1e-7 degrees of `ddmm.m…` with degrees of this width, as values.angle_e7 does."""
    point = width + 2
    minutes = int(text[width:point] + text[point + 1 :])
    return int(text[:width]) * fix.E7 + minutes * fix.E7 // _SIXTIETHS[len(text) - point - 1]
