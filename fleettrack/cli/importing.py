"""fleettrack import: consignments with all their serials from a manifest."""

from __future__ import annotations

import asyncio
import datetime as dt
import sys
from pathlib import Path

import click
import msgspec

from fleettrack import bootstrap, config, metrics
from fleettrack.cli import options, parameters
from fleettrack.domain import errors, units
from fleettrack.services import manifest, planning


@click.command("import", epilog="Example: fleettrack import monday.csv --effective-from 2026-03-01T00:00:00+01:00")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--effective-from",
    type=parameters.moment,
    metavar="TIME",
    help="When consignments without windows begin; now if not given.",
)
@options.data_dir
@options.database_url
@options.as_json
def command(
    file: Path, effective_from: int | None, data_dir: Path | None, database_url: str | None, as_json: bool
) -> None:
    """Import a manifest (CSV, see docs/manifest.md): all of FILE or, with every bad row named, nothing.

    A file that was imported before is recognised by its content, and nothing is done.
    """
    settings = config.load(data_dir=data_dir, database_url=database_url)
    since = None if effective_from is None else units.utc(effective_from)
    try:
        report = asyncio.run(_import(settings, file, file.stat().st_size, since))
    except errors.Invalid as exc:
        if "more" not in exc.facts:
            raise
        _tell_problems(exc, as_json)
        raise SystemExit(1) from exc
    if as_json:
        click.echo(msgspec.json.encode(report))
    elif report.already:
        click.echo(f"{file} was imported already, as {report.name} at {_spelt(report.imported_at)}; nothing was done.")
    else:
        click.echo(
            f"Imported {report.consignments} consignments with {report.stops} stops: {report.serials} new serials and "
            f"{report.units} new units in {report.items} items; {report.known} serials and units were known."
        )


async def _import(
    settings: config.Settings, file: Path, size: int, effective_from: dt.datetime | None
) -> manifest.Report:
    async with bootstrap.open_database(settings) as db:
        line, _ = bootstrap.make_pipeline(db, settings, metrics.Metrics())
        planner = planning.Planner(db, line)
        with (
            file.open("rb") as opened,
            click.progressbar(length=size, label="Reading", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar,
        ):

            def progress(read: int) -> None:
                bar.update(read - bar.pos)
                if read >= size:
                    bar.label = "Writing"
                    bar.render_progress()

            return await manifest.import_manifest(
                planner,
                opened,
                name=file.name,
                now=dt.datetime.now(dt.UTC),
                effective_from=effective_from,
                progress=progress,
            )


def _tell_problems(refused: errors.Invalid, as_json: bool) -> None:
    if as_json:
        told = {"problems": refused.facts["problems"], "more": refused.facts["more"]}
        click.echo(msgspec.json.encode({"imported": False} | told))
        return
    click.echo(str(refused).partition(";")[0] + ":", err=True)
    for problem in refused.facts["problems"]:
        where = f"line {problem['line']}" + (f", {problem['column']}" if problem["column"] else "")
        value = f" {problem['value']!r}:" if problem["value"] else ""
        click.echo(f"  {where}:{value} {problem['reason']}", err=True)
    if refused.facts["more"]:
        click.echo(f"  and {refused.facts['more']} more", err=True)


def _spelt(moment: dt.datetime) -> str:
    return moment.astimezone().isoformat(sep=" ", timespec="seconds")
