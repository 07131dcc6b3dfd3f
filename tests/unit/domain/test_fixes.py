"""Fixes as columns are the same fixes, and messages are the same sequence however they lie."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleettrack.domain import fix, fixes

said = st.none() | st.integers(0, 30_000)
some_fixes = st.lists(
    st.builds(
        fix.Fix,
        tracker=st.sampled_from(["a", "b", None]),
        time_ms=st.integers(-(10**13), 10**13),
        lat_e7=st.integers(-900_000_000, 900_000_000),
        lon_e7=st.integers(-1_800_000_000, 1_800_000_000),
        flags=st.integers(0, 255),
        ping_id=st.sampled_from([None, None, "p"]),
        attributes=st.sampled_from([None, None, {"x": 1}]),
        **dict.fromkeys(fixes.NUMBERS, said),
    ),
    max_size=6,
)
others = st.lists(st.sampled_from([fix.Status(tracker="a", kind="void"), fix.Reject(reason="malformed", raw=b"x")]))


@given(some_fixes)
def test_columns_hold_all_that_a_fix_says(found: list[fix.Fix]) -> None:
    assert list(fixes.columns_of(found)) == found
    assert [fixes.columns_of(found).at(i) for i in range(len(found))] == found


@given(st.lists(some_fixes, max_size=4))
def test_joined_columns_are_one_after_the_other(parts: list[list[fix.Fix]]) -> None:
    joint = fixes.joined([fixes.columns_of(part) for part in parts])
    assert list(joint) == [f for part in parts for f in part]


@given(st.lists(some_fixes | others, max_size=5), st.integers(-8, 20), st.integers(-8, 20))
def test_messages_are_a_sequence_however_they_lie(parts: list[list[fix.Message]], start: int, stop: int) -> None:
    messages, plain = fixes.Messages(), [m for part in parts for m in part]
    for part in parts:
        only_fixes = [m for m in part if isinstance(m, fix.Fix)]
        if len(only_fixes) == len(part):
            messages.append_run(fixes.columns_of(only_fixes))
        else:
            messages += part
    assert len(messages) == len(plain)
    assert messages == plain
    assert messages[start:stop] == plain[start:stop]
    assert [messages[i] for i in range(len(plain))] == plain
    assert messages + messages[:2] == plain + plain[:2]
    ids = [(i, m.ping_id) for i, m in enumerate(plain) if isinstance(m, fix.Fix) and m.ping_id is not None]
    assert list(messages.ping_ids()) == ids
    with pytest.raises(IndexError):
        messages[len(plain)]


def test_what_does_not_fit_is_cut_to_what_does() -> None:
    huge = fix.Fix(tracker=None, time_ms=0, lat_e7=0, lon_e7=0, accuracy_dm=10**12, altitude_dm=-(10**12))
    found = fixes.columns_of([huge]).at(0)
    assert (found.accuracy_dm, found.altitude_dm) == (2**31 - 1, fixes.NONE + 1)
