"""fleettrack geofence: how well arrivals are told."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from fleettrack.cli import checkout, options
from fleettrack.geofence.evaluation import run

COLUMNS = ("precision", "recall", "f1", "duplicates", "median_time_error_s", "median_delay_s")
HEADS = ("precision", "recall", "F1", "dup/1000", "error s", "known s")
NAMES = {"naive": "naive", "plain_dwell": "plain dwell"}
GROUPS = {"le_60s": "a ping every 10, 30 or 60 s", "gt_60s": "a ping every 120 or 300 s"}


@click.group("geofence", epilog="Example: fleettrack geofence evaluate --seed 7")
def command() -> None:
    """Measure how well arrivals are told."""


@command.command("evaluate", epilog="Example: fleettrack geofence evaluate --seed 7 --json | jq .summary.le_60s")
@click.option("--seed", type=click.IntRange(min=0), help="Of the generated days; a fresh one unless given.")
@click.option(
    "--tracks",
    type=click.Path(path_type=Path, exists=True),
    help="The archive of the Athens trucks, or its folder: measured on too. Needs the source checkout.",
)
@click.option(
    "--days",
    type=click.IntRange(min=1),
    default=run.DAYS,
    show_default=True,
    help="Tracker-days of each cell of the reference's world.",
)
@options.as_json
def evaluate(seed: int | None, tracks: Path | None, days: int, as_json: bool) -> None:
    """Generate days with known truth, and compare our arrivals with them; the usual detectors beside.

    The summary is of the reference's world (a yard by a busy road); further worlds have through traffic in wide fences,
    trucks that come back, and two fences at one place. docs/arrivals.md says how it is measured and what came out.
    """
    seed = random.SystemRandom().randrange(1 << 32) if seed is None else seed
    click.echo(f"seed {seed}", err=True)
    real = checkout.module("athens").evaluate(tracks) if tracks else None
    found = run.report(_with_progress(run.cells(days), seed), seed)
    if real is not None:
        found["athens"] = real
    click.echo(msgspec.json.encode(found).decode() if as_json else "\n".join(_lines(found)))


def _with_progress(cells: list[run.Cell], seed: int) -> Iterator[tuple[run.Cell, run.Result]]:
    with click.progressbar(cells, label="Generating and comparing", file=sys.stderr) as bar:
        for cell in bar:
            yield cell, run.measure(cell, seed)


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the tables for people."""
    worlds = {"reference": found["summary"]} | found["worlds"]
    for world, groups in worlds.items():
        for group, title in GROUPS.items():
            figures = groups[group]
            yield from _table(f"{world.replace('_', ' ')}, {title}", figures)
            seen, twice = _number(figures["any_fix_inside"]), figures["custody_moved_twice"]
            yield f"  any fix inside in {seen} of the visits, custody moved twice: {twice}"
            yield ""
    if "athens" in found:
        real = found["athens"]
        yield from _table("Athens trucks, discs of 200 m, 120 s", real, {"creeping_neutral": "ours, creeping neutral"})
        yield ""
    summary = found["summary"]
    yield (
        f"reference, all: {summary['arrivals']} arrivals, {_number(summary['duplicates'])} duplicates per 1,000; "
        f"in all worlds custody moved twice: {summary['custody_moved_twice']}"
    )
    yield f"seed {found['seed']}"


def _table(title: str, figures: Mapping[str, Any], more: Mapping[str, str] | None = None) -> Iterator[str]:
    yield f"{title}: {figures['arrivals']} arrivals"
    yield "  " + " " * 22 + "".join(f"{head:>11}" for head in HEADS)
    rows = {"ours": figures} | {name: figures[key] for key, name in {**(more or {}), **NAMES}.items()}
    for name, row in rows.items():
        yield f"  {name:22}" + "".join(f"{_number(row[column]):>11}" for column in COLUMNS)


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if abs(value) < 2 else f"{value:.1f}"
