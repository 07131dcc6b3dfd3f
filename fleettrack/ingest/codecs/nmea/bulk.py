"""Plain RMC sentences by the hundred, on columns: of each line what `fast.parse` says of it, or nothing.

Where a line is not of the one plain form, nothing is said, and it goes its own way. A property test holds what is said
to `fast`, and that to pynmea2.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from fleettrack.domain import fix, fixes, units
from fleettrack.ingest.codecs import quantities
from fleettrack.ingest.codecs.nmea import sentence, values

LINES_FROM = 200  # for fewer lines columns cost more than they save

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Ints = np.ndarray[Any, np.dtype[np.int64]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]

_COMMAS = range(11, 14)  # in a sentence: the mode and the navigational status came with later versions
_ZERO = np.uint8(ord("0"))
_MAGNETIC_MOST = 8  # characters of a magnetic variation
_WHOLE, _FRACTION = 3, 9  # most digits of a number before and behind its point
_PADDING = bytes(16)  # so that looking a little beyond the first and last line finds nothing

_HEX = np.full(256, -1, np.int64)
_HEX[list(b"0123456789ABCDEF")] = _HEX[list(b"0123456789abcdef")] = np.arange(16)
_HEX[list(b"ABCDEF")] = np.arange(10, 16)


def _among(letters: bytes) -> Bools:
    table = np.zeros(256, bool)
    table[list(letters)] = True
    return table


_LETTERS = _among(bytes(range(65, 91)))
_TALKERS = _LETTERS & ~_among(b"P")  # P begins the makers' own sentences
_MODES = _among(b"ADEFPR")
_MAGNETIC = _among(b"0123456789.")


class Plain:
    """What is said of lines; line i is asked for by its number."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        self._lines = lines
        rows, begin, end, start, fields, text = _cut(lines)
        self._said = said = _Rmc(text, begin, fields, end)
        rows, begin, start = (v[said.sound] for v in (rows, begin, start))
        self.moment_ms: Ints = said.day * units.DAY_MS + said.time_ms  # since 1970
        self._row = np.full(len(lines), -1, np.int64)
        self._row[rows] = np.arange(len(rows))
        self._at = np.full(len(lines), -1, np.int64)
        self._at[rows] = begin - start

    def __len__(self) -> int:
        return len(self._lines)

    def dollars(self, reference_ms: int | None) -> list[int]:
        """Return where in each line its sentence begins; -1 for those of which nothing is said.

        Nothing is said either of a moment that has to be looked at: long ago, or ahead of the reference.
        """
        usual = self.moment_ms >= units.GPS_EPOCH_MS
        if reference_ms is not None:
            behind = reference_ms + quantities.AHEAD_MS - self.moment_ms
            usual &= (behind >= 0) & (behind < quantities.BACKLOG_MS)
        return np.where((self._row >= 0) & usual[self._row], self._at, -1).tolist() if len(usual) else [-1] * len(self)

    def sentence(self, i: int) -> sentence.Sentence | None:
        """Return what `fast.parse` would of the sentence that ends a line; None of those of which nothing is said."""
        row, at, said = int(self._row[i]), int(self._at[i]), self._said
        if row < 0:
            return None
        speed, course = int(said.speed[row]), int(said.course[row])
        return sentence.Sentence(
            address=_address(int(said.talker[row])),
            kind="RMC",
            time_ms=int(said.time_ms[row]),
            day=int(said.day[row]),
            lat_e7=int(said.lat_e7[row]),
            lon_e7=int(said.lon_e7[row]),
            speed_cms=None if speed == fixes.NONE else speed,
            course_ddeg=None if course == fixes.NONE else course,
            raw=self._lines[i][at:],
        )

    def fixes(self, start: int, trackers: Sequence[str | None]) -> fixes.Fixes:
        """Return the fixes of as many lines as there are trackers, each of which is an epoch of its own."""
        said, first = self._said, int(self._row[start])
        rows = slice(first, first + len(trackers))
        lat, lon = said.lat_e7[rows], said.lon_e7[rows]
        return fixes.Fixes(
            tracker=trackers,
            time_ms=self.moment_ms[rows],
            lat_e7=lat.astype(np.int32),
            lon_e7=lon.astype(np.int32),
            speed_cms=said.speed[rows].astype(np.int32),
            course_ddeg=said.course[rows].astype(np.int32),
            flags=np.where((lat == 0) & (lon == 0), np.int16(fix.Flag.ZERO), np.int16(0)),
        )


def _cut(lines: Sequence[bytes]) -> tuple[Ints, Ints, Ints, Ints, Ints, Bytes]:
    """Return of the lines that may be plain: number, dollar, end, start, what parts the fields; and the text of all."""
    text = np.frombuffer(b"".join((_PADDING, b"\n".join(lines), b"\n", _PADDING)), np.uint8)
    end = np.cumsum(np.fromiter(map(len, lines), np.int64, len(lines)) + 1) + len(_PADDING) - 1
    dollars, commas = np.flatnonzero(text == ord("$")), np.flatnonzero(text == ord(","))
    start = np.append(len(_PADDING), end[:-1] + 1)
    dollar, dollar_end = np.searchsorted(dollars, start), np.searchsorted(dollars, end)
    rows = np.flatnonzero(dollar_end - dollar == 1)
    begin, end, start = dollars[dollar[rows]], end[rows], start[rows]
    comma = np.searchsorted(commas, begin)
    count = np.searchsorted(commas, end) - comma
    fit = np.flatnonzero((count >= _COMMAS.start) & (count < _COMMAS.stop))
    rows, begin, end, start, comma, count = (v[fit] for v in (rows, begin, end, start, comma, count))
    stops = np.minimum(comma[:, None] + np.arange(_COMMAS.stop - 1), len(commas) - 1)
    fields = np.where(np.arange(_COMMAS.stop - 1) < count[:, None], commas[stops], end[:, None] - 3)
    return rows, begin, end, start, np.ascontiguousarray(fields.T), text


class _Rmc:
    """Sentences between `begin` (the dollar) and `end`; field i follows comma[i]. Columns of those that are `sound`."""

    def __init__(self, text: Bytes, begin: Ints, comma: Ints, end: Ints) -> None:
        self._text, self._comma, self._star = text, comma, end - 3
        self.talker = text[begin + 1] * np.int64(256) + text[begin + 2]
        head = _TALKERS[text[begin + 1]] & _LETTERS[text[begin + 2]] & (comma[0] == begin + 6)
        for i, letter in enumerate(b"RMC"):
            head &= text[begin + 3 + i] == letter
        self.sound = head & self._sealed(begin) & (self._width(1) == 1) & (text[comma[1] + 1] == ord("A"))
        self.time_ms = self._time()
        self.day = self._day()
        self.lat_e7 = self._angle(2, 2, 89, b"NS")
        self.lon_e7 = self._angle(4, 3, 179, b"EW")
        speed, course = self._number(6) * quantities.CMS_PER_KNOT, self._number(7) * 10
        self.sound &= ~(course > 3600)
        self.speed = np.where(np.isnan(speed), fixes.NONE, np.rint(speed)).astype(np.int64)
        self.course = np.where(np.isnan(course), fixes.NONE, np.rint(course) % 3600).astype(np.int64)
        self._rest()
        for name in ("talker", "time_ms", "day", "lat_e7", "lon_e7", "speed", "course"):
            setattr(self, name, getattr(self, name)[self.sound])

    def _width(self, field: int) -> Ints:
        return np.asarray(self._comma[field + 1] - self._comma[field] - 1)

    def _digit(self, at: Ints, there: Bools | None = None) -> Bytes:
        """Return the digits at these places, where there is one to be; a line with anything else there is not sound."""
        digit = self._text[at] - _ZERO
        wrong = digit > 9
        self.sound &= ~wrong if there is None else ~(wrong & there)
        return digit if there is None else np.where(there, digit, np.uint8(0))

    def _int(self, start: Ints, width: int) -> Ints:
        """Return the numbers that so many digits from `start` on spell."""
        number = np.zeros(len(start), np.int64)
        for i in range(width):
            number = number * 10 + self._digit(start + i)
        return number

    def _fraction(self, start: Ints, end: Ints) -> Ints:
        """Return the digits from `start` to `end` as so many 1e-9."""
        number, width = np.zeros(len(start), np.int64), min(int(np.max(end - start, initial=0)), _FRACTION)
        for i in range(width):
            number = number * 10 + self._digit(start + i, start + i < end)
        return np.asarray(number * 10 ** (_FRACTION - width))

    def _sealed(self, begin: Ints) -> Bools:
        """Say where the checksum is right."""
        text, star = self._text, self._star
        stated = _HEX[text[star + 1]] * 16 + _HEX[text[star + 2]]
        known = (text[star] == ord("*")) & (_HEX[text[star + 1]] >= 0) & (_HEX[text[star + 2]] >= 0) & (star > begin)
        actual = np.bitwise_xor.reduceat(text, np.column_stack((begin + 1, np.maximum(star, begin + 2))).ravel())[::2]
        return np.asarray(known & (stated == actual))

    def _time(self) -> Ints:
        """Read hhmmss, with up to three decimals."""
        at, width = self._comma[0] + 1, self._width(0)
        point = np.minimum(at + 6, self._comma[1])
        self.sound &= (width == 6) | ((self._text[point] == ord(".")) & (width >= 8) & (width <= 10))
        hours, minutes, seconds = (self._int(at + i, 2) for i in (0, 2, 4))
        self.sound &= (hours < 24) & (minutes < 60) & (seconds < 60)
        thousandths = self._fraction(np.minimum(point + 1, self._comma[1]), self._comma[1]) // 10**6
        return np.asarray((hours * 3600 + minutes * 60 + seconds) * 1000 + thousandths)

    def _day(self) -> Ints:
        """Read ddmmyy."""
        at = self._comma[8] + 1
        self.sound &= self._width(8) == 6
        dates, which = np.unique(self._int(at, 6), return_inverse=True)
        days = [values.day(f"{date:06d}") if 0 <= date < 10**6 else None for date in dates.tolist()]
        self.sound &= np.array([day is not None for day in days], bool)[which]
        return np.array([day or 0 for day in days], np.int64)[which]

    def _angle(self, field: int, width: int, most: int, letters: bytes) -> Ints:
        """Read [d]ddmm.m… and its letter, as 1e-7 degrees, cut."""
        at, point, end = self._comma[field] + 1, self._comma[field] + 3 + width, self._comma[field + 1]
        decimals, letter = end - point - 1, self._text[self._comma[field + 1] + 1]
        self.sound &= (decimals >= 1) & (decimals <= _FRACTION) & (self._text[point] == ord("."))
        self.sound &= (self._width(field + 1) == 1) & ((letter == letters[0]) | (letter == letters[1]))
        degrees, minutes = self._int(at, width), self._int(at + width, 2)
        self.sound &= (degrees <= most) & (minutes < 60)
        parts = minutes * 10**_FRACTION + self._fraction(point + 1, end)
        angle = degrees * fix.E7 + np.where(self.sound, parts, 0) * fix.E7 // (60 * 10**_FRACTION)
        return np.asarray(np.where(letter == letters[0], angle, -angle))

    def _number(self, field: int) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Read a decimal number; NaN where the field is empty."""
        at, end = self._comma[field] + 1, self._comma[field + 1]
        point = at + np.argmax(self._text[at[:, None] + np.arange(_WHOLE + 1)] == ord("."), axis=1)
        point = np.where(self._text[point] == ord("."), np.minimum(point, end), end)
        tail = np.minimum(point + 1, end)
        whole = point - at
        fits = (whole >= 1) & (whole <= _WHOLE) & (end - tail <= _FRACTION)
        self.sound &= fits | (end == at)
        number = np.zeros(len(at), np.int64)
        for i in range(_WHOLE, 0, -1):
            number = number * 10 + self._digit(point - i, i <= whole)
        exact = number * 10**_FRACTION + self._fraction(tail, end)  # a quotient of whole numbers is rounded once
        return np.where(end == at, np.nan, np.where(fits, exact, 0) / 10**_FRACTION)

    def _rest(self) -> None:
        """Judge what is not used: magnetic variation, mode and navigational status."""
        text, comma, star = self._text, self._comma, self._star
        magnetic = self._width(9)
        self.sound &= magnetic <= _MAGNETIC_MOST
        for i in range(min(int(np.max(magnetic, initial=0)), _MAGNETIC_MOST)):
            self.sound &= (i >= magnetic) | _MAGNETIC[text[comma[9] + 1 + i]]
        way = comma[11] - comma[10] - 1
        self.sound &= (way == 0) | (
            (way == 1) & ((text[comma[10] + 1] == ord("E")) | (text[comma[10] + 1] == ord("W")))
        )
        self.sound &= (comma[11] == star) | ((comma[12] == comma[11] + 2) & _MODES[text[comma[11] + 1]])
        self.sound &= (comma[12] == star) | ((star == comma[12] + 2) & _LETTERS[text[comma[12] + 1]])


@functools.lru_cache(maxsize=26 * 26)
def _address(talker: int) -> str:
    return f"{talker >> 8:c}{talker & 255:c}RMC"
