from __future__ import annotations

import pytest
from recording import rmc

V1 = "/api/v1"
POSITIONS = f"{V1}/positions"
NMEA = {"Content-Type": "text/plain"}


@pytest.fixture
async def api(serve):
    async with serve(real=True) as one:
        yield one


def ping(tracker, minute=0, **more):
    return {"tracker": tracker, "time": f"2024-05-01T12:{minute:02d}:00.250Z", "lat": 48.0, "lon": 11.5} | more


async def tracker(api, identity, **more):
    status, said = await api.ask("POST", f"{V1}/trackers", json={"identity": identity} | more)
    assert status == 201, said
    return said


def counts(said):
    return [said[name] for name in ("accepted", "duplicate", "rejected", "held")]


async def test_a_ping_is_stored_and_told_in_the_track(api):
    await tracker(api, "t")
    sent = ping("t", speed_mps=3.25, course=90.5, accuracy_m=4.5, altitude_m=512.5, battery_pct=80)
    _, said = await api.ask("POST", POSITIONS, json=[sent, ping("t", 1)])
    assert counts(said) == [2, 0, 0, 0]
    _, page = await api.ask("GET", f"{V1}/trackers/t/track")
    first = page["items"][0]
    assert {k: first[k] for k in sent} == sent
    assert (first["trust"], first["flags"]) == ("api_key", [])


async def test_a_track_comes_in_pages_without_gap_or_repeat(api):
    await tracker(api, "t")
    pings = [ping("t", minute, lon=11.5 + second / 100) for minute in range(5) for second in range(3)]
    await api.ask("POST", POSITIONS, json=pings)
    seen, cursor = [], ""
    while cursor is not None:
        query = "limit=4" + (f"&cursor={cursor}" if cursor else "")
        _, page = await api.ask("GET", f"{V1}/trackers/t/track?{query}")
        seen += [(p["time"], p["lon"]) for p in page["items"]]
        cursor = page["next"]
    assert seen == [(p["time"], p["lon"]) for p in pings]
    _, page = await api.ask("GET", f"{V1}/trackers/t/track?from=2024-05-01T12:02:00Z&to=2024-05-01T12:03:00Z")
    assert len(page["items"]) == 3


async def test_an_unknown_trackers_pings_are_held_and_adopted(api):
    _, said = await api.ask("POST", POSITIONS, role="carrier", json=[ping("new"), ping("new", 1)])
    assert counts(said) == [0, 0, 0, 2]
    _, held = await api.ask("GET", f"{V1}/held-trackers")
    assert [(h["identity"], h["pings"], h["sources"]) for h in held["items"]] == [("new", 2, ["127.0.0.1"])]
    claimed = await tracker(api, "new", carrier="ACME")
    assert claimed["adopted"] == 2
    _, page = await api.ask("GET", f"{V1}/trackers/new/track", role="carrier")
    assert len(page["items"]) == 2
    assert (await api.ask("GET", f"{V1}/held-trackers"))[1]["items"] == []


async def test_a_carrier_cannot_post_for_another_carriers_tracker_and_reads_why(api):
    await tracker(api, "mine", carrier="ACME")
    await tracker(api, "theirs", carrier="OTHER")
    batch = [ping("mine"), ping("theirs"), ping("mine", 1), ping("mine", lat=91)]
    _, said = await api.ask("POST", POSITIONS, role="carrier", json=batch)
    assert counts(said) == [2, 0, 2, 0]
    assert [(r["index"], r["reason"]) for r in said["rejects"]] == [(1, "not_yours"), (3, "latitude")]
    for reason in ("not_yours", "latitude"):
        assert api.door.count("rejects_total", reason=reason) == 1
    assert (await api.ask("GET", f"{V1}/trackers/theirs/track"))[1]["items"] == []
    _, page = await api.ask("GET", f"{V1}/rejects", role="carrier")
    assert sorted(r["reason"] for r in page["items"]) == ["latitude", "not_yours"]
    assert all(r["api_key"] == api.tokens["carrier"].rpartition("_")[0][:12] for r in page["items"])
    _, page = await api.ask("GET", f"{V1}/rejects?reason=latitude", role="carrier")
    assert '"lat":91' in page["items"][0]["raw"].replace(" ", "")


async def test_a_carrier_reads_no_other_carriers_rejects(api):
    await tracker(api, "theirs", carrier="OTHER")
    other = await api.services.keys.create(name="o", role="carrier", party="OTHER")
    headers = {"X-Api-Key": other.token}
    await api.ask("POST", POSITIONS, role=None, headers=headers, json=ping("theirs", lat=91))
    assert (await api.ask("GET", f"{V1}/rejects", role="carrier"))[1]["items"] == []
    assert len((await api.ask("GET", f"{V1}/rejects", role="dispatcher"))[1]["items"]) == 1


async def test_the_year_2099_is_refused_and_two_minutes_ahead_is_flagged(api):
    await tracker(api, "t")
    _, said = await api.ask("POST", POSITIONS, json=[ping("t", time="2099-01-01T00:00:00Z")])
    assert [r["reason"] for r in said["rejects"]] == ["time_range"]
    ahead_ms = api.services.intake.clock() + 300_000
    _, said = await api.ask("POST", POSITIONS, json=[ping("t", time=ahead_ms)])
    assert counts(said) == [1, 0, 0, 0]
    _, page = await api.ask("GET", f"{V1}/trackers/t/track")
    assert [p["flags"] for p in page["items"]] == [["future"]]


async def test_the_same_fix_over_two_protocols_is_one(api):
    await tracker(api, "t1")
    _, first = await api.ask("POST", POSITIONS, data=rmc(7), headers=NMEA)
    _, page = await api.ask("GET", f"{V1}/trackers/t1/track")
    (stored,) = page["items"]
    again = {name: stored[name] for name in ("tracker", "time", "lat", "lon")}
    _, second = await api.ask("POST", POSITIONS, json=again)
    assert (counts(first), counts(second)) == ([1, 0, 0, 0], [0, 1, 0, 0])


async def test_a_wrong_checksum_is_told_and_costs_no_neighbour(api):
    await tracker(api, "t1")
    broken = rmc(1).replace(b",A,", b",A,9")
    _, said = await api.ask("POST", POSITIONS, data=rmc(0) + broken + rmc(2), headers=NMEA)
    assert counts(said) == [2, 0, 1, 0]
    assert [r["reason"] for r in said["rejects"]] == ["checksum"]
    assert api.door.count("rejects_total", reason="checksum") == 1


async def test_a_tracker_with_a_secret_needs_it_without_a_key(api):
    await tracker(api, "s", secret="hush")
    _, said = await api.ask("POST", POSITIONS, json=[ping("s~hush"), ping("s~wrong", 1), ping("s", 2)])
    assert counts(said)[0] == 2  # with the secret, and with the key alone
    assert [r["reason"] for r in said["rejects"]] == ["secret"]


async def test_visits_are_listed(api):
    place = {
        "ref": "P", "name": "P", "party": "ACME",
        "geofences": [{"shape": {"type": "Circle", "lat": 48.0, "lon": 11.5, "radius_m": 200}}],
    }  # fmt: skip
    assert (await api.ask("POST", f"{V1}/places", json=place))[0] == 201
    await tracker(api, "t")
    outside = [ping("t", 0, lon=11.6, speed_mps=10)]
    inside = [ping("t", minute, speed_mps=0) for minute in range(2, 30)]
    await api.ask("POST", POSITIONS, json=outside + inside)
    _, page = await api.ask("GET", f"{V1}/visits?tracker=t&place=P&arrived=true")
    (visit,) = page["items"]
    assert visit["entered_lo"] <= visit["entered_at"] <= visit["entered_hi"]
    assert (visit["rule"], visit["exited_at"], visit["retracted"]) == ("a", None, False)
    assert (await api.ask("GET", f"{V1}/visits?arrived=false"))[1]["items"] == []


async def test_no_reject_shows_a_trackers_secret(api):
    await tracker(api, "sec-1", secret="topsecret")
    await api.ask("POST", POSITIONS, json=[ping("sec-1~topsecret", lat=95.0)])
    line = rmc(1, tracker="sec-1~topsecret").replace(b",A,", b",A,9")
    await api.ask("POST", POSITIONS, data=line, headers=NMEA)
    await api.ask("POST", POSITIONS, data=b'{"tracker":"sec-1~topsecret"', headers={"Content-Type": "application/json"})
    _, rejects = await api.ask("GET", f"{V1}/rejects")
    assert {r["reason"] for r in rejects["items"]} == {"latitude", "checksum", "malformed"}
    assert "topsecret" not in str(rejects)
