"""`fleettrack demo` from outside: arrivals change custody, the audit agrees, and without the fleet nothing happens."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

READY_S = 60.0
FIRST_S = 60.0  # issue 2: the first change of custody comes within a minute of being ready
END_S = 100.0  # the audit waits up to a minute for what is missing
BUSY_S = 15.0  # of ordinary running
SETTLE_S = 5.0  # after the fleet has stopped, what it had sent is decided
QUIET_S = 20.0  # so long anything else is waited for

pytestmark = pytest.mark.timeout(240)


class Demo:
    """A running demo."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.told: dict[str, Any] = {}

    async def line(self, limit_s: float) -> str:
        """Return the next line it prints; empty at its end."""
        assert self.process.stdout is not None
        return (await asyncio.wait_for(self.process.stdout.readline(), limit_s)).decode()

    async def events(self, seconds: float) -> AsyncIterator[dict[str, Any]]:
        """Yield what it prints for so long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                line = await self.line(left)
                if not line:
                    return
                yield json.loads(line)


@contextlib.asynccontextmanager
async def running(folder: Path, *arguments: str) -> AsyncIterator[Demo]:
    """Run a small demo of a world that nobody has seen before, in a temporary folder of its own."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FLEETTRACK_")} | {"TMPDIR": str(folder)}
    seed = str(random.SystemRandom().randrange(2**32))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fleettrack", "demo", "--trucks", "small", "--seed", seed, *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
        start_new_session=True,
    )
    demo = Demo(process)
    try:
        demo.told = json.loads(await demo.line(READY_S))
        yield demo
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await asyncio.wait_for(process.wait(), END_S)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_it_shows_custody_soon_ends_by_itself_and_was_true(data_dir: Path) -> None:
    async with running(data_dir, "--for", "30", "--check") as demo:
        assert demo.told["event"] == "ready"
        lines = []
        while line := await demo.line(END_S):
            lines.append(line.rstrip())
        code = await demo.process.wait()
    text = "\n".join(lines)
    assert code == 0, text
    assert lines[-1] == "Truth and ledger agree."
    assert "curl" in text
    assert "nc -q" in text
    assert sum(" arrived at " in line for line in lines) >= 1
    assert sum("provisional (geofence)" in line for line in lines) >= 2  # somebody picked up, and delivered
    assert os.listdir(data_dir) == []  # it has taken its folder away


async def test_when_the_fleet_stops_arrivals_stop(data_dir: Path) -> None:
    async with running(data_dir, "--json") as demo:
        async for event in demo.events(FIRST_S):
            if event["event"] == "custody" and event["kind"] in ("transferred", "received"):
                break
        else:
            pytest.fail("no custody has changed hands within a minute")
        assert [e async for e in demo.events(BUSY_S) if e["event"] == "fleet_failed"] == []
        os.kill(demo.told["fleet_pid"], signal.SIGTERM)
        settled = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=SETTLE_S)
        after = [e async for e in demo.events(SETTLE_S + QUIET_S)]
        assert "fleet_ended" in {e["event"] for e in after}
        assert not runs(demo.told["fleet_pid"])
        happened = [e for e in after if e["event"] in ("arrived", "custody")]
        assert [e for e in happened if dt.datetime.fromisoformat(e["learned"]) > settled] == []
        demo.process.send_signal(signal.SIGINT)
        last = [e async for e in demo.events(END_S)]
        assert await demo.process.wait() == 0
    verdict = last[-1]
    assert verdict["event"] == "verdict"
    assert verdict["agree"], verdict
    assert verdict["arrivals"] >= 1
    assert verdict["custody"] >= 1
    assert verdict["first_custody_after_s"] < FIRST_S
    assert not runs(demo.told["service_pid"])
