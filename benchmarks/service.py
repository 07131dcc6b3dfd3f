"""The service under test as a process of its own, and the process that loads it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from fleettrack.services import keys
from fleettrack.storage import database, embedded

CHECKOUT = Path(__file__).parents[1]
STOP_LIMIT_S = 60.0
PROVEN = json.dumps([{"transport": "tcp", "networks": ["127.0.0.0/8", "::1/128"]}])
"""A listener whose source network proves who sends, so that arrivals move custody."""


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """A running service and how to reach it."""

    dsn: str
    port: int
    nmea_port: int
    token: str
    pid: int


@contextlib.contextmanager
def running(data_dir: Path, database_url: str | None = None) -> Iterator[Service]:
    """Run `fleettrack serve` with its default settings on a data folder, or on a database of its server."""
    command = [sys.executable, "-m", "fleettrack", "serve", "--data-dir", str(data_dir), "--port", "0"]
    command += ["--nmea-port", "off"]
    settings = {k: v for k, v in os.environ.items() if not k.startswith("FLEETTRACK_")}
    settings |= {"FLEETTRACK_LISTENERS": PROVEN, "FLEETTRACK_LOG_LEVEL": "warning"}
    if database_url is not None:
        command += ["--database-url", database_url]
    process = subprocess.Popen(command, env=settings, stdout=subprocess.PIPE, text=True, cwd=data_dir)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("the service did not start; what it said is above")
        told = json.loads(line)
        dsn = database_url or embedded.Server.start(data_dir).dsn  # joined: the service has started it
        yield Service(
            dsn=dsn,
            port=told["port"],
            nmea_port=told["listeners"][0]["port"],
            token=asyncio.run(_token(dsn)),
            pid=process.pid,
        )
    finally:
        process.terminate()
        process.wait(STOP_LIMIT_S)
        if process.stdout is not None:
            process.stdout.close()


async def _token(dsn: str) -> str:
    db = database.Database(dsn)
    await db.open()
    try:
        return (await keys.Keys(db).create(name="bench", role="admin")).token
    finally:
        await db.close()


def drive(kind: str, port: int, streams: Sequence[bytes]) -> float:
    """Send each stream over a connection (see benchmarks.load); return the seconds from first byte to last answer."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, str(i)) for i in range(len(streams))]
        for file, stream in zip(files, streams, strict=True):
            file.write_bytes(stream)
        command = [sys.executable, "-m", "benchmarks.load", kind, "127.0.0.1", str(port), *map(str, files)]
        process = subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()
        answer, _ = process.communicate("go\n")
    told = json.loads(answer)
    if told["faults"]:
        raise RuntimeError(f"the load was not taken: {told['faults'][0]}")
    seconds: float = told["ended"] - told["began"]
    return seconds
