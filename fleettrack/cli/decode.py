"""`fleettrack decode`: what the decoders make of a recording."""

from __future__ import annotations

import collections
import io
from collections.abc import Iterator, Sequence
from typing import Any, get_args

import click
import msgspec

from fleettrack.cli import parameters
from fleettrack.domain import fix, units
from fleettrack.ingest.codecs import decoder, json_items, json_ping, registry

_CHUNK = 1 << 16  # bytes read at a time


@click.command(epilog="Example: fleettrack decode --protocol nmea --tracker truck-7 track.log | jq .speed_mps")
@click.option("--protocol", type=click.Choice(list(registry.CODECS)), default="nmea", show_default=True)
@click.option("--tracker", metavar="ID", help="Who sent what does not say it itself.")
@click.option(
    "--checksum",
    type=click.Choice(get_args(decoder.ChecksumPolicy)),
    default="if-present",
    show_default=True,
    help="What to ask of NMEA checksums.",
)
@click.option(
    "--reference-time",
    type=parameters.moment,
    metavar="T",
    help="When it was received: GPS week rollover is repaired against it, and times a day ahead of it are refused.",
)
@click.option("--json", "_json", is_flag=True, help="Accepted as everywhere; the output is always JSON lines.")
@click.argument("file", type=click.File("rb"), default="-")
def command(
    protocol: str,
    tracker: str | None,
    checksum: decoder.ChecksumPolicy,
    reference_time: int | None,
    _json: bool,
    file: io.BufferedReader,
) -> None:
    """Decode FILE (or standard input) and print one JSON line for each fix, status or reject.

    Rejects are part of the output: the exit code is 0 whenever the input could be read.
    """
    settings = decoder.Settings(tracker=tracker, checksum=checksum, reference_ms=reference_time)
    chunks = _chunks(file)
    first = next(chunks, b"")
    if protocol == "json" and json_items.spans_lines(first):
        settings = msgspec.structs.replace(settings, datagram=True)
        first, chunks = first + file.read(json_ping.BODY_LIMIT), iter(())  # one value, read whole up to the limit
    codec = registry.open_decoder(protocol, settings)
    tally: collections.Counter[str] = collections.Counter()
    _write(protocol, codec.feed(first), tally)
    for chunk in chunks:
        _write(protocol, codec.feed(chunk), tally)
    if not settings.datagram:
        _write(protocol, codec.flush(), tally)
    click.echo(_summary(tally, codec.counts), err=True)


def _chunks(file: io.BufferedReader) -> Iterator[bytes]:
    """Read as it comes, so that a pipe is followed live; the first chunk holds at least a line."""
    chunk = file.read1(_CHUNK)
    while b"\n" not in chunk and len(chunk) < _CHUNK and (more := file.read1(_CHUNK)):
        chunk += more
    while chunk:
        yield chunk
        chunk = file.read1(_CHUNK)


def _write(protocol: str, decoded: Sequence[fix.Message], tally: collections.Counter[str]) -> None:
    messages = list(decoded)
    if not messages:
        return
    for message in messages:
        tally[message.reason if isinstance(message, fix.Reject) else type(message).__name__] += 1
    click.echo(b"\n".join(msgspec.json.encode(as_row(message, protocol)) for message in messages))


def as_row(message: fix.Message, protocol: str) -> dict[str, Any]:
    """Return the JSON object of a message, in the units people use; null for what was not sent."""
    row: dict[str, Any] = {"kind": type(message).__name__.lower(), "protocol": protocol, "tracker": message.tracker}
    if isinstance(message, fix.Fix):
        return row | {
            "time": _iso(message.time_ms),
            "lat": message.lat_e7 / fix.E7,
            "lon": message.lon_e7 / fix.E7,
            "speed_mps": _divided(message.speed_cms, 100),
            "course": _divided(message.course_ddeg, 10),
            "altitude_m": _divided(message.altitude_dm, 10),
            "accuracy_m": _divided(message.accuracy_dm, 10),
            "hdop": _divided(message.hdop_centi, 100),
            "satellites": message.satellites,
            "battery_pct": message.battery_pct,
            "flags": [str(flag.name).lower() for flag in fix.Flag(message.flags)],
            "attributes": message.attributes or {},
        }
    if isinstance(message, fix.Status):
        time = None if message.time_ms is None else _iso(message.time_ms)
        return row | {"status": message.kind, "time": time, "attributes": message.attributes or {}}
    raw = message.raw.decode("utf-8", "backslashreplace")
    return row | {"reason": message.reason, "detail": message.detail, "raw": raw}


def _iso(time_ms: int) -> str:
    return units.utc(time_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _divided(stored: int | None, by: int) -> float | None:
    return None if stored is None else stored / by


def _summary(tally: collections.Counter[str], counts: decoder.Counts) -> str:
    reasons = {name: n for name, n in sorted(tally.items()) if name in fix.REJECT_REASONS}
    rejects = f"{sum(reasons.values())} rejects"
    if reasons:
        rejects += f" ({', '.join(f'{name} {n}' for name, n in reasons.items())})"
    return f"{tally['Fix']} fixes, {tally['Status']} statuses, {rejects}, {counts.skipped} skipped, {counts.late} late"
