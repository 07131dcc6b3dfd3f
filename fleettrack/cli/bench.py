"""fleettrack bench: how fast it is, as a share of what the machine can do. The benchmarks live in the checkout."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from fleettrack import config
from fleettrack.cli import checkout, options


@click.command("bench", epilog="Example: fleettrack bench P1 P9 --json")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "every", is_flag=True, help="All targets, one after the other.")
@options.data_dir
@options.as_json
def command(ids: tuple[str, ...], every: bool, data_dir: Path | None, as_json: bool) -> None:
    """Measure targets (P1, P2, …); docs/benchmarks.md says what each is and what bounds it.

    Filled databases are kept in `cache` of the data folder from run to run. Progress goes to stderr.
    """
    if not ids and not every:
        raise click.UsageError("name targets, or say --all")
    runner = checkout.module("runner")
    cache = config.load(data_dir=data_dir).data_dir.absolute() / "cache"
    for line, table in runner.run(() if every else ids, cache, lambda text: click.echo(text, err=True)):
        click.echo(msgspec.json.encode(line).decode() if as_json else table)
