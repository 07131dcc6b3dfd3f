from __future__ import annotations

import collections

from hypothesis import given
from hypothesis import strategies as st

from fleettrack.domain import fix
from fleettrack.services.track import refusals
from fleettrack.storage import trackers


def refused(source="192.0.2.1", reason="malformed", key=None, hour=0):
    return trackers.Refused(
        reject=fix.Reject(reason=reason, raw=b"x"),
        received_ms=hour * refusals.HOUR_MS,
        protocol=1,
        source=source,
        api_key_id=key,
    )


some = st.builds(
    refused,
    source=st.sampled_from("ab"),
    reason=st.sampled_from(["malformed", "checksum"]),
    key=st.sampled_from([None, 1]),
)


@given(st.lists(some, max_size=60), st.integers(1, 5), st.integers(1, 8))
def test_a_kind_is_kept_up_to_its_bound_and_the_keyless_together_up_to_theirs(came, each, together):
    room = refusals.Room()
    was = refusals.KEPT_PER_SENDER, refusals.KEPT_TOGETHER
    refusals.KEPT_PER_SENDER, refusals.KEPT_TOGETHER = each, together
    try:
        kept = room.admit(came)
    finally:
        refusals.KEPT_PER_SENDER, refusals.KEPT_TOGETHER = was

    def kinds(these):
        return collections.Counter((r.source, r.api_key_id, r.reject.reason) for r in these)

    def keyless(these):
        return sum(r.api_key_id is None for r in these)

    assert all(n <= each for n in kinds(kept).values())
    assert keyless(kept) <= together
    for kind, n in kinds(came).items():  # nothing is left out but for a bound
        assert kinds(kept)[kind] == min(n, each) or (kind[1] is None and keyless(kept) == together)


def test_a_new_hour_has_new_room_and_what_comes_late_takes_of_it():
    room = refusals.Room()
    full = [refused(hour=5)] * (refusals.KEPT_PER_SENDER + 7)
    for _ in range(2):  # what is admitted takes room when it is kept
        kept = room.admit(full)
        assert len(kept) == refusals.KEPT_PER_SENDER
    room.keep(kept)
    assert not room.admit([refused(hour=5), refused(hour=4)])
    assert room.admit([refused(source="192.0.2.2", hour=4)])
    assert len(room.admit([refused(hour=6)] * 2)) == 2
