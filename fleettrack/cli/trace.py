"""fleettrack trace: where is this serial, who holds it, and how do we know."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from fleettrack import bootstrap, config
from fleettrack.cli import options, parameters
from fleettrack.domain import units
from fleettrack.services import tracing
from fleettrack.services.forms import traced


@click.command("trace", epilog="Example: fleettrack trace https://id.gs1.org/01/09506000134352/21/A-17 --json")
@click.argument("serial")
@click.option("--at", type=parameters.moment, metavar="TIME", help="As of this time; now if not given.")
@click.option("--known-at", type=parameters.moment, metavar="TIME", help="As it was known at this time.")
@options.data_dir
@options.database_url
@options.as_json
def command(
    serial: str,
    at: int | None,
    known_at: int | None,
    data_dir: Path | None,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Tell where SERIAL (or a unit) is, who holds it, and its whole life.

    SERIAL is its Digital Link, or the bare serial where that is unique; otherwise the candidates are listed and the
    exit code is 2.
    """
    settings = config.load(data_dir=data_dir, database_url=database_url)
    found = asyncio.run(_trace(settings, serial, _utc(at), _utc(known_at)))
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        for line in _lines(found):
            click.echo(line)


async def _trace(
    settings: config.Settings, serial: str, at: dt.datetime | None, known_at: dt.datetime | None
) -> traced.Trace:
    async with bootstrap.open_database(settings) as db:
        return await tracing.trace(db, serial, at=at, known_at=known_at, now=dt.datetime.now(dt.UTC))


def _utc(ms: int | None) -> dt.datetime | None:
    return None if ms is None else units.utc(ms)


def _lines(found: traced.Trace) -> Iterator[str]:
    yield found.serial
    yield f"  as of        {_spelt(found.at)}, as known at {_spelt(found.known_at)}"
    holder = found.holder
    yield "  held by      " + (
        "nobody yet: it was not commissioned by then"
        if holder is None
        else f"{holder.party} ({holder.status}) since {_spelt(holder.since)}"
    )
    yield f"  place        {found.place or 'on the way' if holder else '-'}"
    if found.position is not None:
        p = found.position
        yield f"  last seen    {p.lat:.6f}, {p.lon:.6f} at {_spelt(p.time)}, {_age(p.age_s)} before"
    yield f"  consignment  {found.consignment or '-'}"
    for i, parent in enumerate(found.parents):
        yield f"  {'inside' if i == 0 else '':<12} {parent}"
    for i, evidence in enumerate(found.evidence):
        yield f"  {'evidence' if i == 0 else '':<12} {evidence.level} {evidence.kind} {evidence.id}"
    yield ""
    yield from _history(found.history)


def _history(history: list[traced.Event]) -> Iterator[str]:
    header = ("event time", "what", "status", "from", "to", "place", "learned")
    table = [header] + [
        (
            _spelt(e.event_at),
            e.kind,
            e.status if e.ended_at is None or e.status == "voided" else f"{e.status}, corrected",
            e.from_party or "-",
            e.to_party or "-",
            e.place or "-",
            _spelt(e.recorded_at),
        )
        for e in history
    ]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    for row in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _spelt(moment: dt.datetime) -> str:
    return moment.astimezone().isoformat(sep=" ", timespec="seconds")


def _age(seconds: float) -> str:
    whole = int(seconds)
    days, hours, minutes = whole // 86_400, whole // 3_600 % 24, whole // 60 % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {whole % 60} s"
