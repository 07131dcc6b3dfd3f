"""What the services check alike: moments, pages, and how a refusal is worded."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, TypeVar

from fleettrack.domain import errors, units
from fleettrack.services.forms import words

T = TypeVar("T")

CLOCKS_APART = dt.timedelta(minutes=5)  # how far ahead of ours the clock of a person's device may be


def refusal(place: str, value: Any, reason: str) -> errors.Invalid:
    """Return the error for one wrong value of a form."""
    return errors.Invalid(f"{place}: {reason}", problems=[{"place": place, "value": value, "reason": reason}])


def offending(place: str, values: Iterable[str], reason: str) -> errors.Invalid:
    """Return the error for values that a rule refuses, listing each."""
    problems = [{"place": place, "value": value, "reason": reason} for value in values]
    return errors.Invalid(f"{reason}: {', '.join(p['value'] for p in problems[:3])}", problems=problems)


def found(thing: T | None, kind: str, name: object) -> T:
    """Return the thing.

    Raises:
        NotFound: there is none.
    """
    if thing is None:
        raise errors.NotFound(f"there is no {kind} {name!r}", kind=kind, unknown=[name])
    return thing


def moment(given: dt.datetime | None, otherwise: dt.datetime) -> dt.datetime:
    """Return a moment in UTC, cut to the milliseconds in which everything is decided."""
    said = otherwise if given is None else given
    if said.tzinfo is None:
        raise refusal("time", said.isoformat(), "a time needs its offset from UTC")
    return units.utc(units.to_ms(said))


def past(place: str, given: dt.datetime | None, now: dt.datetime) -> dt.datetime:
    """Return when something happened, which cannot be later than now.

    Raises:
        Invalid: it is.
    """
    at = moment(given, now)
    if at > now + CLOCKS_APART:
        raise refusal(place, at.isoformat(), "this has not happened yet")
    return at


def limit(asked: int) -> int:
    """Return how many rows a page has at most."""
    return max(1, min(asked, words.PAGE_MAX))
