from __future__ import annotations

from urllib import parse

import pytest

V1 = "/api/v1"
SQUARE = {"type": "Polygon", "coordinates": [[[11, 48], [11.01, 48], [11.01, 48.01], [11, 48.01], [11, 48]]]}


async def test_parties_are_made_told_and_listed(api):
    status, made = await api.ask("POST", f"{V1}/parties", role="dispatcher", json={"ref": "SHIP", "name": "Shipper"})
    assert (status, made["ref"], made["gln"]) == (201, "SHIP", None)
    assert await api.ask("GET", f"{V1}/parties/SHIP") == (200, made)
    _, page = await api.ask("GET", f"{V1}/parties?limit=2")
    assert [p["ref"] for p in page["items"]] == ["ACME", "OTHER"]
    _, rest = await api.ask("GET", f"{V1}/parties?limit=2&cursor={page['next']}")
    assert ([p["ref"] for p in rest["items"]], rest["next"]) == (["SHIP"], None)


async def test_a_reference_that_is_taken_is_a_conflict(api):
    status, said = await api.ask("POST", f"{V1}/parties", json={"ref": "ACME", "name": "again"})
    assert (status, said["type"], said["constraint"]) == (409, "urn:fleettrack:problem:conflict", "party_ref_unique")


async def test_what_is_not_there_in_the_path_is_404_and_in_the_body_422(api):
    status, said = await api.ask("GET", f"{V1}/parties/NOBODY")
    assert (status, said["type"]) == (404, "urn:fleettrack:problem:not-found")
    status, said = await api.ask("POST", f"{V1}/vehicles", json={"ref": "v", "carrier": "NOBODY"})
    assert (status, said["type"]) == (422, "urn:fleettrack:problem:unknown-reference")
    assert said["unknown"] == ["NOBODY"]


async def test_a_carrier_sees_its_own_vehicles_and_trackers_only(api):
    for carrier, ref in (("ACME", "mine"), ("OTHER", "theirs")):
        await api.ask("POST", f"{V1}/vehicles", json={"ref": ref, "carrier": carrier})
        await api.ask("POST", f"{V1}/trackers", json={"identity": ref, "carrier": carrier})
    for path, name in (("vehicles", "ref"), ("trackers", "identity")):
        for query in ("", "?carrier=OTHER"):
            _, page = await api.ask("GET", f"{V1}/{path}{query}", role="carrier")
            assert [item[name] for item in page["items"]] == ["mine"]
        assert (await api.ask("GET", f"{V1}/{path}/mine", role="carrier"))[0] == 200
        assert (await api.ask("GET", f"{V1}/{path}/theirs", role="carrier"))[0] == 404
        _, page = await api.ask("GET", f"{V1}/{path}?carrier=OTHER", role="dispatcher")
        assert [item[name] for item in page["items"]] == ["theirs"]
    assert (await api.ask("GET", f"{V1}/trackers/theirs/track", role="carrier"))[0] == 404


async def test_places_and_their_fences(api):
    place = {"ref": "P", "name": "Place", "party": "ACME", "geofences": [{"shape": SQUARE}]}
    status, made = await api.ask("POST", f"{V1}/places", json=place)
    assert (status, made["class"], len(made["geofences"])) == (201, "site", 1)
    circle = {"place": "P", "shape": {"type": "Circle", "lat": 48.0, "lon": 11.0, "radius_m": 200}}
    status, fence = await api.ask("POST", f"{V1}/geofences", json=circle)
    assert status == 201, fence
    larger = {"shape": {"type": "Circle", "lat": 48.0, "lon": 11.0, "radius_m": 300}}
    status, changed = await api.ask("PUT", f"{V1}/geofences/{fence['id']}", json=larger)
    assert (status, changed["id"]) == (200, fence["id"])
    assert changed["version"] != fence["version"]
    assert (await api.ask("DELETE", f"{V1}/geofences/{fence['id']}"))[0] == 204
    _, page = await api.ask("GET", f"{V1}/geofences?place=P")
    assert [f["shape"]["type"] for f in page["items"] if f["valid_to"] is None] == ["Polygon"]
    assert (await api.ask("PUT", f"{V1}/geofences/999999", json=larger))[0] == 404
    assert (await api.ask("DELETE", f"{V1}/geofences/x"))[0] == 404


async def test_a_fence_that_is_none_says_what_is_wrong(api):
    wrong = {"ref": "P", "name": "P", "party": "ACME", "geofences": [{"shape": {"type": "Polygon", "coordinates": []}}]}
    status, said = await api.ask("POST", f"{V1}/places", json=wrong)
    assert (status, said["type"]) == (422, "urn:fleettrack:problem:invalid")
    assert said["problems"]


async def test_assignments_begin_end_and_move(api):
    for ref in ("v1", "v2"):
        await api.ask("POST", f"{V1}/vehicles", json={"ref": ref})
    await api.ask("POST", f"{V1}/trackers", json={"identity": "t"})
    first = {"tracker": "t", "vehicle": "v1", "valid_from": "2024-01-01T00:00:00Z"}
    status, made = await api.ask("POST", f"{V1}/assignments", json=first)
    assert (status, made["vehicle"], made["valid_to"]) == (201, "v1", None)
    status, said = await api.ask("POST", f"{V1}/assignments", json=first | {"vehicle": "v2"})
    assert (status, said["constraint"]) == (409, "assignment_one_subject")
    moving = {"tracker": "t", "vehicle": "v2", "valid_from": "2024-02-01T00:00:00Z"}
    status, moved = await api.ask("POST", f"{V1}/assignments/{made['id']}/move", json=moving)
    assert (status, moved["vehicle"]) == (201, "v2")
    status, ended = await api.ask("PATCH", f"{V1}/assignments/{moved['id']}", json={"valid_to": "2024-03-01T00:00:00Z"})
    assert (status, ended["valid_to"]) == (200, "2024-03-01T00:00:00Z")
    status, said = await api.ask("PATCH", f"{V1}/assignments/{moved['id']}", json={"valid_to": "2024-03-01T00:00:00"})
    assert (status, said["problems"][0]["place"]) == (422, "valid_to")
    _, page = await api.ask("GET", f"{V1}/assignments?tracker=t")
    assert len(page["items"]) == 2


async def test_serials_and_units_are_commissioned_and_packed(api):
    serials = {"issuer": "ACME", "gtin": "09506000134352", "serials": ["a/1", "b%2"]}
    status, made = await api.ask("POST", f"{V1}/serials", json=serials)
    assert (status, made["count"]) == (201, 2)
    sscc = "106141412345678908"
    status, said = await api.ask("POST", f"{V1}/units", json={"issuer": "ACME", "ssccs": [sscc]})
    assert status == 201, said
    status, unit = await api.ask("GET", f"{V1}/units/{parse.quote(said['refs'][0], safe='')}")
    assert (status, unit["code"], unit["kind"]) == (200, sscc, "unit")
    status, packed = await api.ask("POST", f"{V1}/units/{sscc}/pack", json={"objects": made["refs"]})
    assert (status, packed["count"]) == (200, 2)
    status, packed = await api.ask("POST", f"{V1}/units/{sscc}/unpack", json={"objects": made["refs"]})
    assert status in (200, 422)  # in the very millisecond they were packed they cannot be unpacked
    status, said = await api.ask("POST", f"{V1}/units/000000000000000000/pack", json={"objects": made["refs"]})
    assert status == 404
    status, said = await api.ask("POST", f"{V1}/units/{sscc}/pack", json={"objects": ["nothing"]})
    assert (status, said["unknown"]) == (422, ["nothing"])


@pytest.mark.parametrize(
    "query", ["visits?arrived=perhaps", "trackers/t/track?from=yesterday", "trackers/t/track?to=2024-01-01T00:00:00"]
)
async def test_a_query_that_makes_no_sense_is_refused(api, query):
    await api.ask("POST", f"{V1}/trackers", json={"identity": "t"})
    status, said = await api.ask("GET", f"{V1}/{query}")
    assert (status, said["type"]) == (422, "urn:fleettrack:problem:invalid")
    assert said["problems"][0]["place"] in ("arrived", "from", "to")
