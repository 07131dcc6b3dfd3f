"""Options that many commands share."""

from __future__ import annotations

from pathlib import Path

import click

data_dir = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the own database and of the spool; its server is joined, or started for this command.",
)
database_url = click.option("--database-url", help="A PostgreSQL to use instead of the own one.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
