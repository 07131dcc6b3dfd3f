"""Step 2: from fixes to columns; doubts that each fix raises by itself; copies within the batch become one."""

from __future__ import annotations

from typing import Any

import numpy as np

from fleettrack.domain import fix, fixes
from fleettrack.services.track import batch as batches
from fleettrack.services.track import delivery, identify
from fleettrack.storage import positions

FUTURE_MS = 120_000  # a device clock this far ahead of the receiver is in doubt
INACCURATE_DM = 1_500  # 150 m
INACCURATE_HDOP_CENTI = 3_000  # 150 m at 5 m per unit of HDOP

_NULL32, _NULL16 = positions.NULL32, positions.NULL16

Copies = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]
"""Numbers of fixes, those that are copies of one another side by side; and where each row's copies start."""


def screen(batch: batches.Batch, found: identify.Identified) -> Copies:
    """Fill `batch.columns`; return which fixes each of its rows stands for."""
    columns = _columns(batch, found)
    _flag(columns)
    batch.columns, copies = _merge(columns, found.numbers)
    return copies


def _columns(batch: batches.Batch, found: identify.Identified) -> positions.Columns:
    protocols = np.array([d.sender.protocol for d in batch.deliveries], np.int16)
    decoded, numbers, owner = batch.fixes, found.numbers, batch.owner[found.numbers]
    attributes = decoded.attributes
    return positions.Columns(
        tracker_id=found.tracker_ids,
        fix_time=decoded.time_ms[numbers],
        lat_e7=decoded.lat_e7[numbers],
        lon_e7=decoded.lon_e7[numbers],
        received_at=batch.received_ms[numbers],
        **{name: _fitting(getattr(decoded, name), numbers, positions.KINDS[name]) for name in fixes.NUMBERS},
        flags=decoded.flags[numbers],
        trust=found.trusts,
        protocol=protocols[owner],
        attributes=[None] * len(numbers) if attributes is None else [attributes[n] for n in numbers.tolist()],
    )


def _fitting(values: fixes.Int32s | None, numbers: np.ndarray[Any, Any], kind: str) -> np.ndarray[Any, Any]:
    """Return a column as wide as it is stored; what does not fit is cut to what does."""
    null = _NULL32 if kind == "i4" else _NULL16
    if values is None:
        return np.full(len(numbers), null, kind)
    wide = values[numbers]
    return wide if kind == "i4" else np.where(wide == fixes.NONE, null, np.clip(wide, null + 1, -null - 1)).astype(kind)


def _flag(columns: positions.Columns) -> None:
    """Add the doubts that need neither neighbours nor fences."""
    flags = columns.flags
    flags[(columns.lat_e7 == 0) & (columns.lon_e7 == 0)] |= int(fix.Flag.ZERO)
    flags[columns.fix_time - columns.received_at > FUTURE_MS] |= int(fix.Flag.FUTURE)
    known = columns.accuracy_dm != _NULL32
    doubt = np.where(
        known, columns.accuracy_dm > INACCURATE_DM, columns.hdop_centi > INACCURATE_HDOP_CENTI
    )  # NULL is the least integer, so an unknown HDOP raises no doubt
    flags[doubt] |= int(fix.Flag.INACCURATE)


def _merge(columns: positions.Columns, numbers: np.ndarray[Any, Any]) -> tuple[positions.Columns, Copies]:
    """Make copies of one fix one row, the way the database merges them (positions.sql, stage_insert)."""
    order = np.lexsort((columns.lon_e7, columns.lat_e7, columns.fix_time, columns.tracker_id))
    keys = (columns.tracker_id, columns.fix_time, columns.lat_e7, columns.lon_e7)
    new = np.ones(len(order), bool)
    if len(order) > 1:
        new[1:] = np.logical_or.reduce([k[order][1:] != k[order][:-1] for k in keys])
    starts = np.flatnonzero(new)
    merged = take(columns, order[starts])
    copies = numbers[order], starts
    if new.all():
        return merged, copies
    merged.received_at = np.minimum.reduceat(columns.received_at[order], starts)
    merged.trust = np.maximum.reduceat(columns.trust[order], starts)
    heard = columns.trust[order] == np.repeat(merged.trust, np.diff(starts, append=len(order)))
    firsts = np.r_[0, np.cumsum(np.add.reduceat(heard, starts, dtype=np.int64))[:-1]]
    best = order[heard]  # what copies of less trust say is not heard (law L5)
    for name in fixes.NUMBERS:  # by the greatest
        setattr(merged, name, np.maximum.reduceat(getattr(columns, name)[best], firsts))
    merged.protocol = np.minimum.reduceat(columns.protocol[best], firsts)
    merged.flags = np.bitwise_or.reduceat(columns.flags[best], firsts)
    members = np.split(best, firsts[1:])
    merged.attributes = [_merge_attributes([columns.attributes[i] for i in group]) for group in members]
    return merged, copies


def _merge_attributes(copies: list[dict[str, Any] | None]) -> dict[str, Any] | None:
    """Keep the fullest copy; among equally full ones the greatest text, so that order does not matter."""
    filled = [c for c in copies if c]
    return max(filled, key=lambda c: (len(c), str(sorted(c.items(), key=str)))) if filled else None


def take(columns: positions.Columns, rows: np.ndarray[Any, Any]) -> positions.Columns:
    """Return these rows of all columns."""
    picked = {name: getattr(columns, name)[rows] for name, _ in positions.COLUMNS if name != "ord"}
    return positions.Columns(**picked, attributes=[columns.attributes[i] for i in rows])


def report(batch: batches.Batch, copies: Copies, known: list[int]) -> None:
    """Tell each fix whether it was accepted or known before; further copies in the batch are duplicates."""
    numbers, starts = copies
    fresh = np.ones(len(starts), bool)
    fresh[known] = False
    messages = batch.at[numbers]
    batch.settle(messages, delivery.Outcome.DUPLICATE)
    batch.settle(np.minimum.reduceat(messages, starts)[fresh], delivery.Outcome.ACCEPTED)
