from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleettrack.services import shortfall


@st.composite
def trees(draw: st.DrawFn) -> list[tuple[int, int | None]]:
    """Objects 0, 1, …, each in an earlier one or by itself."""
    size = draw(st.integers(0, 25))
    return [(i, draw(st.none() | st.integers(0, i - 1)) if i else None) for i in range(size)]


def leaves(due: list[tuple[int, int | None]]) -> set[int]:
    return {m for m, _ in due} - {p for _, p in due if p is not None}


def above(due: list[tuple[int, int | None]], member: int) -> set[int]:
    parents = dict(due)
    found = {member}
    while (up := parents[member]) is not None:
        found.add(member := up)
    return found


@given(trees(), st.data())
def test_every_leaf_is_there_or_missing_and_never_both(due: list[tuple[int, int | None]], data: st.DataObject) -> None:
    there = data.draw(st.sets(st.sampled_from(range(len(due))))) if due else set()
    missing = set(shortfall.missing(due, there))
    for leaf in leaves(due):
        received = bool(above(due, leaf) & there)
        short = bool(above(due, leaf) & missing)
        empty_unit = any(leaf in above(due, t) for t in there)  # nothing lies in a leaf
        assert received != short or empty_unit


@given(trees(), st.data())
def test_what_is_missing_is_said_once(due: list[tuple[int, int | None]], data: st.DataObject) -> None:
    there = data.draw(st.sets(st.sampled_from(range(len(due))))) if due else set()
    missing = shortfall.missing(due, there)
    assert len(missing) == len(set(missing))
    for one in missing:
        assert not (above(due, one) - {one}) & set(missing)
        assert not any(one in above(due, t) for t in there)


def test_ten_of_a_hundred_thousand() -> None:
    due: list[tuple[int, int | None]] = [(0, None), *((i, 0) for i in range(1, 1_001))]
    due += [(1_001 + i, 1 + i % 1_000) for i in range(100_000)]
    there = set(range(1_001 + 10, 101_001))
    assert shortfall.missing(due, there) == list(range(1_001, 1_011))


def test_a_case_of_which_nothing_came_is_short_as_a_whole() -> None:
    due: list[tuple[int, int | None]] = [(1, None), (2, 1), (3, 1), (4, 2), (5, 2), (6, 3)]
    assert shortfall.missing(due, {6}) == [2]
    assert shortfall.missing(due, {3, 4}) == [5]
    assert shortfall.missing(due, {1}) == []
    assert shortfall.missing(due, set()) == [1]
    assert shortfall.missing(due, {99}) == [1]
