"""The kinds of values that all forms share."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import msgspec

Ref = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Text = Annotated[str, msgspec.Meta(max_length=1_000, pattern=r"^[^\x00]*$")]
Moment = Annotated[dt.datetime, msgspec.Meta(tz=True)]

PAGE = 100
PAGE_MAX = 1_000


class New(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is handed in."""
