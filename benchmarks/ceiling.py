"""What the database alone does with the same rows: COPY to a temporary stage and INSERT … ON CONFLICT, in batches.

One connection, one transaction a batch, buffers built beforehand; the table has the columns and the key of `position`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg

from fleettrack.services.track import batcher

BATCH = batcher.BATCH_MESSAGES  # as large as the service makes them under full load

Columns = Mapping[str, npt.NDArray[Any]]
"""By name, in stored units, times in ms since 1970; a column that is left out is NULL in every row."""

_SIZES = {"int2": 2, "int4": 4, "int8": 8, "timestamptz": 8}
_EPOCH_MS = 946_684_800_000  # 2000-01-01: PostgreSQL counts microseconds from there
_HEAD, _TAIL = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"


def buffers(columns: Columns, types: Mapping[str, str]) -> list[bytes]:
    """Return the rows as binary COPY streams, one a batch; `types` are those of all columns of the table, in order."""
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for name, type_ in types.items():
        fields.append((f"{name}_len", ">i4"))
        if name in columns:
            fields.append((name, f">i{_SIZES[type_]}"))
    rows = np.zeros(len(next(iter(columns.values()))), np.dtype(fields))
    rows["fields"] = len(types)
    for name, type_ in types.items():
        rows[f"{name}_len"] = _SIZES[type_] if name in columns else -1
        if name in columns:
            values = columns[name]
            rows[name] = (values - _EPOCH_MS) * 1000 if type_ == "timestamptz" else values
    return [_HEAD + rows[i : i + BATCH].tobytes() + _TAIL for i in range(0, len(rows), BATCH)]


_TYPES = """
SELECT attname, typname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE attrelid = 'bench_ceiling'::regclass AND attnum > 0 ORDER BY attnum
"""


class Ceiling:
    """A table of its own on the server of the service under test."""

    def __init__(self, dsn: str) -> None:
        self._connection = psycopg.connect(dsn, autocommit=True)
        for statement in (
            "DROP TABLE IF EXISTS bench_ceiling",
            "CREATE TABLE bench_ceiling (LIKE position_row, PRIMARY KEY (tracker_id, fix_time, lat_e7, lon_e7))",
            "CREATE TEMPORARY TABLE bench_stage (LIKE position_row) ON COMMIT DELETE ROWS",
        ):
            self._connection.execute(statement)
        self._types: dict[str, str] = dict(self._connection.execute(_TYPES).fetchall())

    def __enter__(self) -> Ceiling:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()

    def seconds(self, columns: Columns) -> float:
        """Return how long the rows take, from the first byte to the last commit.

        Within a batch they are sorted by the key, as the service does, which is kinder to its index.
        """
        number = np.arange(len(columns["tracker_id"])) // BATCH
        order = np.lexsort((columns["fix_time"], columns["tracker_id"], number))
        batches = buffers({name: values[order] for name, values in columns.items()}, self._types)
        began = time.monotonic()
        for batch in batches:
            with self._connection.transaction(), self._connection.cursor() as cursor:
                with cursor.copy("COPY bench_stage FROM STDIN (FORMAT binary)") as copy:
                    copy.write(batch)
                cursor.execute("INSERT INTO bench_ceiling SELECT * FROM bench_stage ON CONFLICT DO NOTHING")
        return time.monotonic() - began
