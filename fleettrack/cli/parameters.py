"""Types of parameters that several commands take."""

from __future__ import annotations

import datetime as dt

import click

from fleettrack.domain import units


def moment(text: str) -> int:
    """Return milliseconds since 1970 of an RFC 3339 time; use as `type=` of an option."""
    try:
        when = dt.datetime.fromisoformat(text)
    except ValueError as exc:
        raise click.BadParameter(f"{text!r} is not an RFC 3339 time such as 2024-05-01T12:00:00Z") from exc
    if when.tzinfo is None:
        raise click.BadParameter(f"{text!r} lacks its offset from UTC: add Z or, say, +02:00")
    return units.to_ms(when)


PORT = click.IntRange(0, 65535)


def port_or_off(text: str) -> int | str:
    """Return a port, or `off`; use as `type=` of an option."""
    return text if text == "off" else int(PORT(text))
