"""From cohorts back to scopes: the shortest way to say which objects of an item set fared alike.

A scope is read from the object outwards and the nearest named object decides (see `custody.Scope`), so a group of
cohorts is said by where it begins (`only`, or the item set) and where, further in, it ends (`excluded`).
"""

from __future__ import annotations

import array
import hashlib
from collections import defaultdict
from collections.abc import Set as AbstractSet

from fleettrack.domain import custody
from fleettrack.domain.journey import cohorts

Named = tuple[str, custody.Scope]
"""A scope and the words for it in a key: stable from run to run, and never two of one item set alike."""


class Scopes:
    """Says groups of cohorts, each given by its indices, as scopes."""

    def __init__(self, split: cohorts.Split) -> None:
        self._cohorts = split.cohorts
        self._parents = split.parents
        self._of_set: defaultdict[int | None, set[int]] = defaultdict(set)
        for index, cohort in enumerate(split.cohorts):
            self._of_set[cohort.item_set.id if cohort.item_set else None].add(index)
        self._said: dict[frozenset[int], list[Named]] = {}

    def of(self, group: frozenset[int]) -> list[Named]:
        """Return the scopes of a group of cohorts of one item set: one, or two where it lies in and under others."""
        if group not in self._said:
            self._said[group] = self._say(group)
        return self._said[group]

    def _say(self, group: frozenset[int]) -> list[Named]:
        first = self._cohorts[min(group)].item_set
        set_id = first.id if first else None
        if first is not None and group == self._of_set[set_id]:
            return [_named(custody.Scope(item_set_id=set_id))]
        inside = frozenset[int]().union(*(self._cohorts[i].members for i in group))
        outside = frozenset[int]().union(*(self._cohorts[i].members for i in self._of_set[set_id] - group))
        nested = self._parents.keys()
        begins = (inside - nested) | {o for o in inside & nested if self._parents[o] not in inside}
        ends = {o for o in outside & nested if self._parents[o] in inside}
        if not any(self._cohorts[i].root for i in group):
            return [_named(_scope(set_id, begins, ends))]
        apart = {o for o in begins if o in nested}  # lies in something that does not belong to the group
        apart_ends = {o for o in ends if self._begin(o, inside) in apart}
        rest = _named(_scope(set_id, frozenset(), (outside - nested) | (ends - apart_ends)))
        return [rest, _named(_scope(set_id, apart, apart_ends))] if apart else [rest]

    def _begin(self, end: int, inside: frozenset[int]) -> int:
        """Return the outermost object of the group around an object at which the group ends."""
        at, above = end, self._parents.get(end)
        while above is not None and above in inside:
            at, above = above, self._parents.get(above)
        return at


def _scope(set_id: int | None, only: AbstractSet[int], excluded: AbstractSet[int]) -> custody.Scope:
    return custody.Scope(item_set_id=set_id, only=tuple(sorted(only)), excluded=tuple(sorted(excluded)))


def _named(scope: custody.Scope) -> Named:
    """Give the words for a scope. What an item set's rest excludes is left out: the rest stays the rest."""
    words = "over" if scope.item_set_id is None else f"set:{scope.item_set_id}"
    if len(scope.only) == 1 and not scope.excluded:
        words += f"/object:{scope.only[0]}"
    elif scope.only:
        ids = array.array("q", (*scope.only, -1, *scope.excluded)).tobytes()
        words += f"/objects:{hashlib.blake2b(ids, digest_size=8).hexdigest()}"
    return words, scope
