"""Keeps the one database server of a test run: `database_keeper.py PID FOLDER`, PID being the pytest that owns the run.

Starts our own PostgreSQL, or takes the server of FLEETTRACK_TEST_DATABASE_URL; migrates a template database; prints
where both are as one JSON line; and, in the background, waits for the owner to end, however it ends, to clean up.
A process of its own, because any xdist worker may be the first to want it and none lives as long as the run.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg import conninfo, sql

from fleettrack.storage import embedded, migrations

POLL_S = 0.1
FAST = {  # nobody's data: it need not survive the machine
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
}


def main(owner: int, folder: str) -> None:
    with server(folder) as dsn, template(dsn) as name:
        print(json.dumps({"dsn": dsn, "name": name}), flush=True)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (1, 2):  # who started us reads up to here
            os.dup2(nowhere, stream)
        while runs(owner):
            time.sleep(POLL_S)


@contextlib.contextmanager
def server(parent: str) -> Iterator[str]:
    if given := os.environ.get("FLEETTRACK_TEST_DATABASE_URL"):
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="fleettrack-test-", dir=parent) as folder:
        Path(folder).chmod(0o711)
        with embedded.Server.start(Path(folder), FAST) as own:
            yield own.dsn


@contextlib.contextmanager
def template(dsn: str) -> Iterator[str]:
    name = f"fleettrack_test_{os.getpid()}_{int(time.time())}"
    quoted = sql.Identifier(name)
    with psycopg.connect(dsn, autocommit=True) as connection:
        try:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(quoted))
            migrations.migrate(conninfo.make_conninfo(dsn, dbname=name))
            # a database that somebody is connected to cannot be copied, and TimescaleDB's own workers connect to any
            connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(quoted))
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            yield name
        finally:
            rows = connection.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [name])
            for (left,) in rows.fetchall():
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(left)))


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    if os.fork() == 0:
        os.setsid()  # a Ctrl-C is for pytest
        main(int(sys.argv[1]), sys.argv[2])
