"""Cohorts and scopes: every object is in exactly one cohort, and any group of cohorts can be said as scopes."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import stories as s
from hypothesis import given
from hypothesis import strategies as st

from fleettrack.domain import consignment, effective
from fleettrack.domain.journey import cohorts, scopes, world

FOREST = st.lists(st.integers(-1, 6), min_size=8, max_size=8).map(
    lambda above: {100 + i: 100 + a for i, a in enumerate(above) if 0 <= a < i}
)
"""Containers of the objects 100 … 107; who has none is an item line."""

OBJECTS = tuple(range(100, 108))
ANY_ENTRY = s.tell(facts=[s.receipt(1, 1)]).journey.entries[0]


def ancestors(parents: dict[int, int], object_id: int) -> tuple[int, ...]:
    up = []
    while object_id in parents:
        object_id = parents[object_id]
        up.append(object_id)
    return tuple(up)


def line_of(parents: dict[int, int]) -> Callable[[int, int], int | None]:
    return lambda o, _: None if o in parents or o > 1000 else s.SET if o % 2 else 402


@st.composite
def splits(draw: st.DrawFn) -> tuple[cohorts.Split, dict[int, int], consignment.Known]:
    parents = draw(FOREST)
    line = line_of(parents)
    listed = st.dictionaries(
        st.sampled_from(("received", "short", "damaged")),
        st.frozensets(st.sampled_from(OBJECTS), max_size=4),
        max_size=2,
    )
    facts = [
        msgspec.structs.replace(s.receipt(i, i, only_listed=True), objects=draw(listed))
        for i in range(1, draw(st.integers(1, 4)))
    ]
    units = [s.on_unit(unit=u) for u in draw(st.sets(st.sampled_from(OBJECTS), max_size=2))]
    homes = [s.home(o, line((o, *ancestors(parents, o))[-1], 0), *ancestors(parents, o)) for o in OBJECTS]
    plan = s.plan(sets=[s.item_set(s.SET, 1, 2), s.item_set(402, 1, 2)])
    known = s.known(plan, facts=facts, assignments=units, homes=homes)
    return cohorts.split(world.World(known)), parents, known


def expected(known: consignment.Known, up: tuple[int, ...]) -> cohorts.Signature:
    """What concerns an object, told the slow way: by asking each fact for the nearest of its lineage that it lists."""
    outcomes = {}
    for fact in known.facts:
        for object_id in reversed(up):
            for outcome in ("received", "short", "damaged"):
                if object_id in fact.objects.get(outcome, ()):
                    outcomes[fact.id] = outcome
    tracked = {a.object_id for a in known.assignments}
    return cohorts.Signature(tuple(sorted(outcomes.items())), tuple(o for o in up if o in tracked))


@given(splits(), st.data())
def test_each_object_is_said_once_and_with_those_the_same_statements_concern(made, data):
    split, parents, known = made
    say, line = scopes.Scopes(split), line_of(parents)
    for set_id in (s.SET, 402):
        indices = [i for i, c in enumerate(split.cohorts) if c.item_set and c.item_set.id == set_id]
        group = frozenset(data.draw(st.sets(st.sampled_from(indices), min_size=1)))
        said = say.of(group)
        assert len({words for words, _ in said}) == len(said)
        wanted = {split.cohorts[i].signature for i in group}
        entries = [msgspec.structs.replace(ANY_ENTRY, scope=scope) for _, scope in said]
        for object_id in (*OBJECTS, 999, 998):  # and two item lines that nobody named
            up = (object_id, *ancestors(parents, object_id))
            belongs = line(up[-1], 0) == set_id and expected(known, up) in wanted
            for inner in (up, (1000 + object_id, *up)):  # and something in each that nobody named
                hits = [e for e in entries if effective.matched(e, inner, line) is not None]
                assert len(hits) == belongs


@given(splits(), st.data())
def test_words_of_disjoint_groups_differ(made, data):
    split, _, _ = made
    say = scopes.Scopes(split)
    by_set: dict[int | None, list[int]] = {}
    for i, c in enumerate(split.cohorts):
        by_set.setdefault(c.item_set.id if c.item_set else None, []).append(i)
    words = []
    for indices in by_set.values():
        cut = data.draw(st.integers(0, len(indices)))
        for group in (frozenset(indices[:cut]), frozenset(indices[cut:])):
            words += [w for w, _ in say.of(group)] if group else []
    assert len(words) == len(set(words))


def test_objects_without_a_home_lie_in_the_only_item_set():
    split = cohorts.split(world.World(s.known(facts=[s.receipt(1, 1, short=[7], over=[8])])))
    assert {(c.item_set is not None, c.members) for c in split.cohorts} == {
        (True, frozenset()),
        (True, frozenset((7,))),
        (False, frozenset((8,))),
    }


def test_containment_in_a_circle_is_cut():
    homes = [s.home(7, s.SET, 8), s.home(8, s.SET, 7)]
    split = cohorts.split(world.World(s.known(facts=[s.receipt(1, 1, short=[7, 8])], homes=homes)))
    assert frozenset((7, 8)) in {c.members for c in split.cohorts}


def test_partial_receipt_of_nearly_everything_is_two_entries():
    received = frozenset(range(10_000, 109_990))
    fact = msgspec.structs.replace(s.receipt(1, 5.5, only_listed=True), objects={"received": received})
    visits = [s.visit(1, s.A, 1, 2), s.visit(2, s.B, 5)]
    told = s.tell(assignments=[s.on_truck()], visits=visits, facts=[fact])
    assert [(e.kind, len(e.scope.only), len(e.scope.excluded)) for e in told.journey.entries] == [
        ("arrived", 0, 0),
        ("departed", 0, 0),
        ("picked_up", 0, 0),
        ("arrived", 0, 0),
        ("transferred", 0, 99_990),
        ("received", 99_990, 0),
    ]
