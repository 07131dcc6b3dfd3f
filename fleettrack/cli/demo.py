"""fleettrack demo: the real service with a simulated fleet."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from fleettrack.cli import options, parameters
from fleettrack.demo import run

SIZES = {"small": 16, "medium": 64, "large": 96}


def _trucks(text: str) -> int:
    try:
        number = SIZES.get(text) or int(text)
    except ValueError:
        raise click.BadParameter(f"it is a number, or {', '.join(SIZES)}") from None
    if not 1 <= number <= 1_000:
        raise click.BadParameter("it is a number from 1 to 1,000")
    return number


@click.command("demo", epilog="Example: fleettrack demo --for 120 --trucks small --seed 7")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address that all sockets listen on.")
@click.option("--port", type=parameters.PORT, default=0, help="HTTP port (default any free one).")
@click.option("--nmea-port", type=parameters.PORT, default=0, help="TCP port for trackers (default any free one).")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep everything here; without it in a temporary folder that is removed at the end.",
)
@click.option("--truth", type=click.Path(path_type=Path, dir_okay=False), help="Where the fleet writes what is true.")
@click.option(
    "--trucks", type=_trucks, default="medium", metavar="N", help="How many, or small, medium, large (16, 64, 96)."
)
@click.option("--seed", type=click.IntRange(0), help="The same number makes the same world (default a random one).")
@click.option(
    "--for", "seconds", type=click.FloatRange(0), metavar="SECONDS", help="End by itself so long after ready."
)
@click.option("--check/--no-check", default=True, show_default=True, help="Compare truth and ledger at the end.")
@options.as_json
def command(
    host: str,
    port: int,
    nmea_port: int,
    data_dir: Path | None,
    truth: Path | None,
    trucks: int,
    seed: int | None,
    seconds: float | None,
    check: bool,
    as_json: bool,
) -> None:
    """Run the service with a fleet of simulated trucks, and print arrivals and custody as they happen.

    The fleet is a process of its own that knows addresses and keys only. It writes what truly happens to a file; in the
    end that is compared with the ledger, and the exit code is 1 where they disagree.
    """
    wanted = run.Wanted(
        host=host,
        port=port,
        nmea_port=nmea_port,
        data_dir=data_dir,
        truth=truth,
        trucks=trucks,
        seed=seed,
        seconds=seconds,
        check=check,
        as_json=as_json,
    )
    sys.exit(asyncio.run(run.run(wanted)))
