"""fleettrack replay: recorded pings to a running service, as if they came from the devices."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args
from urllib.parse import SplitResult, urlsplit

import click

from fleettrack import config
from fleettrack.cli import options
from fleettrack.client import account, api, nmea_log, pace, parcel, ping_log, pings, recording, tcp, udp
from fleettrack.domain import errors

FILES_AT_ONCE = 8  # without a pace; with one all files go on side by side
SCHEMES = ("tcp", "udp", "http", "https")


def _speed(text: str) -> float:
    if text == "max":
        return 0.0
    try:
        speed = float(text)
    except ValueError:
        raise click.BadParameter("it is a number, or max") from None
    if not 0 <= speed < float("inf"):
        raise click.BadParameter("it is 0 (as fast as it goes) or more")
    return speed


def _target(text: str) -> SplitResult:
    url = urlsplit(text)
    if url.scheme not in SCHEMES or not url.hostname or (url.scheme in ("tcp", "udp") and not url.port):
        raise click.BadParameter("it is tcp://host:port, udp://host:port or http://host:port")
    return url


@click.command(
    "replay", epilog="Example: fleettrack replay --tracker truck-7 --to tcp://127.0.0.1:5000 --speed 60 day.log"
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--to", type=_target, metavar="URL", help="tcp://host:port, udp://host:port or http://host:port.")
@click.option(
    "--speed", type=_speed, default="max", metavar="N", help="N times as fast as recorded; 0 or max: at once."
)
@click.option("--tracker", metavar="ID", help="Who sent what does not say it itself: as a login, a prefix, a field.")
@click.option("--key", envvar="FLEETTRACK_KEY", default="", help="API key for http (or FLEETTRACK_KEY).")
@click.option("--history", is_flag=True, help="http: let data older than 72 h correct custody by themselves.")
@click.option("--format", "form", type=click.Choice(get_args(recording.Format)), help="Else by how the file begins.")
@click.option(
    "--give-up", type=float, default=60.0, show_default=True, metavar="S", help="Patience with a dead service."
)
@options.as_json
def command(
    files: Sequence[Path],
    to: SplitResult | None,
    speed: float,
    tracker: str | None,
    key: str,
    history: bool,
    form: recording.Format | None,
    give_up: float,
    as_json: bool,
) -> None:
    """Send recorded FILES (NMEA, JSON or CSV, plain or gzipped) to a running service.

    What is not acknowledged is sent again, over a new connection if need be. Columns of a CSV:
    tracker,time,lat,lon,speed_mps,course,altitude_m,accuracy_m,hdop,satellites,battery_pct (also vehicle_id, timestamp,
    latitude, longitude); others are left out. Without --to: NMEA to the local TCP port, the rest to the HTTP port.
    """
    if history and to is not None and not to.scheme.startswith("http"):
        raise click.UsageError("--history goes over http only")
    recordings = [recording.Recording(path, form) for path in files]
    plan = Plan(to, speed, tracker, key, history, give_up)
    began = time.monotonic()
    with _bar(recordings) as bar:
        total, failures = asyncio.run(_send_all(plan, recordings, bar))
    _report(total, failures, len(files), time.monotonic() - began, as_json)
    sys.exit(1 if failures else 0)


@dataclasses.dataclass(frozen=True)
class Plan:
    """How to send."""

    to: SplitResult | None
    speed: float
    tracker: str | None
    key: str
    history: bool
    give_up_s: float

    def target(self, form: recording.Format) -> SplitResult:
        """Return where a file of this format goes."""
        if self.to is not None:
            return self.to
        settings = config.load()
        if form == "nmea" and not self.history and settings.nmea_port is not None:
            return urlsplit(f"tcp://{settings.host}:{settings.nmea_port}")
        return urlsplit(f"http://{settings.host}:{settings.port}")

    def parcels(self, source: recording.Recording, scheme: str) -> Iterator[parcel.Parcel]:
        """Return what is in a file, as it goes over this transport."""
        lines = source.lines()
        if source.format == "nmea":
            return (nmea_log.datagrams if scheme == "udp" else nmea_log.stream)(lines, self.tracker)
        found = (ping_log.from_csv if source.format == "csv" else ping_log.from_json)(lines, self.tracker)
        return found if scheme.startswith("http") else (p._replace(data=p.data + b"\n") for p in found)

    def sink(self, target: SplitResult, form: recording.Format, session: api.Api) -> parcel.Sink:
        """Return the sender for a file of this format."""
        if target.scheme.startswith("http"):
            return pings.Http(session, nmea=form == "nmea", history=self.history)
        assert target.hostname is not None
        assert target.port is not None
        if target.scheme == "udp":
            return udp.Udp(target.hostname, target.port, "nmea" if form == "nmea" else "json")
        kept = account.Sentences() if form == "nmea" else account.Lines()
        return tcp.Tcp(target.hostname, target.port, kept, give_up_s=self.give_up_s)


async def _send_all(
    plan: Plan, recordings: Sequence[recording.Recording], bar: Any
) -> tuple[parcel.Tally, dict[str, str]]:
    """Send all files; return the sum, and what went wrong by file."""
    total, failures = parcel.Tally(), dict[str, str]()
    room = asyncio.Semaphore(len(recordings) if plan.speed else FILES_AT_ONCE)

    async def send(source: recording.Recording) -> None:
        async with room:
            try:
                await _send(plan, source, total, bar)
            except (errors.FleettrackError, OSError, EOFError) as exc:
                failures[str(source.path)] = str(exc)
            finally:
                source.close()

    await asyncio.gather(*map(send, recordings))
    return total, failures


async def _send(plan: Plan, source: recording.Recording, total: parcel.Tally, bar: Any) -> None:
    target = plan.target(source.format)
    timing = pace.Pace(plan.speed, time.monotonic)
    address = f"{target.scheme}://{target.netloc}"
    async with api.Api(address, plan.key, give_up_s=plan.give_up_s) as session:
        sink = plan.sink(target, source.format, session)
        await sink.start()
        shown = 0
        try:
            for one in plan.parcels(source, target.scheme):
                await timing.until(one.time_ms)
                await sink.send(one)
                read = source.read_bytes
                if read != shown:
                    bar.update(read - shown)
                    shown = read
            await sink.finish()
        finally:
            await sink.close()
            total.add(sink.tally)


@contextlib.contextmanager
def _bar(recordings: Sequence[recording.Recording]) -> Iterator[Any]:
    size = sum(source.size for source in recordings)
    with click.progressbar(length=size, label="Sending", file=sys.stderr) as bar:
        yield bar


def _report(total: parcel.Tally, failures: dict[str, str], files: int, seconds: float, as_json: bool) -> None:
    acknowledged = total.acknowledged if total.answers else None
    if as_json:
        said = {"files": files, **dataclasses.asdict(total), "acknowledged": acknowledged}
        del said["answers"]
        click.echo(json.dumps({**said, "seconds": round(seconds, 3), "failures": failures}))
        return
    click.echo(f"{total.sent:,} fixes sent from {files} file{'s' * (files != 1)} in {seconds:.1f} s.")
    if acknowledged is None:
        click.echo("The other end acknowledges nothing, so nobody knows what it has stored.")
    else:
        known = f" ({total.duplicate:,} known already, {total.held:,} held)" if total.duplicate or total.held else ""
        click.echo(f"{acknowledged:,} acknowledged{known}, {total.rejected:,} rejected.")
    if total.resent:
        click.echo(f"{total.resent:,} were sent again, {total.reconnects} connections were lost.")
    for path, why in failures.items():
        click.echo(f"{path}: {why}", err=True)
