"""Step 2: from fixes to columns; doubts that each fix raises by itself; copies within the batch become one."""

from __future__ import annotations

from typing import Any

import numpy as np

from fleettrack.domain import fix
from fleettrack.services.track import batch as batches
from fleettrack.services.track import delivery, identify
from fleettrack.storage import positions

FUTURE_MS = 120_000  # a device clock this far ahead of the receiver is in doubt
FAR_FUTURE_MS = 86_400_000  # further ahead than a day it says nothing that can be stored under that time
GPS_EPOCH_MS = 315_964_800_000  # 1980-01-06: no fix is older than the system
INACCURATE_DM = 1_500  # 150 m
INACCURATE_HDOP_CENTI = 3_000  # 150 m at 5 m per unit of HDOP

_NULL32, _NULL16 = positions.NULL32, positions.NULL16
_MERGED_BY_MAXIMUM = (
    "speed_cms", "course_ddeg", "altitude_dm", "accuracy_dm", "hdop_centi", "satellites", "quality", "battery_pct",
    "trust",
)  # fmt: skip


def screen(batch: batches.Batch, found: identify.Identified) -> list[list[batches.Item]]:
    """Fill `batch.columns`; return for each row the items that are copies of it, the first one leading.

    Fixes whose time cannot be kept are refused.
    """
    items, tracker_ids, trusts = _refuse_times(batch, found)
    columns = _columns(batch, items, tracker_ids, trusts)
    _flag(columns)
    batch.columns, groups = _merge(columns, items)
    return groups


def _refuse_times(batch: batches.Batch, found: identify.Identified) -> tuple[list[batches.Item], list[int], list[int]]:
    items, tracker_ids, trusts = [], [], []
    for item, tracker_id, trust in zip(found.items, found.tracker_ids, found.trusts, strict=True):
        received = batch.deliveries[item.delivery].received_ms
        if GPS_EPOCH_MS <= item.fix.time_ms <= received + FAR_FUTURE_MS:
            items.append(item)
            tracker_ids.append(tracker_id)
            trusts.append(trust)
        else:
            reject = fix.Reject(
                reason="time_range", raw=b"", detail=fix.REJECT_REASONS["time_range"], tracker=item.fix.tracker
            )
            batch.refuse(item.delivery, item.index, reject)
    return items, tracker_ids, trusts


def _columns(
    batch: batches.Batch, items: list[batches.Item], tracker_ids: list[int], trusts: list[int]
) -> positions.Columns:
    fixes = [item.fix for item in items]
    received = [d.received_ms for d in batch.deliveries]
    protocols = [int(d.sender.protocol) for d in batch.deliveries]

    def number(values: list[int | None], null: int, kind: type[Any]) -> np.ndarray[Any, Any]:
        low, high = (-(2**31) + 1, 2**31 - 1) if kind is np.int32 else (-(2**15) + 1, 2**15 - 1)
        return np.array([null if v is None else min(max(v, low), high) for v in values], kind)

    return positions.Columns(
        tracker_id=np.array(tracker_ids, np.int64),
        fix_time=np.array([f.time_ms for f in fixes], np.int64),
        lat_e7=np.array([f.lat_e7 for f in fixes], np.int32),
        lon_e7=np.array([f.lon_e7 for f in fixes], np.int32),
        received_at=np.array([received[i.delivery] for i in items], np.int64),
        speed_cms=number([f.speed_cms for f in fixes], _NULL32, np.int32),
        course_ddeg=number([f.course_ddeg for f in fixes], _NULL32, np.int32),
        altitude_dm=number([f.altitude_dm for f in fixes], _NULL32, np.int32),
        accuracy_dm=number([f.accuracy_dm for f in fixes], _NULL32, np.int32),
        hdop_centi=number([f.hdop_centi for f in fixes], _NULL32, np.int32),
        satellites=number([f.satellites for f in fixes], _NULL16, np.int16),
        quality=number([f.quality for f in fixes], _NULL16, np.int16),
        battery_pct=number([f.battery_pct for f in fixes], _NULL16, np.int16),
        flags=np.array([f.flags for f in fixes], np.int16),
        trust=np.array(trusts, np.int16),
        protocol=np.array([protocols[i.delivery] for i in items], np.int16),
        attributes=[f.attributes for f in fixes],
    )


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


def _merge(columns: positions.Columns, items: list[batches.Item]) -> tuple[positions.Columns, list[list[batches.Item]]]:
    """Make copies of one fix one row, the way the database merges them (positions.sql, stage_insert)."""
    order = np.lexsort((columns.lon_e7, columns.lat_e7, columns.fix_time, columns.tracker_id))
    keys = (columns.tracker_id, columns.fix_time, columns.lat_e7, columns.lon_e7)
    new = np.ones(len(order), bool)
    if len(order) > 1:
        new[1:] = np.logical_or.reduce([k[order][1:] != k[order][:-1] for k in keys])
    if new.all():
        return take(columns, order), [[items[i]] for i in order]
    starts = np.flatnonzero(new)
    merged = take(columns, order[starts])
    for name in _MERGED_BY_MAXIMUM:
        setattr(merged, name, np.maximum.reduceat(getattr(columns, name)[order], starts))
    merged.received_at = np.minimum.reduceat(columns.received_at[order], starts)
    merged.protocol = np.minimum.reduceat(columns.protocol[order], starts)
    merged.flags = np.bitwise_or.reduceat(columns.flags[order], starts)
    ends = np.append(starts[1:], len(order))
    members = [sorted(order[a:b].tolist()) for a, b in zip(starts, ends, strict=True)]
    merged.attributes = [_merge_attributes([columns.attributes[i] for i in group]) for group in members]
    return merged, [[items[i] for i in group] for group in members]


def _merge_attributes(copies: list[dict[str, Any] | None]) -> dict[str, Any] | None:
    """Keep the fullest copy; among equally full ones the greatest text, so that order does not matter."""
    filled = [c for c in copies if c]
    return max(filled, key=lambda c: (len(c), str(sorted(c.items(), key=str)))) if filled else None


def take(columns: positions.Columns, rows: np.ndarray[Any, Any]) -> positions.Columns:
    """Return these rows of all columns."""
    picked = {name: getattr(columns, name)[rows] for name, _ in positions.COLUMNS if name != "ord"}
    return positions.Columns(**picked, attributes=[columns.attributes[i] for i in rows])


def report(batch: batches.Batch, groups: list[list[batches.Item]], known: list[int]) -> None:
    """Tell each fix whether it was accepted or known before; further copies in the batch are duplicates."""
    known_rows = set(known)
    for row, group in enumerate(groups):
        first, *copies = group
        batch.settle(first, delivery.Outcome.DUPLICATE if row in known_rows else delivery.Outcome.ACCEPTED)
        for copy in copies:
            batch.settle(copy, delivery.Outcome.DUPLICATE)
