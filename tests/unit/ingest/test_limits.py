from __future__ import annotations

import collections

from hypothesis import given
from hypothesis import strategies as st

from fleettrack.ingest import limits


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abc")), max_size=40), st.integers(1, 3), st.integers(1, 6))
def test_neither_one_source_nor_all_together_get_more_than_their_bound(steps, each, together):
    room = limits.PerSource(each, together)
    inside = collections.Counter()
    for comes, source in steps:
        if comes:
            admitted = room.admit(source)
            assert admitted == (inside[source] < each and inside.total() < together)
            inside[source] += admitted
        elif inside[source]:
            room.leave(source)
            inside[source] -= 1
