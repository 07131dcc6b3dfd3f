"""The spool's file: SQLite with a write-ahead log, synced at every commit. To be used from one thread only."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

PRIVATE = 0o600  # positions of people, and the secrets of trackers
ROW_BYTES = 64  # what a row costs beside its two blobs, about

_OPEN = """
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS parcel (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    received_ms INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    fault TEXT,  -- set aside: the pipeline could not take it
    body BLOB NOT NULL,
    raw BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS parcel_waiting ON parcel (received_ms) WHERE fault IS NULL;
UPDATE parcel SET fault = NULL WHERE fault IS NOT NULL;
"""
_SIZE = f"length(body) + length(raw) + {ROW_BYTES}"


class Row(msgspec.Struct, frozen=True):
    """A delivery to be kept: packed, and with the bytes it came in."""

    received_ms: int
    messages: int
    fault: str | None
    body: bytes
    raw: bytes

    @property
    def size(self) -> int:
        """Bytes it will take."""
        return len(self.body) + len(self.raw) + ROW_BYTES


class File:
    """Rows in the order they came. Whatever changes it is on disk when the call returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection

    def open(self) -> tuple[int, int, int | None]:
        """Return how many rows wait, the bytes they take, and the earliest receive time; all rows wait again."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.touch(PRIVATE)
        self._path.chmod(PRIVATE)  # SQLite gives what it writes beside the file the same mode
        self._db = sqlite3.connect(self._path, isolation_level=None, timeout=1.0)
        self._db.executescript(_OPEN)
        count, size, oldest = self._db.execute(
            f"SELECT count(*), sum({_SIZE}), min(received_ms) FROM parcel"
        ).fetchone()
        return count, size or 0, oldest

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def append(self, rows: Sequence[Row]) -> int | None:
        """Add rows at the end; return the earliest receive time that waits."""
        with self._transaction():
            self._db.executemany(
                "INSERT INTO parcel (received_ms, messages, fault, body, raw) VALUES (?, ?, ?, ?, ?)",
                [msgspec.structs.astuple(row) for row in rows],
            )
        return self._oldest()

    def first(self, messages: int) -> list[tuple[int, int, bytes]]:
        """Return (number, size, body) of the first rows that wait, of about so many messages together."""
        found = []
        query = f"SELECT id, {_SIZE}, body, messages FROM parcel WHERE fault IS NULL ORDER BY id"
        with contextlib.closing(self._db.execute(query)) as rows:
            for number, size, body, count in rows:
                found.append((number, size, body))
                messages -= count
                if messages <= 0:
                    break
        return found

    def remove(self, numbers: Sequence[int]) -> int | None:
        """Delete rows; return the earliest receive time that waits."""
        with self._transaction():
            self._db.executemany("DELETE FROM parcel WHERE id = ?", [(n,) for n in numbers])
        oldest = self._oldest()
        if oldest is None:
            self._db.executescript("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE);")
        return oldest

    def set_aside(self, number: int, fault: str) -> int | None:
        """Take a row out of the queue; return the earliest receive time that waits."""
        with self._transaction():
            self._db.execute("UPDATE parcel SET fault = ? WHERE id = ?", (fault, number))
        return self._oldest()

    def _oldest(self) -> int | None:
        found: int | None = self._db.execute("SELECT min(received_ms) FROM parcel WHERE fault IS NULL").fetchone()[0]
        return found

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise
