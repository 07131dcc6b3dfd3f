"""The short cut for plain RMC and GGA: one regular expression instead of pynmea2.

It takes only what it is sure of, a complete valid sentence with a right checksum and nothing before or after it;
the rest goes the long way (sentence.parse). A property test holds both to the same outcome. Its arithmetic stands
here in full, not in calls, because this is where nearly all sentences pass.
"""

from __future__ import annotations

import re

from fleettrack.domain import fix
from fleettrack.ingest.codecs import quantities
from fleettrack.ingest.codecs.nmea import sentence, values

# The forms keep every value inside its limit but a course beyond 360 degrees, which is looked at below.
_TIME = r"([0-9]{6}(?:\.[0-9]{1,3})?)"
_LAT = r"([0-8][0-9])([0-5][0-9])\.([0-9]{1,9}),([NS])"
_LON = r"(0[0-9]{2}|1[0-7][0-9])([0-5][0-9])\.([0-9]{1,9}),([EW])"
_NUMBER = r"([0-9]{1,3}(?:\.[0-9]{0,9})?)?"
_END = r"\*([0-9A-Fa-f]{2})"

_RMC = re.compile(
    rf"\$([A-OQ-Z][A-Z]RMC),{_TIME},A,{_LAT},{_LON},{_NUMBER},{_NUMBER},([0-9]{{6}}),"
    rf"[0-9.]*,[EW]?(?:,[ADEFPR](?:,[A-Z])?)?{_END}"
)
_GGA = re.compile(
    rf"\$([A-OQ-Z][A-Z]GGA),{_TIME},{_LAT},{_LON},([1-69]),([0-9]{{1,2}})?,{_NUMBER},"
    rf"(-?[0-9]{{1,5}}(?:\.[0-9]{{1,9}})?),M,[-0-9.]*,M?,[0-9.]*,[0-9]*{_END}"
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
    address, time, lat, lat_m, lat_f, north, lon, lon_m, lon_f, east, knots, degrees, date, checksum = match.groups()
    time_ms, day = values.time_of_day_ms(time), values.day(date)
    course = float(degrees) * 10 if degrees else None
    if (
        time_ms is None
        or day is None
        or (course is not None and course > 3600)
        or values.checksum(line[1:-3]) != int(checksum, 16)
    ):
        return None
    lat_e7 = int(lat) * fix.E7 + int(lat_m + lat_f) * fix.E7 // _SIXTIETHS[len(lat_f)]
    lon_e7 = int(lon) * fix.E7 + int(lon_m + lon_f) * fix.E7 // _SIXTIETHS[len(lon_f)]
    return sentence.Sentence(
        address=address,
        kind="RMC",
        time_ms=time_ms,
        day=day,
        lat_e7=lat_e7 if north == "N" else -lat_e7,
        lon_e7=lon_e7 if east == "E" else -lon_e7,
        speed_cms=round(float(knots) * quantities.CMS_PER_KNOT) if knots else None,
        course_ddeg=None if course is None else round(course) % 3600,
        raw=line,
    )


def _gga(line: bytes) -> sentence.Sentence | None:
    match = _GGA.fullmatch(line.decode("latin-1"))
    if match is None:
        return None
    address, time, lat, lat_m, lat_f, north, lon, lon_m, lon_f, east, quality, satellites, hdop, altitude, checksum = (
        match.groups()
    )
    time_ms = values.time_of_day_ms(time)
    if time_ms is None or values.checksum(line[1:-3]) != int(checksum, 16):
        return None
    lat_e7 = int(lat) * fix.E7 + int(lat_m + lat_f) * fix.E7 // _SIXTIETHS[len(lat_f)]
    lon_e7 = int(lon) * fix.E7 + int(lon_m + lon_f) * fix.E7 // _SIXTIETHS[len(lon_f)]
    return sentence.Sentence(
        address=address,
        kind="GGA",
        time_ms=time_ms,
        lat_e7=lat_e7 if north == "N" else -lat_e7,
        lon_e7=lon_e7 if east == "E" else -lon_e7,
        quality=int(quality),
        satellites=int(satellites) if satellites else None,
        hdop_centi=(round(float(hdop) * 100) or None) if hdop else None,
        altitude_dm=round(float(altitude) * 10),
        raw=line,
    )
