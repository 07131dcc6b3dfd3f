"""What the database cannot keep is refused with its place named, never a fault of ours."""

import base64

import pytest
from yarl import URL

HUGE, SOON, LATE = 99_999_999_999_999_999_999, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"


def cursor(text):
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("parties/%00", 404),
        ("trackers/%00/track", 404),
        ("serials/%00", 404),
        ("parties/%ED%A0%80", 404),
        ("parties/" + "9" * 2_000, 404),
        ("visits?tracker=%00", 422),
        ("visits?place=%00", 422),
        ("visits?tracker=%ED%A0%80", 200),
        ("consignments/C/items?within=%00", 422),
        ("parties?limit=" + "9" * 5_000, 400),
        ("parties?limit=" + "9" * 8, 400),
        ("visits?cursor=" + cursor(str(HUGE)), 400),
        ("visits?cursor=" + cursor("-1"), 400),
        ("parties?cursor=" + cursor('"\\u0000"'), 400),
        ("trackers/T/track?cursor=" + cursor(f'["{SOON}","T",0,0]'), 200),
        ("trackers/T/track?cursor=" + cursor(f'["2024-01-01T00:00:00Z","T",{HUGE},0]'), 422),
        ("trackers/T/track?cursor=" + cursor('["2024-01-01T00:00:00Z","\\u0000",0,0]'), 422),
        (f"trackers/T/track?from={SOON.replace('+', '%2B')}", 422),
        (f"serials/S/history?at={SOON.replace('+', '%2B')}", 422),
        (f"serials/S?known_at={LATE}", 422),
    ],
)
async def test_an_address_is_refused(api, path, status):
    assert (await api.ask("POST", "/api/v1/trackers", json={"identity": "T"}))[0] == 201
    got, said = await api.ask("GET", URL(f"{api.url}/api/v1/{path}", encoded=True))
    assert got == status
    if status != 200:
        assert said["detail"]


async def test_a_key_is_not_named_by_what_nobody_can_write(api):
    assert (await api.ask("DELETE", URL(f"{api.url}/api/v1/api-keys/%00", encoded=True)))[0] == 404


@pytest.mark.parametrize(
    ("path", "body", "place"),
    [
        ("api-keys", {"name": "\0", "role": "admin"}, "name"),
        ("api-keys", {"name": "k", "role": "carrier", "party": "\0"}, "party"),
        ("api-keys", {"name": "k", "role": "admin", "expires_at": LATE}, "expires_at"),
        ("vehicles", {"ref": "V", "giai": "\0"}, "giai"),
        ("trackers", {"identity": "X", "secret": "\0"}, "secret"),
        ("trackers", {"identity": "X", "secret": ""}, "secret"),
        ("places", {"ref": "P", "name": "P", "party": "ACME", "timezone": "\0"}, "timezone"),
        ("serials", {"issuer": "ACME", "serials": ["\0"], "product": "p"}, "serials"),
        ("serials", {"issuer": "ACME", "serials": ["s"], "product": "\0"}, "product"),
        ("serials", {"issuer": "ACME", "serials": ["s"], "product": "p", "lot": "\0"}, "lot"),
        ("serials", {"issuer": "ACME", "serials": ["s"], "product": "p", "commissioned_at": SOON}, "commissioned_at"),
        ("consignments/C/handovers", {"to_party": "ACME", "stop": 99_999_999_999}, "stop"),
        ("consignments/C/handovers", {"to_party": "ACME", "event_at": SOON}, "event_at"),
        ("consignments/C/corrections", {"kind": "void_fact", "fact": 9_999_999_999_999_999_999}, "fact"),
        ("consignments/C/items", {"items": [{"serial": "s", "gtin": "\0"}]}, "gtin"),
        ("consignments/C/items", {"items": [{"serial": "s", "to_stop": HUGE}]}, "to_stop"),
        ("geofences", {"place": "P", "shape": {}, "valid_from": SOON}, "valid_from"),
    ],
)
async def test_a_body_is_refused_with_the_place_named(api, path, body, place):
    status, said = await api.ask("POST", f"/api/v1/{path}", json=body)
    assert status == 422
    assert place in said["detail"]
    assert said["problems"]
