"""Array parameters in PostgreSQL's binary form, written by numpy: psycopg's own lists cost 1 µs an element.

An array has no NULLs here; where a column may be NULL its statement says NULLIF against the value that stands for it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

import numpy as np
import psycopg
from psycopg import adapt, pq
from psycopg.abc import Buffer

PG_EPOCH_MS = 946_684_800_000  # 2000-01-01 UTC: PostgreSQL counts microseconds from there
NO_TIME = -(2**63)  # binary -infinity: stands for NULL among times

_INT8, _INT4, _TIMESTAMPTZ, _BYTEA = 20, 23, 1184, 17
_INT8S, _INT4S, _TIMESTAMPTZS, _BYTEAS = 1016, 1007, 1185, 1001


class Array:
    """A parameter that is already in binary form."""

    oid = 0

    def __init__(self, data: bytes) -> None:
        self.data = data


class _Int8s(Array):
    oid = _INT8S


class _Int4s(Array):
    oid = _INT4S


class _Times(Array):
    oid = _TIMESTAMPTZS


class _Byteas(Array):
    oid = _BYTEAS


def int8s(values: Iterable[int] | np.ndarray[Any, Any]) -> Array:
    """Return `bigint[]`."""
    return _Int8s(_fixed(_INT8, values, 8))


def int4s(values: Iterable[int] | np.ndarray[Any, Any]) -> Array:
    """Return `integer[]`."""
    return _Int4s(_fixed(_INT4, values, 4))


def times(values_ms: Iterable[int | None]) -> Array:
    """Return `timestamptz[]` of milliseconds since 1970; None becomes -infinity."""
    micros = [NO_TIME if ms is None else (ms - PG_EPOCH_MS) * 1000 for ms in values_ms]
    return _Times(_fixed(_TIMESTAMPTZ, micros, 8))


def byteas(values: Iterable[bytes]) -> Array:
    """Return `bytea[]`."""
    items = list(values)
    parts = [_head(_BYTEA, len(items))]
    for item in items:
        parts += (len(item).to_bytes(4, "big"), item)
    return _Byteas(b"".join(parts))


def _head(oid: int, count: int) -> bytes:
    """Dimensions, has-nulls, element type; and where there is a dimension its length and lower bound."""
    return struct.pack(">iiIii", 1, 0, oid, count, 1) if count else struct.pack(">iiI", 0, 0, oid)


def _fixed(oid: int, values: Iterable[int] | np.ndarray[Any, Any], width: int) -> bytes:
    column = np.asarray(values if isinstance(values, np.ndarray) else list(values), dtype=f"i{width}")
    rows = np.empty(len(column), np.dtype([("size", ">i4"), ("value", f">i{width}")]))
    rows["size"] = width
    rows["value"] = column
    return _head(oid, len(column)) + rows.tobytes()


class _Dumper(adapt.Dumper):
    format = pq.Format.BINARY

    def dump(self, obj: Array) -> Buffer | None:
        """Return the bytes as they are."""
        return obj.data


def register(connection: psycopg.AsyncConnection[Any]) -> None:
    """Let a connection take these arrays as parameters."""
    for kind in (_Int8s, _Int4s, _Times, _Byteas):
        dumper = type(f"{kind.__name__}Dumper", (_Dumper,), {"oid": kind.oid})
        connection.adapters.register_dumper(kind, dumper)
