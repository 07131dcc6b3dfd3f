"""fleettrack ledger: the custody ledger."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click
import msgspec

from fleettrack import bootstrap, config
from fleettrack.cli import options
from fleettrack.storage import seals


@click.group("ledger", epilog="Example: fleettrack ledger verify --data-dir ./data")
def command() -> None:
    """Check the custody ledger."""


@command.command("verify", epilog="Example: fleettrack ledger verify --data-dir ./data")
@options.data_dir
@options.database_url
@options.as_json
def verify(data_dir: Path | None, database_url: str | None, as_json: bool) -> None:
    """Walk the chain of seals; exit with 1 at the first link that does not hold, or if an entry is not part of it."""
    settings = config.load(data_dir=data_dir, database_url=database_url)

    async def run() -> seals.Verdict:
        async with bootstrap.open_database(settings) as db:
            return await seals.verify(db)

    verdict = asyncio.run(run())
    if as_json:
        click.echo(msgspec.json.encode(verdict).decode())
    elif verdict.broken:
        at = "" if verdict.broken.seq is None else f"seal {verdict.broken.seq}, "
        click.echo(f"Broken at {at}entry {verdict.broken.entry_id}: {verdict.broken.reason}.")
    else:
        click.echo(f"{verdict.sealed} entries are sealed and whole, {verdict.unsealed} wait for their seal.")
        click.echo(f"Head of the chain: {verdict.head}")
    sys.exit(1 if verdict.broken else 0)
