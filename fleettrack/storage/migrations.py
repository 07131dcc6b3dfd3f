"""Bring a database to the schema of this version.

Until the first release the schema is one set of files that may be re-cut at will: a database made by another
cut is refused, with the way out. Numbered migrations follow with the first release.
"""

from __future__ import annotations

import hashlib

import psycopg

from fleettrack.domain import errors
from fleettrack.storage import sql

_LOCK = 0x666C7472  # "fltr": one migration at a time, whoever starts first

_VERSION_TABLE = """
CREATE TABLE IF NOT EXISTS schema_version (
    sha256 text PRIMARY KEY, engine text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
)
"""


def migrate(dsn: str) -> bool:
    """Make the schema where there is none; return whether anything was done.

    Raises:
        Invalid: the database holds another cut of the schema.
        DatabaseAway: it cannot be reached.
    """
    try:
        with psycopg.connect(dsn, autocommit=True) as connection:
            return _migrate(connection)
    except psycopg.OperationalError as exc:
        raise errors.DatabaseAway(f"the database cannot be reached: {exc}") from exc


def _migrate(connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        connection.execute(_VERSION_TABLE)
        found = connection.execute("SELECT sha256, engine FROM schema_version").fetchone()
        engine = str(found[1]) if found else _engine(connection)
        files = sql.schema_files(engine)
        digest = hashlib.sha256("".join(text for _, text in files).encode()).hexdigest()
        if found is None:
            for _, text in files:
                connection.execute(text)
            connection.execute("INSERT INTO schema_version (sha256, engine) VALUES (%s, %s)", [digest, engine])
            return True
        if found[0] != digest:
            raise errors.Invalid(
                "this database was made by another pre-release version of fleettrack, and pre-releases do not "
                "migrate: start with an empty database or another --data-dir"
            )
        return False


def _engine(connection: psycopg.Connection[tuple[object, ...]]) -> str:
    available = connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'").fetchone()
    return "timescaledb" if available else "plain"
