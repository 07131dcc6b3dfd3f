"""Conversions between what is stored and what people and libraries use."""

from __future__ import annotations

import datetime as dt

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MS = dt.timedelta(milliseconds=1)


def utc(ms: int) -> dt.datetime:
    """Return the aware datetime of milliseconds since 1970."""
    return _EPOCH + dt.timedelta(milliseconds=ms)


def to_ms(moment: dt.datetime) -> int:
    """Return milliseconds since 1970 of an aware datetime, exactly."""
    return (moment - _EPOCH) // _MS
