"""Where test databases lie, and how a test gets one. A module of its own: every folder's conftest has the same name."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib import parse

import psycopg
from psycopg import conninfo, sql

MEMORY = Path("/dev/shm")
ROOM_BYTES = 2 << 30


def folder() -> str:
    """In memory where there is room: a copy of a database is hundreds of small files, slow to make on many disks."""
    room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES
    return str(MEMORY) if room else tempfile.gettempdir()


@contextmanager
def fresh(template: dict[str, str]) -> Iterator[str]:
    """URL of a new migrated database, dropped afterwards whoever is still connected."""
    name = f"{template['name']}_{uuid.uuid4().hex[:12]}"
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    with psycopg.connect(template["dsn"], autocommit=True) as server:
        server.execute(create.format(sql.Identifier(name), sql.Identifier(template["name"])))
        try:
            params = conninfo.conninfo_to_dict(template["dsn"], dbname=name)
            yield "postgresql://?" + parse.urlencode(params, quote_via=parse.quote)
        finally:
            server.execute(drop)
