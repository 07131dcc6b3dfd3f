from __future__ import annotations

import json

import pytest
import structlog
from aiohttp import web

from fleettrack.http import app, middleware, problems

KEYS = "/api/v1/api-keys"
NEW = {"name": "k", "role": "admin"}


async def test_problems_have_the_members_that_rfc_9457_names(api):
    async with api.session.get(api.url + "/api/v1/nothing") as response:
        assert response.content_type == problems.CONTENT_TYPE
        said = await response.json(content_type=None)
        assert response.status == said["status"] == 404
    assert set(said) >= {"type", "title", "status", "detail", "instance"}
    assert said["instance"] == "/api/v1/nothing"


async def test_a_wrong_method_names_the_right_ones(api):
    async with api.session.put(api.url + "/api/v1/positions") as response:
        assert response.status == 405
        assert response.headers["Allow"] == "POST"


@pytest.mark.parametrize(
    ("body", "status", "place"),
    [
        (b"{", 400, None),
        (b'{"name": "k"}', 422, ""),
        (b'{"name": 7, "role": "admin"}', 422, "name"),
        (b'{"name": "k", "role": "king"}', 422, "role"),
        (b'{"name": "k", "role": "admin", "colour": "red"}', 422, ""),
        (b'{"name": "k", "role": "admin", "expires_at": "2024-01-01T00:00:00"}', 422, "expires_at"),
        (b'{"name": "\xff", "role": "admin"}', 400, None),
    ],
)
async def test_a_wrong_body_is_told_where_it_is_wrong(api, body, status, place):
    found, said = await api.ask("POST", KEYS, data=body)
    assert found == status
    if place is not None:
        assert [p["place"] for p in said["problems"]] == [place]


async def test_a_fault_of_ours_gets_a_number_that_the_log_knows(api):
    async def broken(_request):
        raise ZeroDivisionError("secret detail")

    other = app.make(api.services)
    other.router.add_get("/broken", broken)
    runner, port = await app.start(other, "127.0.0.1", 0)
    with structlog.testing.capture_logs() as logged:
        async with api.session.get(f"http://127.0.0.1:{port}/broken") as response:
            said = await response.json(content_type=None)
            assert response.status == 500
    await runner.cleanup()
    assert "secret detail" not in json.dumps(said)
    assert [(line["fault"], str(line["exc_info"])) for line in logged] == [(said["fault"], "secret detail")]


async def test_requests_are_counted_by_route_not_by_address(api):
    await api.ask("DELETE", KEYS + "/flt_1")
    await api.ask("DELETE", KEYS + "/flt_2")
    await api.ask("GET", "/x1")
    count = api.door.count
    assert count("http_requests_total", method="DELETE", route=KEYS + "/{key}", status="404") == 2
    assert count("http_requests_total", method="", route=middleware.UNKNOWN_ROUTE, status="404") == 1


async def test_health_needs_no_key(api):
    assert await api.ask("GET", "/healthz", role=None) == (200, {"status": "ok"})
    assert await api.ask("GET", "/readyz", role=None) == (200, {"ready": True, "missing": []})
    async with api.session.get(api.url + "/metrics") as response:
        assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert "fleettrack_http_requests_total" in await response.text()


async def test_without_a_database_the_service_lives_but_is_not_ready(api):
    await api.services.database.close()
    assert (await api.ask("GET", "/healthz", role=None))[0] == 200
    status, said = await api.ask("GET", "/readyz", role=None)
    assert (status, said["missing"]) == (503, ["the database cannot be reached"])
    status, said = await api.ask("GET", KEYS)
    assert (status, said["type"]) == (503, "urn:fleettrack:problem:database-away")


def test_every_error_has_a_problem_of_its_own():
    slugs = [(kind.status, kind.slug) for kind in problems.KINDS.values()]
    assert len(set(slugs)) == len(slugs)
    assert all(isinstance(kind.status, int) and kind.title for kind in problems.KINDS.values())
    assert web.Response(status=503)
