from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleettrack.domain import fix
from fleettrack.ingest import parcels
from fleettrack.services.track import delivery

texts = st.none() | st.text(max_size=20)
values = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=5)
attributes = st.none() | st.dictionaries(st.text(max_size=5), values | st.dictionaries(st.text(max_size=3), values))
fixes = st.builds(
    fix.Fix,
    tracker=texts,
    time_ms=st.integers(0, 2**42),
    lat_e7=st.integers(-900_000_000, 900_000_000),
    lon_e7=st.integers(-1_800_000_000, 1_800_000_000),
    speed_cms=st.none() | st.integers(0, 10_000),
    ping_id=texts,
    attributes=attributes,
)
statuses = st.builds(fix.Status, tracker=texts, kind=st.sampled_from(["void", "login"]), attributes=attributes)
rejects = st.builds(fix.Reject, reason=st.sampled_from(sorted(fix.REJECT_REASONS)), raw=st.binary(), tracker=texts)
senders = st.builds(
    delivery.Sender,
    protocol=st.sampled_from(delivery.Protocol),
    source=st.text(max_size=20),
    trust=st.sampled_from(fix.Trust),
    api_key_id=st.none() | st.integers(1, 2**40),
    carrier_id=st.none() | st.integers(1, 2**40),
)


@given(st.lists(fixes | statuses | rejects, max_size=12), senders, st.integers(0, 2**42), st.booleans())
def test_a_delivery_comes_back_as_it_was(messages, sender, received_ms, history):
    parcel = delivery.Delivery(sender=sender, messages=messages, received_ms=received_ms, history=history)
    back = parcels.unpack(parcels.pack(parcel))
    assert list(back.messages) == messages
    assert [type(m) for m in back.messages] == [type(m) for m in messages]
    assert (back.sender, back.received_ms, back.history) == (sender, received_ms, history)


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x93\x01\x02\x03"])
def test_what_is_no_parcel_is_told_apart(body):
    with pytest.raises(msgspec.MsgspecError):
        parcels.unpack(body)
