import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleettrack.domain import fix
from fleettrack.services.track import masking

SECRETS = st.text(st.characters(exclude_categories=["C"]), min_size=4, max_size=20).map(lambda s: f"0{s}0")


@given(SECRETS, st.booleans())
def test_a_known_secret_is_nowhere_in_what_is_kept(secret, escaped):
    tracker = f"t~{secret}"
    raw = json.dumps({"tracker": tracker, "lat": 95}, ensure_ascii=escaped).encode()
    kept = masking.without_secret(fix.Reject(reason="latitude", raw=raw, detail=f"{tracker} is lost", tracker=tracker))
    assert kept.tracker == "t"
    assert json.loads(kept.raw)["tracker"] == "t~***"
    assert secret not in kept.detail


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (b"sec-1~top$GPRMC,1*00", b"sec-1~***$GPRMC,1*00"),
        (b"sec-1~top,$GPRMC,1*00", b"sec-1~***,$GPRMC,1*00"),
        (b'{"tracker":"sec-1~top","lat"', b'{"tracker":"sec-1~***","lat"'),
        (b'{"tracker":"sec-1~to', b'{"tracker":"sec-1~***'),
        (b"$GPRMC,1*00", b"$GPRMC,1*00"),
    ],
)
def test_a_secret_of_nobody_knows_whom_is_not_kept_either(raw, kept):
    assert masking.without_secret(fix.Reject(reason="malformed", raw=raw)).raw == kept
