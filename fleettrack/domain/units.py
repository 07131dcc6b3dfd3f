"""Conversions between what is stored and what people and libraries use."""

from __future__ import annotations

import datetime as dt
import time

GPS_EPOCH_MS = 315_964_800_000  # 1980-01-06: no fix is older than the system
DAY_MS = 86_400_000
FOREVER_MS = 253_402_300_799_000  # the end of the year 9999: what has not ended

_FIRST_DAY = dt.date(1970, 1, 1).toordinal()
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MS = dt.timedelta(milliseconds=1)


def calendar_day(year: int, month: int, day_of_month: int) -> int | None:
    """Return days since 1970; None where there is no such day."""
    try:
        return dt.date(year, month, day_of_month).toordinal() - _FIRST_DAY
    except ValueError:
        return None


def now_ms() -> int:
    """Return the clock, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def utc(ms: int) -> dt.datetime:
    """Return the aware datetime of milliseconds since 1970."""
    return _EPOCH + dt.timedelta(milliseconds=ms)


def to_ms(moment: dt.datetime) -> int:
    """Return milliseconds since 1970 of an aware datetime, exactly."""
    return (moment - _EPOCH) // _MS
