"""The real `fleettrack serve` as a process of its own: started, asked from outside, stopped and killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple, Self

import aiohttp
import psycopg
from psycopg import conninfo

from fleettrack.services import keys
from fleettrack.storage import database, embedded

READY_S = 60.0  # recovery and migration included, on a loaded machine
STOP_S = 60.0
WAIT_S = 60.0
POLL_S = 0.02
PREFIX = "/api/v1"

_SAMPLE = re.compile(r"^(?P<name>\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$", re.MULTILINE)


class Answer(NamedTuple):
    """What an HTTP request came back with."""

    status: int
    body: Any
    headers: dict[str, str]


class Service:
    """One data folder, or one outside database, and the process that works on it, if it runs just now.

    Its sockets get any free ports, others after each start: ask for them whenever they are needed.
    """

    def __init__(self, data_dir: Path, *, database_url: str | None = None, **settings: str) -> None:
        self.data_dir = data_dir
        self._database_url = database_url
        told = {"data_dir": str(data_dir), "port": "0", "nmea_port": "0", "nmea_udp_port": "0", **settings}
        if database_url is not None:
            told["database_url"] = database_url
        self._settings = {f"FLEETTRACK_{name.upper()}": value for name, value in told.items()}
        self._process: asyncio.subprocess.Process | None = None
        self._told: dict[str, Any] = {}
        self._session: aiohttp.ClientSession | None = None
        self._tokens: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(WAIT_S))
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._session is not None
        await self._session.close()
        if self.runs:
            await self.stop()

    # Life and death.

    async def start(self) -> None:
        """Start it, and return when it says that it is ready."""
        with (self.data_dir / "service.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *_command("serve"),
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=self._environment(),
            )
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), READY_S)
        assert line, f"the service did not start:\n{self.log()[-3000:]}"
        self._told = json.loads(line)

    async def stop(self) -> int:
        """Ask it to end, as `systemctl stop` does; return its exit code."""
        assert self._process is not None
        self._process.terminate()
        try:
            return await asyncio.wait_for(self._process.wait(), STOP_S)
        except TimeoutError:
            self.kill()
            raise

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGKILL)

    async def gone(self) -> None:
        """Return when the killed process is no more."""
        assert self._process is not None
        await asyncio.wait_for(self._process.wait(), STOP_S)
        self._process = None

    async def restart(self) -> None:
        """Kill it and start it again at once."""
        self.kill()
        await self.gone()
        await self.start()

    @property
    def runs(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.returncode is None

    @property
    def postmaster(self) -> int:
        """Process number of its own PostgreSQL."""
        return int((self.data_dir / "postgresql" / "postmaster.pid").read_text().split("\n")[0])

    # Where it is and what it says.

    @property
    def url(self) -> str:
        """Address of its HTTP interface."""
        return str(self._told["url"])

    @property
    def nmea_port(self) -> int:
        """TCP port for NMEA and JSON lines."""
        return int(self._told["nmea_port"])

    @property
    def udp_port(self) -> int:
        """UDP port for the same."""
        return int(self._told["nmea_udp_port"])

    def log(self) -> str:
        """Return all that it has logged."""
        return (self.data_dir / "service.log").read_text("utf-8", "replace")

    async def ask(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        role: str | None = "admin",
        headers: dict[str, str] | None = None,
        **sent: Any,
    ) -> Answer:
        """Make one request under /api/v1 with the key of a role (see `key`)."""
        assert self._session is not None
        told = dict(headers or {})
        if role is not None:
            told["Authorization"] = f"Bearer {await self.key(role)}"
        url = self.url + (path if path in ("/metrics", "/readyz", "/healthz") else PREFIX + path)
        async with self._session.request(method, url, json=json, headers=told, **sent) as response:
            said = await response.read()
            body = _loaded(said) if "json" in response.content_type else said.decode()
            return Answer(response.status, body, dict(response.headers))

    async def make(self, path: str, body: Any) -> Any:
        """Make something over HTTP, as an admin; return how it is."""
        answer = await self.ask("POST", path, body)
        assert answer.status < 300, f"{answer}\n{self.log()[-3000:]}"
        return answer.body

    async def key(self, role: str, party: str | None = None) -> str:
        """Return the key of a role, made when first asked for; one of a carrier is called by its party."""
        if role not in self._tokens:
            db = database.Database(self.dsn)
            await db.open()
            made = keys.Keys(db)
            told = await made.create(name=role, role="carrier" if party else role, party=party)  # type: ignore[arg-type]
            self._tokens[role] = told.token
            await db.close()
        return self._tokens[role]

    async def metrics(self) -> dict[str, float]:
        """Return its figures: those without labels by name, the others also as `name{label="value"}`."""
        text = (await self.ask("GET", "/metrics", role=None)).body
        found: dict[str, float] = {}
        for sample in _SAMPLE.finditer(text):
            name, value = sample["name"].removeprefix("fleettrack_"), float(sample["value"])
            found[name] = found.get(name, 0.0) + value
            if sample["labels"]:
                found[f"{name}{{{sample['labels']}}}"] = value
        return found

    # What it stored.

    @property
    def dsn(self) -> str:
        """Its database."""
        if self._database_url is not None:
            return self._database_url
        _, _, _, port, folder, *_ = (self.data_dir / "postgresql" / "postmaster.pid").read_text().splitlines()
        return conninfo.make_conninfo(host=folder, port=port, user="fleettrack", dbname="postgres")

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Ask its database."""
        with psycopg.connect(self.dsn, autocommit=True, options="-c timezone=UTC") as connection:
            return connection.execute(query, parameters).fetchall()  # type: ignore[call-overload]

    async def command(self, *arguments: str) -> tuple[int, str]:
        """Run another command of ours, with the same data and settings; return its exit code and what it printed."""
        process = await asyncio.create_subprocess_exec(
            *_command(*arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._environment(),
        )
        try:
            said, _ = await asyncio.wait_for(process.communicate(), WAIT_S)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        assert process.returncode is not None
        return process.returncode, said.decode()

    def _environment(self) -> dict[str, str]:
        """Ours, but for settings that somebody made for a service of his own."""
        return {k: v for k, v in os.environ.items() if not k.startswith("FLEETTRACK_")} | self._settings


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "fleettrack", *arguments]


Serve = Callable[..., Service]
"""Makes a service with settings of a test's own."""


def _loaded(said: bytes) -> Any:
    return json.loads(said) if said else None


async def until(condition: Callable[[], Any | Awaitable[Any]], what: str = "", limit_s: float = WAIT_S) -> Any:
    """Wait until a condition, awaited where it is a coroutine, holds; return what it said."""
    found: Any = None
    try:
        async with asyncio.timeout(limit_s):
            while True:
                found = condition()
                if asyncio.iscoroutine(found):
                    found = await found
                if found:
                    return found
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise AssertionError(f"waited {limit_s:.0f} s in vain: {what or condition}; last: {found!r}") from None


@contextlib.asynccontextmanager
async def outside_server(folder: Path, **settings: str) -> AsyncIterator[Any]:
    """Yield a PostgreSQL that is not the service's own, with its durability on."""
    server = await asyncio.to_thread(embedded.Server.start, folder, settings)
    try:
        yield server
    finally:
        await asyncio.to_thread(server.stop)
