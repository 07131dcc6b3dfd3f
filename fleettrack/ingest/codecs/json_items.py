"""Takes a JSON body apart into its items, so that one bad item costs no other."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import numpy as np

from fleettrack.ingest.codecs import decoder

ITEMS_LIMIT = 100_000  # in one body; a day of 1 Hz pings has 86,400

_RAWS = msgspec.json.Decoder(list[msgspec.Raw])


def split(body: bytes) -> list[bytes]:
    """Return the items of one object, an array, or NDJSON (whose lines may be arrays), in order.

    What cannot be told apart stays together as one item, for its decoder to refuse. Raises decoder.Refusal for more
    than ITEMS_LIMIT items.
    """
    body = body.strip()
    first, newline, _ = body.partition(b"\n")
    in_lines = newline and not spans_lines(body) and (body[:1] != b"[" or first.rstrip().endswith(b"]"))
    values = [line.strip() for line in body.split(b"\n") if line.strip()] if in_lines else [body]
    items: list[bytes] = []
    for value in values:
        items += _array(value) if value.startswith(b"[") else [value]
        if len(items) > ITEMS_LIMIT:
            raise _too_many()
    return items


def spans_lines(body: bytes) -> bool:
    """Say whether this begins one value that is laid out over several lines, rather than one value a line."""
    return body.lstrip().partition(b"\n")[0].rstrip().endswith((b"[", b"{", b",", b":"))


def depth(item: bytes) -> int:
    """Return how deep brackets are nested, without recursion."""
    levels, _ = _levels(item)
    return max(0, int(levels.max(initial=0)))


def _levels(value: bytes) -> tuple[np.ndarray[Any, np.dtype[np.int32]], np.ndarray[Any, np.dtype[np.bool_]]]:
    """Return for each byte how deep it lies, itself counted in, and whether it is part of a string.

    On columns, because what nobody can parse may be megabytes of brackets. A string that never ends reaches to the end.
    """
    text = np.frombuffer(value, np.uint8)
    at = np.arange(len(text), dtype=np.int32)
    unescaping = np.maximum.accumulate(np.where(text != ord("\\"), at, -1))
    escaped = np.zeros(len(text), bool)
    escaped[1:] = (at[:-1] - unescaping[:-1]) % 2 == 1
    quoted = np.cumsum((text == ord('"')) & ~escaped, dtype=np.int32) % 2 == 1
    step = np.zeros(len(text), np.int32)
    step[(text == ord("[")) | (text == ord("{"))] = 1
    step[(text == ord("]")) | (text == ord("}"))] = -1
    step[quoted] = 0
    return np.cumsum(step, dtype=np.int32), quoted


def _array(value: bytes) -> list[bytes]:
    if value.count(b",") < ITEMS_LIMIT:
        try:
            return [bytes(raw) for raw in _RAWS.decode(value)]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
    return _scan(value)


def _scan(value: bytes) -> list[bytes]:
    """Cut an array at its own commas, whatever its items hold; a rest behind its end is one more item."""
    levels, quoted = _levels(value)
    closed = np.flatnonzero(levels <= 0)
    end = int(closed[0]) if len(closed) else len(value)
    text = np.frombuffer(value, np.uint8)[:end]
    commas = np.flatnonzero((text == ord(",")) & (levels[:end] == 1) & ~quoted[:end])
    if len(commas) >= ITEMS_LIMIT:
        raise _too_many()
    bounds = [0, *commas.tolist(), end]
    items = [value[a + 1 : b].strip() for a, b in itertools.pairwise(bounds)]
    rest = value[end + 1 :].strip()
    if rest:
        items.append(rest)
    return [] if items == [b""] and len(closed) else items


def _too_many() -> decoder.Refusal:
    return decoder.Refusal("too_long", f"The body has more than {ITEMS_LIMIT} items.")
