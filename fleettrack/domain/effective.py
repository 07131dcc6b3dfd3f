"""Who holds an object at a time, read from the entries of the ledger that are in force (design 6)."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable

from fleettrack.domain import custody

Lineage = Callable[[int], tuple[int, ...]]
"""Of a time (ms): the object first, then what contained it then, nearest first."""

ItemSetOf = Callable[[int, int], int | None]
"""Of an object and a time (ms): the item set it was an item line of; of a fixed plan, `lambda o, _: lines.get(o)`."""

MOVES: frozenset[custody.Status] = frozenset(("confirmed", "provisional", "disputed"))
"""Statuses of entries that say who holds; a proposed one waits, a voided one is gone."""


def effective(
    entries: Iterable[custody.Entry], lineage: Lineage, at_ms: int, item_set_of: ItemSetOf
) -> tuple[custody.Entry, int] | None:
    """Return the entry that decides who holds an object at an event time, and the object it matched.

    Among the object and what contained it at each entry's time, that is the entry with the greatest event time up to
    `at_ms`; ties: most specific object, then evidence, then what was recorded last. `entries` come in the order in
    which they were recorded. None: nothing was known of the object by then.
    """
    best: tuple[tuple[int, int, int, int], custody.Entry, int] | None = None
    for recorded, entry in enumerate(entries):
        if entry.to_party is None or entry.status not in MOVES or entry.event_ms > at_ms:
            continue
        up = lineage(entry.event_ms)
        depth = matched(entry, up, item_set_of)
        if depth is None:
            continue
        rank = (entry.event_ms, -depth, entry.level, recorded)
        if best is None or rank > best[0]:
            best = rank, entry, up[depth]
    return None if best is None else best[1:]


def matched(entry: custody.Entry, up: tuple[int, ...], item_set_of: ItemSetOf) -> int | None:
    """Return how far up its lineage an object is meant by an entry's scope, None where it is not (see `Scope`)."""
    scope = entry.scope
    for depth, object_id in enumerate(up):
        if _among(scope.excluded, object_id):
            return None
        if scope.only:
            if _among(scope.only, object_id):
                return depth
        elif scope.item_set_id is not None and item_set_of(object_id, entry.event_ms) == scope.item_set_id:
            return depth
    return None


def _among(objects: tuple[int, ...], object_id: int) -> bool:
    """Tell whether a sorted tuple, of up to 100,000, holds an object."""
    at = bisect.bisect_left(objects, object_id)
    return at < len(objects) and objects[at] == object_id
