from __future__ import annotations

import asyncio
import gzip
import json
import zlib

import pytest
from recording import rmc, until

from fleettrack.domain import fix

POSITIONS = "/api/v1/positions"
PING = {"tracker": "t1", "time": "2024-01-01T00:00:00Z", "lat": 48.0, "lon": 11.0}
GZIP = {"Content-Encoding": "gzip", "Content-Type": "application/json"}


def counts(said):
    return {name: said[name] for name in ("accepted", "duplicate", "rejected", "held")}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (json.dumps(PING), "application/json"),
        (json.dumps([PING]), "application/json"),
        (json.dumps(PING) + "\n", "application/x-ndjson"),
        (rmc(0).decode(), "text/plain"),
        (rmc(0).decode(), "application/nmea"),
    ],
)
async def test_pings_in_any_form_are_stored(api, body, kind):
    status, said = await api.ask("POST", POSITIONS, role="carrier", data=body, headers={"Content-Type": kind})
    assert (status, counts(said), said["rejects"]) == (
        200, {"accepted": 1, "duplicate": 0, "rejected": 0, "held": 0}, [],
    )  # fmt: skip
    (parcel,) = api.door.pipeline.deliveries
    assert parcel.sender.trust == fix.Trust.API_KEY
    assert parcel.sender.api_key_id is not None
    assert parcel.sender.source == "127.0.0.1"


async def test_each_item_is_judged_by_itself(api):
    api.door.pipeline.unknown = {"stranger"}
    batch = [PING, PING, PING | {"lat": 91}, PING | {"tracker": "stranger"}, PING | {"lon": "x"}, 7]
    status, said = await api.ask("POST", POSITIONS, json=batch)
    assert status == 200
    assert counts(said) == {"accepted": 1, "duplicate": 1, "rejected": 3, "held": 1}
    assert [(r["index"], r["reason"]) for r in said["rejects"]] == [(2, "latitude"), (4, "number"), (5, "malformed")]
    assert all(r["detail"] for r in said["rejects"])
    assert api.door.count("rejects_total", reason="latitude") == 1
    assert api.door.count("messages_total", protocol="json", outcome="accepted") == 1


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
async def test_numbers_that_are_none_are_rejected(api, number):
    body = json.dumps([PING, PING | {"lon": 0.5}]).replace("0.5", number)
    status, said = await api.ask("POST", POSITIONS, data=body, headers={"Content-Type": "application/json"})
    assert (status, counts(said)["accepted"], counts(said)["rejected"]) == (200, 1, 1)
    assert said["rejects"][0]["index"] == 1
    assert said["rejects"][0]["reason"] in ("number", "longitude")


async def test_a_pings_own_id_is_echoed(api):
    _, said = await api.ask("POST", POSITIONS, json=[PING | {"id": "p-1"}, PING | {"id": "p-2"}, PING])
    assert said["ids"] == [{"id": "p-1", "outcome": "accepted"}, {"id": "p-2", "outcome": "duplicate"}]


async def test_an_answer_comes_only_after_the_commit(api):
    api.door.pipeline.gate.clear()
    asked = asyncio.create_task(api.ask("POST", POSITIONS, json=PING))
    await until(lambda: api.door.pipeline.asked)
    await asyncio.sleep(0.01)
    assert not asked.done()
    api.door.pipeline.gate.set()
    assert (await asked)[0] == 200


async def test_without_a_database_the_sender_is_told_to_come_again(api):
    api.door.pipeline.away = True
    async with api.session.post(
        api.url + POSITIONS, json=PING, headers={"X-Api-Key": api.tokens["carrier"]}
    ) as response:
        assert response.status == 503
        assert int(response.headers["Retry-After"]) > 0
        assert (await response.json(content_type=None))["type"] == "urn:fleettrack:problem:database-away"
    assert not api.door.spool.holding


async def test_a_carriers_key_speaks_for_its_party_only(api):
    await api.ask("POST", POSITIONS, role="carrier", json=PING)
    await api.ask("POST", POSITIONS, role="dispatcher", json=PING)
    carrier, dispatcher = (parcel.sender.carrier_id for parcel in api.door.pipeline.deliveries)
    assert carrier is not None
    assert dispatcher is None


async def test_history_lifts_the_bound_on_custody(api):
    await api.ask("POST", POSITIONS, json=PING)
    await api.ask("POST", POSITIONS + "?history=1", json=PING)
    assert [parcel.history for parcel in api.door.pipeline.deliveries] == [False, True]


async def test_only_staff_lifts_the_bound_on_custody(api):
    status, said = await api.ask("POST", POSITIONS + "?history=1", role="carrier", json=PING)
    assert (status, said["type"]) == (403, "urn:fleettrack:problem:forbidden")
    assert "history=1 is for staff" in said["detail"]
    assert api.door.pipeline.asked == 0
    assert (await api.ask("POST", POSITIONS + "?history=1", role="dispatcher", json=PING))[0] == 200


async def test_a_tracker_can_be_named_beside_the_body(api):
    await api.ask("POST", POSITIONS + "?tracker=box", data=rmc(0)[2:], headers={"Content-Type": "text/plain"})
    assert [f.tracker for f in api.door.pipeline.fixes] == ["box"]


@pytest.mark.parametrize("squeeze", [gzip.compress, zlib.compress])
async def test_compressed_bodies_are_taken(api, squeeze):
    encoding = "gzip" if squeeze is gzip.compress else "deflate"
    status, said = await api.ask(
        "POST", POSITIONS, data=squeeze(json.dumps(PING).encode()),
        headers={"Content-Encoding": encoding, "Content-Type": "application/json"},
    )  # fmt: skip
    assert (status, said["accepted"]) == (200, 1)


async def test_a_bomb_is_refused_and_kept_among_the_rejects(serve):
    async with serve(inflated_bytes=1 << 20) as api:
        status, said = await api.ask("POST", POSITIONS, data=gzip.compress(b" " * (64 << 20)), headers=GZIP)
        assert (status, said["type"], said["reason"]) == (413, "urn:fleettrack:problem:too-large", "inflated_size")
        assert [m.reason for m in api.door.pipeline.messages] == ["inflated_size"]
        assert api.door.count("rejects_total", reason="inflated_size") == 1


async def test_a_body_over_the_limit_is_refused_said_or_not(serve):
    async def drip():
        for _ in range(20):
            yield b" " * 1000

    async with serve(body_bytes=10_000) as api:
        for body in (b" " * 20_000, drip()):
            headers = {"Content-Type": "application/json"}
            status, said = await api.ask("POST", POSITIONS, data=body, headers=headers)
            assert (status, said["reason"]) == (413, "too_long")
        assert api.door.count("rejects_total", reason="too_long") == 2


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "malformed"),
        (b"not json", "malformed"),
        (b"[1", "malformed"),
        (b'{"tracker":"\xff","time":1700000000,"lat":1,"lon":2}', "encoding"),
    ],
)
async def test_a_body_that_cannot_be_read_says_why(api, body, reason):
    headers = {"Content-Type": "application/json"}
    status, said = await api.ask("POST", POSITIONS, data=body, headers=headers)
    reasons = [said["reason"]] if status == 400 else [r["reason"] for r in said["rejects"]]
    assert reasons == [reason]
    assert api.door.count("rejects_total", reason=reason) == 1


async def test_deep_json_is_a_reject(api):
    deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    status, _said = await api.ask(
        "POST", POSITIONS, data=b"[" + deep + b"," + json.dumps(PING).encode() + b"]",
        headers={"Content-Type": "application/json"},
    )  # fmt: skip
    assert status in (200, 400)
    assert api.door.count("rejects_total", reason="too_deep") == 1


async def test_damaged_compression_is_malformed(api):
    whole = gzip.compress(json.dumps([PING] * 100).encode())
    for body in (whole[:-10], b"nonsense"):
        status, said = await api.ask("POST", POSITIONS, data=body, headers=GZIP)
        assert (status, said["reason"]) == (400, "malformed")


async def test_an_unknown_media_type_is_refused(api):
    status, said = await api.ask("POST", POSITIONS, data=b"<x/>", headers={"Content-Type": "application/xml"})
    assert (status, said["type"]) == (415, "urn:fleettrack:problem:media-type")


async def test_a_long_body_goes_on_in_pieces_and_is_answered_as_one(api):
    pings = [PING | {"lon": i / 1e5} for i in range(12_000)]
    pings[11_000] = PING | {"lat": 100}
    status, said = await api.ask("POST", POSITIONS, json=pings)
    assert (status, said["accepted"]) == (200, 11_999)
    assert [r["index"] for r in said["rejects"]] == [11_000]
    assert len(api.door.pipeline.deliveries) > 1


@pytest.mark.parametrize("tracker", ["x" * 3800, "x" * 129, "nul%00", "%0a"])
async def test_whose_the_pings_are_is_checked_like_an_identity_in_them(api, tracker):
    nameless = {name: value for name, value in PING.items() if name != "tracker"}
    status, said = await api.ask("POST", f"{POSITIONS}?tracker={tracker}", json=[nameless])
    assert (status, said["type"]) == (422, "urn:fleettrack:problem:invalid")
    assert not api.door.pipeline.deliveries


async def test_no_pings_are_no_fault(api):
    status, said = await api.ask("POST", POSITIONS, json=[])
    assert (status, counts(said)) == (200, {"accepted": 0, "duplicate": 0, "rejected": 0, "held": 0})
