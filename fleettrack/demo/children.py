"""The processes of a demo: the service and the fleet, each ended in good order, and with us if we are killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fleettrack import processes
from fleettrack.domain import errors

READY_S = 150.0  # a first start makes a database; recovery alone may take two minutes
END_S = 70.0  # our PostgreSQL may take a minute to shut down
TAIL_BYTES = 2_000
LINE_BYTES = 1 << 20

SETTINGS = {
    "FLEETTRACK_NONE_TRUST_MAY_TRANSFER": "true",  # NMEA proves nothing about who sends; in a demo that may do
    "FLEETTRACK_NMEA_ACK": "true",  # so that the simulated trackers know what is safe
    "FLEETTRACK_LOG_LEVEL": "warning",
}
"""How the demo's service differs from any other."""


class Child:
    """A process of ours. A Ctrl-C reaches only us; we end our children when we are done with them."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log
        self.pid = process.pid

    @classmethod
    async def start(cls, arguments: list[str], log: Path, settings: Mapping[str, str] = {}) -> Child:
        """Start a Python module with arguments; what it says on standard error goes to a file."""
        with log.open("ab") as errors_to:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors_to,
                env={**os.environ, **settings},
                start_new_session=True,
                preexec_fn=processes.end_with_parent(signal.SIGTERM),
                limit=LINE_BYTES,
            )
        return cls(process, log)

    async def line(self) -> dict[str, Any]:
        """Return the first line it prints, which is JSON.

        Raises:
            FleettrackError: it ends, or takes too long; with what it last said.
        """
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(READY_S):
                said = await self._process.stdout.readline()
            return dict(json.loads(said))
        except (TimeoutError, ValueError):
            raise errors.FleettrackError(f"a part of the demo did not start:\n{self.complaints()}") from None

    async def tell(self, said: object) -> None:
        """Send it a line of JSON."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(said).encode() + b"\n")
        with contextlib.suppress(ConnectionError):
            await self._process.stdin.drain()

    async def read_all(self) -> bytes:
        """Return all it prints until it ends."""
        assert self._process.stdout is not None
        return await self._process.stdout.read()

    def complaints(self) -> str:
        """Return the end of what it said on standard error."""
        return self._log.read_bytes()[-TAIL_BYTES:].decode(errors="replace").strip()

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.returncode

    async def ended(self) -> int:
        """Wait until it ends; return its exit code."""
        return await self._process.wait()

    async def end(self) -> None:
        """End it in good order, by force where it takes too long."""
        if self.code is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(END_S):
                await self.ended()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self.ended()
