"""fleettrack db: the database itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from fleettrack import bootstrap, config
from fleettrack.cli import options
from fleettrack.storage import migrations


@click.group("db", epilog="Example: fleettrack db migrate --data-dir ./data")
def command() -> None:
    """Look after the database."""


@command.command("migrate", epilog="Example: fleettrack db migrate --data-dir ./data")
@options.data_dir
@options.database_url
def migrate(data_dir: Path | None, database_url: str | None) -> None:
    """Bring the database to the schema of this version (serve does it by itself)."""
    settings = config.load(data_dir=data_dir, database_url=database_url)

    async def run() -> bool:
        async with bootstrap.dsn(settings, migrate=False) as address:
            return await asyncio.to_thread(migrations.migrate, address)

    click.echo("The schema was made." if asyncio.run(run()) else "The schema is up to date.")
