from __future__ import annotations

import datetime as dt
import re

import pytest

from fleettrack.domain import errors
from fleettrack.http import app, routes
from fleettrack.services import keys

KEYS = "/api/v1/api-keys"
POSITIONS = "/api/v1/positions"
PING = {"tracker": "t1", "time": "2024-01-01T00:00:00Z", "lat": 48.0, "lon": 11.0}


@pytest.mark.parametrize("headers", [
    {},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer nonsense"},
    {"Authorization": "Basic Zm9vOmJhcg=="},
    {"X-Api-Key": "flt_00000000_" + "A" * 43},
    {"X-Api-Key": ""},
])  # fmt: skip
async def test_without_a_valid_key_nothing_opens(api, headers):
    async with api.session.post(api.url + POSITIONS, json=PING, headers=headers) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        said = await response.json(content_type=None)
    assert said["type"] == "urn:fleettrack:problem:unauthenticated"
    assert api.door.pipeline.asked == 0


async def test_either_header_carries_the_key(api):
    for headers in ({"X-Api-Key": api.tokens["carrier"]}, {"Authorization": f"bearer {api.tokens['carrier']}"}):
        status, _ = await api.ask("POST", POSITIONS, role=None, headers=headers, json=PING)
        assert status == 200


async def test_every_route_asks_for_a_key_and_keeps_out_other_roles(api):
    wrong = []
    for route in app.TABLE:
        path = routes.PREFIX + re.sub(r"{\w+(:[^}]*)?}", "none", route.path)
        expected = {None: 401} | dict.fromkeys({"admin", "dispatcher", "carrier"} - route.roles, 403)
        for role, status in expected.items():
            found, _ = await api.ask(route.method, path, role=role)
            if found != status:
                wrong.append((route.method, route.path, role, found))
    assert wrong == []
    assert len(app.TABLE) > 20


async def test_a_key_is_told_once_and_never_again(api):
    status, made = await api.ask("POST", KEYS, json={"name": "gateway", "role": "carrier", "party": "ACME"})
    assert status == 201
    assert made["token"].startswith(made["prefix"] + "_")
    assert len(made["token"]) - len(made["prefix"]) > 40
    status, listed = await api.ask("GET", KEYS)
    assert made["token"] not in str(listed)
    row = next(k for k in listed["items"] if k["prefix"] == made["prefix"])
    assert (row["role"], row["party"], row["last_used_at"]) == ("carrier", "ACME", None)
    async with api.services.database.connection() as connection:
        rows = await (await connection.execute("SELECT api_key::text FROM api_key")).fetchall()
    assert made["token"].removeprefix(made["prefix"]) not in str(rows)


async def test_a_revoked_key_opens_nothing_at_once(api):
    _, made = await api.ask("POST", KEYS, json={"name": "k", "role": "dispatcher"})
    header = {"X-Api-Key": made["token"]}
    assert (await api.ask("POST", POSITIONS, role=None, headers=header, json=PING))[0] == 200
    assert (await api.ask("DELETE", f"{KEYS}/{made['prefix']}"))[0] == 204
    assert (await api.ask("POST", POSITIONS, role=None, headers=header, json=PING))[0] == 401
    assert (await api.ask("DELETE", f"{KEYS}/{made['prefix']}"))[0] == 204  # a second time changes nothing
    status, said = await api.ask("DELETE", f"{KEYS}/flt_none")
    assert (status, said["type"]) == (404, "urn:fleettrack:problem:not-found")


async def test_a_key_revoked_elsewhere_opens_nothing_after_a_second(api):
    now = [0.0]
    here, elsewhere = keys.Keys(api.services.database, lambda: now[0]), keys.Keys(api.services.database)
    made = await here.create(name="k", role="admin")
    await here.check(made.token)
    await elsewhere.revoke(str(made.id))
    now[0] += keys.REMEMBERED_S + 0.01
    with pytest.raises(errors.Unauthenticated):
        await here.check(made.token)


async def test_an_expired_key_opens_nothing(api):
    past = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)
    made = await api.services.keys.create(name="k", role="admin", expires_at=past)
    status, _ = await api.ask("GET", KEYS, role=None, headers={"X-Api-Key": made.token})
    assert status == 401


async def test_last_use_is_noted(api):
    await api.ask("POST", POSITIONS, role="carrier", json=PING)
    _, listed = await api.ask("GET", KEYS)
    assert {k["role"]: k["last_used_at"] is not None for k in listed["items"]} == {
        "admin": True, "dispatcher": False, "carrier": True,
    }  # fmt: skip


async def test_a_carriers_key_needs_a_party_that_exists(api):
    status, said = await api.ask("POST", KEYS, json={"name": "k", "role": "carrier"})
    assert (status, said["problems"][0]["place"]) == (422, "party")
    status, said = await api.ask("POST", KEYS, json={"name": "k", "role": "carrier", "party": "NOBODY"})
    assert (status, said["type"]) == (404, "urn:fleettrack:problem:not-found")


async def test_keys_come_in_pages(api):
    for i in range(5):
        await api.services.keys.create(name=f"k{i}", role="admin")
    seen, cursor = [], None
    while True:
        status, page = await api.ask("GET", KEYS + "?limit=3" + (f"&cursor={cursor}" if cursor else ""))
        assert status == 200
        assert len(page["items"]) <= 3
        seen += [k["id"] for k in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == 8
    assert seen == sorted(set(seen))


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=100000", "limit=²", "cursor=%21", "cursor=e30="])
async def test_a_page_that_makes_no_sense_is_refused(api, query):
    status, said = await api.ask("GET", f"{KEYS}?{query}")
    assert (status, said["type"]) == (400, "urn:fleettrack:problem:malformed")
