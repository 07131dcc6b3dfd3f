"""Positions in bulk: numpy columns in, by binary COPY to a stage and one INSERT … ON CONFLICT."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from psycopg import sql as psql

from fleettrack.domain import fix, fixes, units
from fleettrack.storage import arrays, database, sql

_SQL = sql.queries("positions")

NULL32 = fixes.NONE
NULL16 = -(2**15)
"""Stand for NULL in the stage, so that its rows have one width and numpy can write them."""

COLUMNS: tuple[tuple[str, str], ...] = (
    ("ord", "i4"), ("tracker_id", "i8"), ("fix_time", "i8"), ("lat_e7", "i4"), ("lon_e7", "i4"),
    ("received_at", "i8"), ("speed_cms", "i4"), ("course_ddeg", "i4"), ("altitude_dm", "i4"),
    ("accuracy_dm", "i4"), ("hdop_centi", "i4"), ("satellites", "i2"), ("quality", "i2"),
    ("battery_pct", "i2"), ("flags", "i2"), ("trust", "i2"), ("protocol", "i2"),
)  # fmt: skip
"""Fixed-width columns of the stage in their order; `attributes` follows them."""

KINDS = dict(COLUMNS)

_TIMES = {"fix_time", "received_at"}
_ROW = np.dtype(
    [("fields", ">i2")]
    + [item for name, kind in COLUMNS for item in ((f"{name}_len", ">i4"), (name, f">{kind}"))]
    + [("attributes_len", ">i4")]
)
_COPY_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_TAIL = b"\xff\xff"


class Columns(msgspec.Struct, kw_only=True, eq=False):
    """Fixes of many trackers as columns of equal length; times in ms since 1970, NULL32/NULL16 for unknown."""

    tracker_id: np.ndarray[Any, np.dtype[np.int64]]
    fix_time: np.ndarray[Any, np.dtype[np.int64]]
    lat_e7: np.ndarray[Any, np.dtype[np.int32]]
    lon_e7: np.ndarray[Any, np.dtype[np.int32]]
    received_at: np.ndarray[Any, np.dtype[np.int64]]
    speed_cms: np.ndarray[Any, np.dtype[np.int32]]
    course_ddeg: np.ndarray[Any, np.dtype[np.int32]]
    altitude_dm: np.ndarray[Any, np.dtype[np.int32]]
    accuracy_dm: np.ndarray[Any, np.dtype[np.int32]]
    hdop_centi: np.ndarray[Any, np.dtype[np.int32]]
    satellites: np.ndarray[Any, np.dtype[np.int16]]
    quality: np.ndarray[Any, np.dtype[np.int16]]
    battery_pct: np.ndarray[Any, np.dtype[np.int16]]
    flags: np.ndarray[Any, np.dtype[np.int16]]
    trust: np.ndarray[Any, np.dtype[np.int16]]
    protocol: np.ndarray[Any, np.dtype[np.int16]]
    attributes: Sequence[dict[str, Any] | None]

    def __len__(self) -> int:
        return len(self.tracker_id)


def empty() -> Columns:
    """Return no fixes at all."""
    none = {name: np.empty(0, kind) for name, kind in COLUMNS if name != "ord"}
    return Columns(**none, attributes=[])


def stage_rows(columns: Columns) -> bytes:
    """Return the columns as PostgreSQL's binary COPY stream."""
    rows = np.empty(len(columns), _ROW)
    rows["fields"] = len(COLUMNS) + 1
    for name, kind in COLUMNS:
        rows[f"{name}_len"] = int(kind[1])
        if name == "ord":
            rows[name] = np.arange(len(columns))
        elif name in _TIMES:
            rows[name] = (getattr(columns, name) - arrays.PG_EPOCH_MS) * 1000
        else:
            rows[name] = getattr(columns, name)
    rows["attributes_len"] = -1
    fixed = rows.tobytes()
    if not any(columns.attributes):
        return _COPY_HEAD + fixed + _COPY_TAIL
    width = _ROW.itemsize
    parts = [_COPY_HEAD]
    for i, attributes in enumerate(columns.attributes):
        row = fixed[i * width : (i + 1) * width]
        if attributes:
            body = b"\x01" + msgspec.json.encode(attributes)  # jsonb's binary form: a version byte, then the text
            row = row[:-4] + len(body).to_bytes(4, "big") + body
        parts.append(row)
    parts.append(_COPY_TAIL)
    return b"".join(parts)


async def stage(connection: database.Connection, columns: Columns) -> None:
    """Bring fixes to the database, for `store`."""
    await connection.execute(_SQL["stage_create"])
    async with connection.cursor() as cursor, cursor.copy(_SQL["stage_copy"]) as copy:
        await copy.write(stage_rows(columns))


async def store(connection: database.Connection) -> tuple[list[int], list[int]]:
    """Store what is staged; return the indices of those known before, and of those among them that added something.

    Their partitions must exist: see Partitions.
    """
    known = await (await connection.execute(_SQL["stage_insert"])).fetchall()
    return [ord_ for ord_, _ in known], [ord_ for ord_, changed in known if changed]


async def since(
    connection: database.Connection, after_ms: Mapping[int, int | None]
) -> tuple[np.ndarray[Any, Any], ...]:
    """Return the fixes of each tracker after its time (None: all), -1 for unknown speed, accuracy and HDOP.

    Columns: tracker, ms, lat_e7, lon_e7, cm/s, accuracy dm, HDOP 0.01, flags, trust.
    """
    parameters = {"trackers": arrays.int8s(after_ms), "after": arrays.times(after_ms.values())}
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(_SQL["since"], parameters)
        rows = await cursor.fetchall()
    return tuple(np.array(column, np.int64) for column in zip(*rows, strict=True)) or (np.empty(0, np.int64),) * 9


class Point(msgspec.Struct, frozen=True):
    """One stored fix of a track; `flags` include those that neighbours gave."""

    time_ms: int
    lat_e7: int
    lon_e7: int
    speed_cms: int | None
    accuracy_dm: int | None
    flags: int
    trust: int


async def track(
    connection: database.Connection, tracker_id: int, trust: int, from_ms: int, until_ms: int | None, limit: int
) -> list[Point]:
    """Return a tracker's fixes of at least this trust over [from_ms, until_ms) in order, at most `limit`."""
    parameters = {
        "tracker": tracker_id,
        "trust": trust,
        "from": units.utc(from_ms),
        "until": "infinity" if until_ms is None else units.utc(until_ms).isoformat(),
        "limit": limit,
    }
    return [Point(*r) for r in await (await connection.execute(_SQL["track"], parameters)).fetchall()]


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """A stored fix as it is copied beside what it decided."""

    tracker_id: int
    time_ms: int
    lat_e7: int
    lon_e7: int
    received_at: dt.datetime | None
    speed_cms: int | None
    accuracy_dm: int | None
    flags: int | None
    trust: int | None


async def by_key(connection: database.Connection, spots: Iterable[tuple[int, tuple[int, int, int]]]) -> list[Evidence]:
    """Return the stored fixes with these (tracker, (ms, lat_e7, lon_e7)), in the order of their times."""
    keys = sorted(spots)
    parameters = {
        "trackers": arrays.int8s([t for t, _ in keys]),
        "times": arrays.times([spot[0] for _, spot in keys]),
        "lats": arrays.int4s([spot[1] for _, spot in keys]),
        "lons": arrays.int4s([spot[2] for _, spot in keys]),
    }
    return await _evidence(connection, "by_key", parameters)


async def at_times(connection: database.Connection, moments: Iterable[tuple[int, int]]) -> list[Evidence]:
    """Return the usable stored fixes of these (tracker, ms), in the order of their times."""
    keys = sorted(moments)
    parameters = {
        "trackers": arrays.int8s([t for t, _ in keys]),
        "times": arrays.times([ms for _, ms in keys]),
        "doubt": fix.UNDECIDING,
    }
    return await _evidence(connection, "at_times", parameters)


async def _evidence(connection: database.Connection, name: str, parameters: dict[str, Any]) -> list[Evidence]:
    rows = await (await connection.execute(_SQL[name], parameters)).fetchall()
    fields = Evidence.__struct_fields__
    return sorted(
        (Evidence(**dict(zip(fields, r, strict=True))) for r in rows), key=lambda e: (e.time_ms, e.tracker_id)
    )


class Partitions:
    """Makes the monthly partitions that fixes need, before the transaction that stores them."""

    def __init__(self, db: database.Database) -> None:
        self._db = db
        self._made: set[int] = set()  # months since 1970
        self._native: bool | None = None  # the hypertable makes its own chunks

    async def ensure(self, times_ms: Iterable[int] | np.ndarray[Any, np.dtype[np.int64]]) -> None:
        """Make the partitions of these times (ms since 1970) where they are missing."""
        months = np.unique(np.asarray(times_ms, dtype="datetime64[ms]").astype("datetime64[M]").astype(int))
        missing = [int(m) for m in months if int(m) not in self._made]
        if not missing:
            return
        async with self._db.connection() as connection:
            if self._native is None:
                row = await (await connection.execute(_SQL["is_native"])).fetchone()
                self._native = row == (True,)
            if self._native:
                for month in missing:
                    await connection.execute(_create_month(month))
        self._made.update(missing)


def _create_month(month: int) -> psql.Composed:
    """Attach a table made apart: unlike CREATE … PARTITION OF, that does not wait for the batches under way."""
    start = dt.datetime(1970 + month // 12, month % 12 + 1, 1, tzinfo=dt.UTC)
    end = dt.datetime(1970 + (month + 1) // 12, (month + 1) % 12 + 1, 1, tzinfo=dt.UTC)
    name = f"position_{start:%Y%m}"
    return psql.SQL(_SQL["make_month"]).format(
        name=psql.Identifier(name),
        text=psql.Literal(name),
        start=psql.Literal(start.isoformat()),
        end=psql.Literal(end.isoformat()),
    )
