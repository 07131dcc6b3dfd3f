"""A listing of what was there, turned into what was not: 99,990 of 100,000 are ten."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

Due = Sequence[tuple[int, int | None]]
"""(object, what it lies in, None for an item by itself), containers before their contents."""


def missing(due: Due, there: AbstractSet[int]) -> list[int]:
    """Return the outermost objects of which nothing was there, in the order of `due`.

    An object is there when it is listed, or lies in something listed, or something in it is there.
    """
    inside: set[int] = set()
    for member, parent in due:
        if member in there or parent in inside:
            inside.add(member)
    around: set[int] = set()
    for member, parent in reversed(due):
        if parent is not None and (member in inside or member in around):
            around.add(parent)
    present = inside | around
    absent = (m for m, parent in due if m not in present and (parent is None or parent in present))
    return list(dict.fromkeys(absent))
