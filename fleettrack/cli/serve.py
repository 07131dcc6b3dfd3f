"""fleettrack serve: the service."""

from __future__ import annotations

import asyncio
import gc
import signal
from pathlib import Path

import click
import msgspec
import uvloop

from fleettrack import bootstrap, config, log
from fleettrack.cli import options, parameters

GC_AFTER = 50_000  # new objects between two looks for cycles: a batch makes many, and hardly a cycle


@click.command("serve", epilog="Example: fleettrack serve --data-dir ./data --port 8080 --nmea-port 5000")
@options.data_dir
@options.database_url
@click.option("--host", help="Address that all sockets listen on (default 127.0.0.1).")
@click.option("--port", type=parameters.PORT, help="HTTP port; 0 takes any free one (default 8080).")
@click.option(
    "--nmea-port",
    type=parameters.port_or_off,
    metavar="PORT",
    help="TCP port for NMEA and JSON lines; 0 any free one, `off` none (default 5000).",
)
@click.option(
    "--nmea-udp-port", type=parameters.port_or_off, metavar="PORT", help="UDP port for the same (default off)."
)
def command(
    data_dir: Path | None,
    database_url: str | None,
    host: str | None,
    port: int | None,
    nmea_port: int | str | None,
    nmea_udp_port: int | str | None,
) -> None:
    """Take pings in, decide arrivals, keep custody. Prints one JSON line with its addresses when it is ready.

    Everything else is set by FLEETTRACK_* or fleettrack.toml, see docs/settings.md.
    """
    settings = config.load(
        data_dir=data_dir,
        database_url=database_url,
        host=host,
        port=port,
        nmea_port=nmea_port,
        nmea_udp_port=nmea_udp_port,
    )
    log.setup(settings.log_level, json=settings.log_json)
    gc.freeze()  # what is imported stays
    gc.set_threshold(GC_AFTER)
    uvloop.run(_run(settings))


async def _run(settings: config.Settings) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    async with bootstrap.serve(settings) as addresses:
        click.echo(msgspec.json.encode(addresses).decode())
        await ended.wait()
