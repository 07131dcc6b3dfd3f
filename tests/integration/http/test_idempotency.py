"""`Idempotency-Key`: what was asked happens once or not at all, whatever dies in between."""

import asyncio
import contextlib

import pytest
from psycopg import conninfo

from fleettrack import metrics
from fleettrack.domain import errors
from fleettrack.http import idempotency as http_idempotency
from fleettrack.services import aging
from fleettrack.storage import database, idempotency

PARTIES = "/api/v1/parties"
KEYS = "/api/v1/api-keys"
NEW = {"ref": "P", "name": "Somebody"}
KEY = {"name": "k", "role": "admin"}
ONCE = {"Idempotency-Key": "once"}


async def parties(api):
    _, listed = await api.ask("GET", PARTIES)
    return [party["ref"] for party in listed["items"]]


async def test_a_request_sent_again_gets_the_first_answer_and_nothing_happens_twice(api):
    status, first = await api.ask("POST", PARTIES, json=NEW, headers=ONCE)
    assert status == 201
    assert await api.ask("POST", PARTIES, json=NEW, headers=ONCE) == (201, first)
    assert await parties(api) == ["ACME", "OTHER", "P"]


async def test_another_request_under_the_same_key_is_refused(api):
    await api.ask("POST", PARTIES, json=NEW, headers=ONCE)
    status, said = await api.ask("POST", PARTIES, json=NEW | {"name": "other"}, headers=ONCE)
    assert (status, said["type"]) == (422, "urn:fleettrack:problem:idempotency-key-reused")


async def test_a_request_that_failed_may_be_sent_again(api):
    vehicle = {"ref": "V", "carrier": "LATER"}
    assert (await api.ask("POST", "/api/v1/vehicles", json=vehicle, headers=ONCE))[0] == 422
    assert (await api.ask("POST", PARTIES, json={"ref": "LATER", "name": "Later"}))[0] == 201
    assert (await api.ask("POST", "/api/v1/vehicles", json=vehicle, headers=ONCE))[0] == 201


@pytest.mark.parametrize("key", ["a\xffb", "a\u20acb", "", "k" * 256, "a\tb"])
async def test_a_key_that_is_none_is_refused(api, key):
    status, said = await api.ask("POST", PARTIES, json=NEW, headers={"Idempotency-Key": key})
    assert (status, said["type"]) == (400, "urn:fleettrack:problem:malformed")
    assert await parties(api) == ["ACME", "OTHER"]


async def test_many_at_once_under_one_key_happen_once(api):
    answers = await asyncio.gather(*(api.ask("POST", KEYS, json=KEY, headers=ONCE) for _ in range(20)))
    statuses = sorted(status for status, _ in answers)
    assert statuses == [201, *[409] * 19]
    _, listed = await api.ask("GET", KEYS)
    assert len(listed["items"]) == 4


async def test_a_token_is_told_once_and_never_kept(api):
    status, made = await api.ask("POST", KEYS, json=KEY, headers=ONCE)
    assert status == 201
    status, said = await api.ask("POST", KEYS, json=KEY, headers=ONCE)
    assert (status, said["type"]) == (409, "urn:fleettrack:problem:conflict")
    assert (said["id"], said["prefix"]) == (made["id"], made["prefix"])
    async with api.services.database.connection() as connection:
        rows = await (await connection.execute("SELECT i::text FROM idempotency i")).fetchall()
    assert len(rows) == 1
    assert made["token"] not in str((rows, said))


async def test_a_key_is_free_again_after_its_time(api):
    _, first = await api.ask("POST", KEYS, json=KEY, headers=ONCE)
    await age(api)
    status, second = await api.ask("POST", KEYS, json=KEY | {"name": "another"}, headers=ONCE)
    assert (status, second["id"] != first["id"]) == (201, True)
    assert (await api.ask("POST", KEYS, json=KEY | {"name": "another"}, headers=ONCE))[1]["id"] == second["id"]


async def test_old_answers_are_let_go_by_the_clock_and_not_by_who_asks(api):
    await api.ask("POST", PARTIES, json=NEW, headers=ONCE)
    await age(api)
    await api.ask("POST", PARTIES, json=NEW | {"ref": "Q"}, headers={"Idempotency-Key": "fresh"})
    assert await kept(api) == ["fresh", "once"]
    await aging.Aging(api.services.database, metrics.Metrics(), lambda: 0, reject_days=30, held_days=30).age_out()
    assert await kept(api) == ["fresh"]


async def age(api):
    async with api.services.database.connection() as connection:
        await connection.execute("UPDATE idempotency SET created_at = created_at - interval '49 hours'")


async def kept(api):
    async with api.services.database.connection() as connection:
        rows = await (await connection.execute("SELECT key FROM idempotency ORDER BY key")).fetchall()
    return [key for (key,) in rows]


async def test_what_dies_between_the_act_and_its_answer_has_done_nothing(api, monkeypatch):
    async def die(connection, *_):
        await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with monkeypatch.context() as patch:
        patch.setattr(http_idempotency.idempotency, "keep", die)
        assert (await api.ask("POST", PARTIES, json=NEW, headers=ONCE))[0] == 503
    assert await parties(api) == ["ACME", "OTHER"]
    assert (await api.ask("POST", PARTIES, json=NEW, headers=ONCE))[0] == 201
    assert await parties(api) == ["ACME", "OTHER", "P"]


async def test_a_commit_whose_acknowledgement_was_lost_is_not_done_again(api, database_url):
    async with deaf_to_commits(database_url) as (url, arm):
        db = database.Database(url)
        await db.open()
        try:
            caller = await api.services.keys.check(api.tokens["admin"])
            given = idempotency.Answered(request_sha256=b"1", status=201, body=b"{}")
            arm()
            with pytest.raises(errors.DatabaseAway):
                await act(db, caller, given)
            async with db.transaction() as connection:
                assert await idempotency.before(connection, caller.key_id, "k") == given
        finally:
            await db.close()


async def act(db, caller, given):
    async with db.transaction() as connection:
        assert await idempotency.before(connection, caller.key_id, "k") is None
        await idempotency.keep(connection, caller.key_id, "k", given)


@contextlib.asynccontextmanager
async def deaf_to_commits(url):
    """Yield the URL of a way to the server that breaks, once armed, when the server has answered a COMMIT."""
    at = conninfo.conninfo_to_dict(url)
    armed = False

    async def serve(reader, writer):
        upstream = await _reach(at)
        broken = asyncio.Event()

        async def there():
            nonlocal armed
            while data := await reader.read(1 << 16):
                if armed and b"COMMIT" in data:
                    armed = False
                    broken.set()
                upstream[1].write(data)

        async def back():
            while (data := await upstream[0].read(1 << 16)) and not broken.is_set():
                writer.write(data)

        with contextlib.suppress(ConnectionError):
            await asyncio.wait(
                [asyncio.ensure_future(there()), asyncio.ensure_future(back())], return_when=asyncio.FIRST_COMPLETED
            )
        writer.close()
        upstream[1].close()

    def arm():
        nonlocal armed
        armed = True

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield conninfo.make_conninfo(url, host="127.0.0.1", port=port), arm


async def _reach(at):
    host, port = str(at.get("host", "127.0.0.1")), int(at.get("port", 5432))
    if host.startswith("/"):
        return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
    return await asyncio.open_connection(host, port)
