"""Which goods travel as one: item sets, split where a fact, a tracker or a load names some of their objects.

A cohort is all objects of an item set that the same statements and trackers concern. It is found once, before
anything is decided; entries of cohorts that fared alike are joined again afterwards (`scopes`), so an item set has
one entry until the fact that splits it. Lists of 100,000 objects are cut by set algebra and one pass, no more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from fleettrack.domain import consignment
from fleettrack.domain.journey import world

_STRENGTH: tuple[consignment.Outcome, ...] = ("handed_over", "received", "short", "over", "damaged", "refused")
"""Where one fact lists an object twice, the later of these holds: the graver statement."""


class Signature(msgspec.Struct, frozen=True, order=True):
    """What the same statements concern: outcome by fact id, objects with a tracker (nearest first), loaded objects."""

    outcomes: tuple[tuple[int, consignment.Outcome], ...] = ()
    units: tuple[int, ...] = ()
    loads: tuple[int, ...] = ()

    def within(self, outer: Signature) -> Signature:
        """Return what concerns an object of this signature inside one of the other: the nearer statement wins."""
        return Signature(
            tuple(sorted((dict(outer.outcomes) | dict(self.outcomes)).items())),
            self.units + outer.units,
            tuple(sorted({*self.loads, *outer.loads})),
        )


NOBODY_NAMED = Signature()


class Cohort(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Goods that travel as one."""

    item_set: consignment.ItemSet | None  # None: not part of the consignment
    signature: Signature
    members: frozenset[int] = frozenset()  # the named objects, not what is in them

    @property
    def root(self) -> bool:
        """Whether it includes whatever of the item set nobody named."""
        return self.item_set is not None and self.signature == NOBODY_NAMED


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """All cohorts of a consignment, those that end first coming first, and what lies in what of the named."""

    cohorts: list[Cohort]
    parents: Mapping[int, int]  # named object -> nearest named object that contains it


def split(seen: world.World) -> Split:
    """Return the cohorts: objects that are named belong to those of their nearest named container or item set."""
    lists = list(_lists(seen.facts))
    singles = set(seen.on_unit)
    loaded = {load.object_id for load in seen.known.loads if load.object_id is not None}
    named = frozenset(singles | loaded).union(*(objects for _, _, objects in lists))
    sets = {s.id: s for s in sorted(seen.plan.item_sets, key=lambda s: s.id)}
    if not named:
        return Split(cohorts=_ordered([Cohort(item_set=s, signature=NOBODY_NAMED) for s in sets.values()]), parents={})
    homes = {h.object_id: h for h in seen.known.homes if h.object_id in named}
    parents = _parents(named, homes)
    lying = _lying(named, homes, parents, seen)
    own = list(_classes(named, lists, singles, loaded))
    members = _joined(own, parents, lying)
    _add_rests(members, sets, lying, homes)
    made = [
        Cohort(item_set=sets.get(set_id) if set_id is not None else None, signature=signature, members=frozenset(of))
        for (set_id, signature), of in members.items()
    ]
    return Split(cohorts=_ordered(made), parents=parents)


def _ordered(cohorts: list[Cohort]) -> list[Cohort]:
    """Put those that end first first: whether a drop is completed is then known to those that pass it."""

    def key(c: Cohort) -> tuple[int, int, Signature]:
        return (c.item_set.to_seq, c.item_set.id, c.signature) if c.item_set else (world.NEVER, 0, c.signature)

    return sorted(cohorts, key=key)


def _lists(
    facts: Iterable[consignment.Fact],
) -> Iterator[tuple[int, consignment.Outcome, frozenset[int]]]:
    for fact in facts:
        if fact.kind in ("receipt", "handover"):
            for outcome in _STRENGTH:
                if objects := fact.objects.get(outcome):
                    yield fact.id, outcome, objects


def _classes(
    named: frozenset[int],
    lists: list[tuple[int, consignment.Outcome, frozenset[int]]],
    singles: set[int],
    loaded: set[int],
) -> Iterator[tuple[frozenset[int], Signature]]:
    """Cut the named objects by the lists that name them: one cut a list, whatever its length."""
    alone = singles | loaded
    cut: list[tuple[frozenset[int], dict[int, consignment.Outcome]]] = [(named - alone, {})]
    for fact_id, outcome, objects in lists:
        finer = []
        for members, outcomes in cut:
            if inside := members & objects:
                finer.append((inside, outcomes | {fact_id: outcome}))
            if outside := members - objects if inside else members:
                finer.append((outside, outcomes))
        cut = finer
    for members, outcomes in cut:
        yield members, Signature(tuple(sorted(outcomes.items())))
    for one in alone:
        outcomes = {fact_id: outcome for fact_id, outcome, objects in lists if one in objects}
        yield (
            frozenset((one,)),
            Signature(
                tuple(sorted(outcomes.items())), (one,) if one in singles else (), (one,) if one in loaded else ()
            ),
        )


def _parents(named: frozenset[int], homes: Mapping[int, consignment.Home]) -> dict[int, int]:
    """Return the nearest named container of each named object that lies in one."""
    parents: dict[int, int] = {}
    for object_id, home in homes.items():
        if home.ancestors and not named.isdisjoint(home.ancestors):
            nearest = next(a for a in home.ancestors if a in named)
            if nearest != object_id:
                parents[object_id] = nearest
    for object_id in sorted(o for o, p in parents.items() if p in parents):
        met, above = {object_id}, parents.get(object_id)
        while above is not None:  # containment has no circles; should one be told, it is cut
            if above in met:
                del parents[object_id]
                break
            met.add(above)
            above = parents.get(above)
    return parents


def _lying(
    named: frozenset[int], homes: Mapping[int, consignment.Home], parents: Mapping[int, int], seen: world.World
) -> dict[int | None, set[int]]:
    """Return the named objects by item set, without those inside another named one."""
    known = {s.id for s in seen.plan.item_sets}
    lying: defaultdict[int | None, set[int]] = defaultdict(set)
    for object_id, home in homes.items():
        if object_id not in parents:
            lying[home.item_set_id if home.item_set_id in known else None].add(object_id)
    if homeless := named - homes.keys():
        over: set[int] = set().union(*(f.objects.get("over", ()) for f in seen.facts))
        lying[None] |= homeless & over
        lying[min(known) if len(known) == 1 else None] |= homeless - over
    return lying


def _joined(
    own: list[tuple[frozenset[int], Signature]], parents: Mapping[int, int], lying: Mapping[int | None, set[int]]
) -> dict[tuple[int | None, Signature], set[int]]:
    """Join the classes by item set and by everything that concerns them, their containers' statements included."""
    containers = frozenset(parents.values())
    signature_of = {o: signature for members, signature in own for o in members & containers}
    top_of = {o: set_id for set_id, objects in lying.items() for o in objects & containers}
    whole: dict[int, tuple[int | None, Signature]] = {}

    def concerning(container: int) -> tuple[int | None, Signature]:
        if container not in whole:
            above, mine = parents.get(container), signature_of[container]
            if above is None:
                whole[container] = top_of[container], mine
            else:
                set_id, outer = concerning(above)
                whole[container] = set_id, mine.within(outer)
        return whole[container]

    joined: defaultdict[tuple[int | None, Signature], set[int]] = defaultdict(set)
    for members, signature in own:
        for set_id, objects in lying.items():
            if here := members & objects:
                joined[set_id, signature] |= here
        inside: defaultdict[int, set[int]] = defaultdict(set)
        for object_id in members & parents.keys():
            inside[parents[object_id]].add(object_id)
        for container, objects in inside.items():
            set_id, outer = concerning(container)
            joined[set_id, signature.within(outer)] |= objects
    return joined


def _add_rests(
    members: dict[tuple[int | None, Signature], set[int]],
    sets: Mapping[int, consignment.ItemSet],
    lying: Mapping[int | None, set[int]],
    homes: Mapping[int, consignment.Home],
) -> None:
    """Add what nobody named of each item set, unless every line of it is known to be named."""
    for set_id, item_set in sets.items():
        direct = sum(1 for o in lying.get(set_id, ()) if o not in homes or not homes[o].ancestors)
        if item_set.lines is None or direct < item_set.lines:
            members.setdefault((set_id, NOBODY_NAMED), set())
