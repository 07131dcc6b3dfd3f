"""Many fixes as columns, and messages in their order, of which the plain fixes may lie as columns.

Under load nobody ever looks at a single fix: decoders write columns, and the database reads columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

import msgspec
import numpy as np

from fleettrack.domain import fix

NONE = -(2**31)  # stands for a number that was not said
_MOST = 2**31 - 1

NUMBERS = (
    "speed_cms", "course_ddeg", "altitude_dm", "accuracy_dm", "hdop_centi", "satellites", "quality", "battery_pct",
)  # fmt: skip
"""The fields of a fix that a sender may leave out."""

_ALWAYS = ("tracker", "time_ms", "lat_e7", "lon_e7", "flags")

Int16s = np.ndarray[Any, np.dtype[np.int16]]
Int32s = np.ndarray[Any, np.dtype[np.int32]]
Int64s = np.ndarray[Any, np.dtype[np.int64]]


class Fixes(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """So many fixes (see fix.Fix for the units); a column that nobody said anything in is None."""

    tracker: Sequence[str | None]
    time_ms: Int64s
    lat_e7: Int32s
    lon_e7: Int32s
    flags: Int16s
    speed_cms: Int32s | None = None
    course_ddeg: Int32s | None = None
    altitude_dm: Int32s | None = None
    accuracy_dm: Int32s | None = None
    hdop_centi: Int32s | None = None
    satellites: Int32s | None = None
    quality: Int32s | None = None
    battery_pct: Int32s | None = None
    ping_id: Sequence[str | None] | None = None
    attributes: Sequence[dict[str, Any] | None] | None = None

    def __len__(self) -> int:
        return len(self.time_ms)

    def __iter__(self) -> Iterator[fix.Fix]:
        columns = {name: _listed(name, getattr(self, name)) for name in (*_ALWAYS, *self._said())}
        for row in zip(*columns.values(), strict=True):
            yield fix.Fix(**dict(zip(columns, row, strict=True)))

    def rows(self, start: int, stop: int) -> Fixes:
        """Return some of them."""
        return Fixes(**{name: getattr(self, name)[start:stop] for name in (*_ALWAYS, *self._said())})

    def at(self, row: int) -> fix.Fix:
        """Return one of them."""
        return next(iter(self.rows(row, row + 1)))

    def _said(self) -> list[str]:
        return [name for name in (*NUMBERS, "ping_id", "attributes") if getattr(self, name) is not None]


def _listed(name: str, column: Any) -> Sequence[Any]:
    values: Sequence[Any] = column.tolist() if isinstance(column, np.ndarray) else column
    return [None if value == NONE else value for value in values] if name in NUMBERS else values


def columns_of(found: Sequence[fix.Fix]) -> Fixes:
    """Return fixes as columns; a number that does not fit is cut to what does."""
    numbers: dict[str, Any] = {}
    for name in NUMBERS:
        values = [getattr(f, name) for f in found]
        if values.count(None) < len(values):
            wide = np.array([NONE if v is None else v for v in values], np.int64)
            numbers[name] = np.where(wide == NONE, NONE, np.clip(wide, NONE + 1, _MOST)).astype(np.int32)
    ids, attributes = [f.ping_id for f in found], [f.attributes for f in found]
    return Fixes(
        tracker=[f.tracker for f in found],
        time_ms=np.array([f.time_ms for f in found], np.int64),
        lat_e7=np.array([f.lat_e7 for f in found], np.int32),
        lon_e7=np.array([f.lon_e7 for f in found], np.int32),
        flags=np.array([f.flags for f in found], np.int16),
        ping_id=ids if any(i is not None for i in ids) else None,
        attributes=attributes if any(a is not None for a in attributes) else None,
        **numbers,
    )


def joined(parts: Sequence[Fixes]) -> Fixes:
    """Return the fixes of all parts, one after the other."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return columns_of([])
    joint: dict[str, Any] = {"tracker": [t for part in parts for t in part.tracker]}
    for name in ("time_ms", "lat_e7", "lon_e7", "flags"):
        joint[name] = np.concatenate([getattr(part, name) for part in parts])
    for name in NUMBERS:
        columns = [getattr(part, name) for part in parts]
        if any(column is not None for column in columns):
            whole = [
                np.full(len(part), NONE, np.int32) if column is None else column
                for part, column in zip(parts, columns, strict=True)
            ]
            joint[name] = np.concatenate(whole)
    for name in ("ping_id", "attributes"):
        if any(getattr(part, name) is not None for part in parts):
            joint[name] = [v for part in parts for v in getattr(part, name) or [None] * len(part)]
    return Fixes(**joint)


Piece = list[fix.Message] | Fixes


class Messages(Sequence[fix.Message]):
    """Messages in their order. Who asks for one, or goes through them, gets objects; `pieces` are as they lie."""

    __slots__ = ("_length", "_pieces")
    __hash__ = None  # type: ignore[assignment]  # it grows, as a list does

    def __init__(self, messages: Iterable[fix.Message] = ()) -> None:
        self._pieces: list[Piece] = []
        self._length = 0
        self += messages

    @classmethod
    def of(cls, run: Fixes) -> Messages:
        """Return so many fixes as messages."""
        messages = cls()
        messages.append_run(run)
        return messages

    @property
    def pieces(self) -> Sequence[Piece]:
        """Stretches of messages, of which some lie as columns; not to be changed."""
        return self._pieces

    def ping_ids(self) -> Iterator[tuple[int, str]]:
        """Yield the number of each message that its sender gave an id, and that id."""
        start = 0
        for piece in self._pieces:
            ids = piece.ping_id or () if isinstance(piece, Fixes) else (getattr(m, "ping_id", None) for m in piece)
            yield from ((i, ping_id) for i, ping_id in enumerate(ids, start) if ping_id is not None)
            start += len(piece)

    def append(self, message: fix.Message) -> None:
        """Add a message."""
        if not self._pieces or isinstance(self._pieces[-1], Fixes):
            self._pieces.append([])
        self._pieces[-1].append(message)  # type: ignore[union-attr]  # just made sure that it is a list
        self._length += 1

    def append_run(self, run: Fixes) -> None:
        """Add many fixes."""
        if len(run):
            self._pieces.append(run)
            self._length += len(run)

    def __iadd__(self, more: Iterable[fix.Message]) -> Messages:
        if isinstance(more, Messages):
            self._pieces += [p if isinstance(p, Fixes) else list(p) for p in more._pieces]
            self._length += more._length
        else:
            for message in more:
                self.append(message)
        return self

    def __add__(self, more: Iterable[fix.Message]) -> Messages:
        both = Messages(self)
        both += more
        return both

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[fix.Message]:
        for piece in self._pieces:
            yield from piece

    @overload
    def __getitem__(self, at: int) -> fix.Message: ...
    @overload
    def __getitem__(self, at: slice) -> Messages: ...
    def __getitem__(self, at: int | slice) -> fix.Message | Messages:
        start, stop, step = (at if isinstance(at, slice) else slice(at, at + 1 or None)).indices(self._length)
        if step != 1:
            raise ValueError("messages can be cut, not sifted")
        found = Messages()
        before = 0
        for piece in self._pieces:
            a, b = max(0, start - before), min(len(piece), stop - before)
            if a < b:
                found += Messages.of(piece.rows(a, b)) if isinstance(piece, Fixes) else piece[a:b]
            before += len(piece)
        if isinstance(at, slice):
            return found
        if not found:
            raise IndexError(at)
        return next(iter(found))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    def __repr__(self) -> str:
        return f"Messages({list(self)!r})"


def pieces(messages: Sequence[fix.Message]) -> Sequence[Piece]:
    """Return messages as they lie: of a list, all in one piece."""
    return messages.pieces if isinstance(messages, Messages) else [list(messages)]
