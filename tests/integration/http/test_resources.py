from __future__ import annotations

from urllib import parse

import pytest
from yarl import URL

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


async def world(api):
    """A shipper, a consignee and a place of each."""
    for ref in ("SHIP", "CONS"):
        await api.ask("POST", f"{V1}/parties", json={"ref": ref, "name": ref})
        await api.ask("POST", f"{V1}/places", json={"ref": f"{ref}-1", "name": ref, "party": ref})


def plan(ref="C-1", **more):
    return {
        "ref": ref,
        "consignor": "SHIP",
        "consignee": "CONS",
        "carrier": "ACME",
        "stops": [{"place": "SHIP-1", "role": "pickup"}, {"place": "CONS-1", "role": "drop"}],
        "items": [{"gtin": "09506000134352", "serial": "s1"}, {"unit": "106141412345678908"}],
    } | more


async def test_a_consignment_is_made_told_filled_and_closed(api):
    await world(api)
    status, made = await api.ask("POST", f"{V1}/consignments", json=plan())
    assert status == 201, made
    assert [s["place"] for s in made["stops"]] == ["SHIP-1", "CONS-1"]
    assert await api.ask("GET", f"{V1}/consignments/C-1") == (200, made)
    more = {"items": [{"gtin": "09506000134352", "serial": "s2"}]}
    status, fuller = await api.ask("POST", f"{V1}/consignments/C-1/items", json=more)
    assert (status, sum(i["lines"] for i in fuller["items"])) == (200, 3)
    status, closed = await api.ask("POST", f"{V1}/consignments/C-1/close", json={})
    assert (status, closed["closed_at"] is not None) == (200, True)
    assert (await api.ask("POST", f"{V1}/consignments/C-1/items", json=more))[0] == 409
    assert (await api.ask("POST", f"{V1}/consignments/C-2/items", json=more))[0] == 404


async def test_a_carrier_sees_the_consignments_it_carries(api):
    await world(api)
    await api.ask("POST", f"{V1}/consignments", json=plan("mine", items=[]))
    await api.ask("POST", f"{V1}/consignments", json=plan("theirs", items=[], carrier="OTHER"))
    _, page = await api.ask("GET", f"{V1}/consignments", role="carrier")
    assert [c["ref"] for c in page["items"]] == ["mine"]
    assert (await api.ask("GET", f"{V1}/consignments/mine", role="carrier"))[0] == 200
    assert (await api.ask("GET", f"{V1}/consignments/theirs", role="carrier"))[0] == 404


async def test_a_wrong_plan_lists_all_that_is_wrong(api):
    await world(api)
    wrong = plan(consignee="NOBODY", carrier="NEITHER")
    wrong["stops"][1]["place"] = "NOWHERE"
    status, said = await api.ask("POST", f"{V1}/consignments", json=wrong)
    assert (status, said["type"]) == (422, "urn:fleettrack:problem:invalid")
    assert {"NOBODY", "NEITHER", "NOWHERE"} <= {p["value"] for p in said["problems"]}


MANIFEST = """consignment,consignor,consignee,carrier,stop,place,role,gtin,serial,lot
M-1,SHIP,CONS,ACME,1,SHIP-1,pickup,,,
M-1,SHIP,CONS,ACME,2,CONS-1,drop,09506000134352,a1,L1
M-1,SHIP,CONS,ACME,2,CONS-1,drop,09506000134352,a2,L1
"""
CSV = {"Content-Type": "text/csv"}


async def test_a_manifest_is_taken_whole_and_once(api):
    await world(api)
    status, report = await api.ask("POST", f"{V1}/consignments?name=m.csv", data=MANIFEST, headers=CSV)
    assert status == 201, report
    assert (report["consignments"], report["serials"], report["already"]) == (1, 2, False)
    status, again = await api.ask("POST", f"{V1}/consignments?name=m.csv", data=MANIFEST, headers=CSV)
    assert (status, again["already"], again["sha256"]) == (200, True, report["sha256"])
    assert (await api.ask("GET", f"{V1}/consignments/M-1"))[0] == 200


async def test_a_wrong_manifest_names_each_bad_row_and_changes_nothing(api):
    await world(api)
    wrong = MANIFEST.replace("09506000134352,a2", "09506000134353,a2").replace(",CONS-1,drop", ",NOWHERE,drop", 1)
    status, said = await api.ask("POST", f"{V1}/consignments", data=wrong, headers=CSV)
    assert status == 422
    assert {p["line"] for p in said["problems"]} >= {4}
    assert all(p["reason"] for p in said["problems"])
    assert (await api.ask("GET", f"{V1}/consignments/M-1"))[0] == 404


async def test_a_consignments_track_is_what_its_trackers_sent_while_they_went_with_it(serve):
    async with serve(real=True) as api:
        await world(api)
        await api.ask("POST", f"{V1}/vehicles", json={"ref": "V", "carrier": "ACME"})
        started = plan(items=[], vehicle="V", effective_from="2024-05-01T00:00:00Z")
        assert (await api.ask("POST", f"{V1}/consignments", json=started))[0] == 201
        await api.ask("POST", f"{V1}/trackers", json={"identity": "t"})
        on = {"tracker": "t", "vehicle": "V", "valid_from": "2024-05-01T12:10:00Z", "valid_to": "2024-05-01T12:20:00Z"}
        assert (await api.ask("POST", f"{V1}/assignments", json=on))[0] == 201
        pings = [
            {"tracker": "t", "time": f"2024-05-01T12:{m:02d}:00Z", "lat": 48, "lon": 11 + m / 1000} for m in range(30)
        ]
        await api.ask("POST", f"{V1}/positions", json=pings)
        _, page = await api.ask("GET", f"{V1}/consignments/C-1/track")
        assert [p["time"][14:16] for p in page["items"]] == [f"{m:02d}" for m in range(10, 20)]
        assert (await api.ask("GET", f"{V1}/consignments/none/track"))[0] == 404


async def test_a_receipt_in_part_is_told_among_the_facts(api):
    await world(api)
    await api.ask("POST", f"{V1}/consignments", json=plan(effective_from="2024-05-01T00:00:00Z"))
    sscc = "106141412345678908"
    receipt = {"stop": 2, "lines": [{"object": sscc, "outcome": "damaged"}], "note": "wet"}
    status, made = await api.ask("POST", f"{V1}/consignments/C-1/receipts", role="dispatcher", json=receipt)
    assert status == 201, made
    assert (made["kind"], made["outcomes"], made["note"]) == ("receipt", {"damaged": 1}, "wet")
    assert made["actor"].startswith("key:")
    _, page = await api.ask("GET", f"{V1}/consignments/C-1/facts")
    assert page["items"] == [made]
    status, voided = await api.ask(
        "POST", f"{V1}/consignments/C-1/corrections", json={"kind": "void_fact", "fact": made["id"]}
    )
    assert (status, voided["target_fact"]) == (201, made["id"])
    status, said = await api.ask(
        "POST", f"{V1}/consignments/C-1/receipts", json={"lines": [{"object": "none", "outcome": "short"}]}
    )
    assert (status, said["unknown"]) == (422, ["none"])
    assert (await api.ask("POST", f"{V1}/consignments/C-9/receipts", json={}))[0] == 404


async def test_a_carrier_states_only_what_it_took_over_itself(api):
    await world(api)
    await api.ask("POST", f"{V1}/consignments", json=plan("mine", items=[]))
    await api.ask("POST", f"{V1}/consignments", json=plan("theirs", items=[], carrier="OTHER"))
    taking = {"stop": 1, "to_party": "ACME"}
    status, made = await api.ask("POST", f"{V1}/consignments/mine/handovers", role="carrier", json=taking)
    assert (status, made["to_party"]) == (201, "ACME")
    for ref, body, expected in (
        ("theirs", taking, 404),
        ("mine", taking | {"to_party": "CONS"}, 403),
        ("mine", taking | {"level": "signatures"}, 403),
    ):
        found, _ = await api.ask("POST", f"{V1}/consignments/{ref}/handovers", role="carrier", json=body)
        assert found == expected
    assert (await api.ask("POST", f"{V1}/consignments/mine/receipts", role="carrier", json={"stop": 2}))[0] == 403


async def test_tasks_and_exceptions_are_listed_and_done(api):
    async with api.services.database.transaction() as connection:
        await connection.execute("INSERT INTO task (kind, title) VALUES ('look', 'Look'), ('look', 'Again')")
    _, page = await api.ask("GET", f"{V1}/tasks?limit=1")
    (task,) = page["items"]
    status, done = await api.ask("POST", f"{V1}/tasks/{task['id']}/done", json={})
    assert (status, done["done_by"].startswith("key:")) == (200, True)
    assert [t["title"] for t in (await api.ask("GET", f"{V1}/tasks"))[1]["items"]] == ["Again"]
    assert len((await api.ask("GET", f"{V1}/tasks?open=false"))[1]["items"]) == 2
    assert (await api.ask("POST", f"{V1}/tasks/0/done", json={}))[0] == 404
    assert (await api.ask("GET", f"{V1}/exceptions?consignment=none"))[1]["items"] == []
    assert (await api.ask("POST", f"{V1}/visits/1/accept", json={}))[0] == 404


LINK = "https://id.gs1.org/01/09506000134352/21/"


@pytest.mark.parametrize("code", ["s1", "a/1", "b%2", "c%2F3", "d?x=1"])
async def test_a_serial_is_found_by_its_link_and_by_its_bare_code(api, code):
    await world(api)
    made = {"issuer": "SHIP", "gtin": "09506000134352", "serials": [code]}
    status, said = await api.ask("POST", f"{V1}/serials", json=made)
    assert status == 201, said
    (link,) = said["refs"]
    assert link == LINK + parse.quote(code, safe="")
    for name in (link, code):
        status, trace = await api.ask("GET", URL(f"{api.url}{V1}/serials/{parse.quote(name, safe='')}", encoded=True))
        assert status == 200, trace
        assert (trace["serial"], trace["holder"]["party"]) == (link, "SHIP")
    status, life = await api.ask(
        "GET", URL(f"{api.url}{V1}/serials/{parse.quote(code, safe='')}/history", encoded=True)
    )
    assert (status, [e["kind"] for e in life["history"]]) == (200, ["commissioned"])


async def test_an_ambiguous_serial_names_its_candidates(api):
    await world(api)
    for gtin in ("09506000134352", "09506000134376"):
        await api.ask("POST", f"{V1}/serials", json={"issuer": "SHIP", "gtin": gtin, "serials": ["s1"]})
    status, said = await api.ask("GET", f"{V1}/serials/s1")
    assert (status, said["type"]) == (409, "urn:fleettrack:problem:ambiguous")
    assert len(said["candidates"]) == 2
    assert (await api.ask("GET", f"{V1}/serials/unknown"))[0] == 404


async def test_custody_and_contents_of_a_consignment(api):
    await world(api)
    items = [{"gtin": "09506000134352", "serial": f"s{i}", "unit": "106141412345678908"} for i in range(5)]
    status, said = await api.ask("POST", f"{V1}/consignments", json=plan(items=items))
    assert status == 201, said
    status, custody = await api.ask("GET", f"{V1}/consignments/C-1/custody")
    assert (status, custody["consignment"]) == (200, "C-1")
    assert {h["holder"]["party"] for h in custody["held"]} == {"SHIP"}
    _, top = await api.ask("GET", f"{V1}/consignments/C-1/items")
    (unit,) = top["items"]
    assert unit["contains"] == 5
    seen, cursor = [], ""
    while cursor is not None:
        query = f"within={parse.quote(unit['ref'], safe='')}&limit=2" + (f"&cursor={cursor}" if cursor else "")
        status, page = await api.ask("GET", f"{V1}/consignments/C-1/items?{query}")
        assert status == 200, page
        seen += [item["ref"] for item in page["items"]]
        cursor = page["next"]
    assert seen == [f"{LINK}s{i}" for i in range(5)]
    assert (await api.ask("GET", f"{V1}/consignments/none/custody"))[0] == 404
