"""The kinds of values that all forms share."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import msgspec

Ref = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Text = Annotated[str, msgspec.Meta(max_length=1_000, pattern=r"^[^\x00]*$")]
Secret = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Moment = Annotated[dt.datetime, msgspec.Meta(tz=True)]
Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""What the database counts by."""
Seq = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
"""The number of a stop."""

PAGE = 100
PAGE_MAX = 1_000


class New(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is handed in."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if type(value) is dt.datetime and not on_calendar(value):
                raise ValueError(f"`{name}` is too near to the ends of the calendar")


def on_calendar(moment: dt.datetime) -> bool:
    """Tell whether a moment stays within the years 1 to 9999 in every time zone, and some hours before and after."""
    return dt.MINYEAR < moment.year < dt.MAXYEAR
