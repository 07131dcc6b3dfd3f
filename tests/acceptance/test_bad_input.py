"""Whatever is sent: a clear answer or a hold, counted by reason, kept for its sender to read, and no harm to the rest.

Law L8 (nothing is dropped in silence).
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import json
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest
import service as real
import world

LONG_LINE = 10 << 20
DEEP = 100_000


@pytest.fixture(scope="module")
async def service(module_database_url: str) -> AsyncIterator[real.Service]:
    """A service for all tests of this module; each has trackers of its own."""
    with tempfile.TemporaryDirectory(prefix="fleettrack-test-") as folder:
        async with real.Service(Path(folder), database_url=module_database_url, nmea_ack="true") as running:
            for party in ("ACME", "OTHER"):
                await running.make("/parties", {"ref": party, "name": party})
                await running.key(party, party)
            yield running


class Counts:
    """What was counted while the block ran."""

    rejects: Counter[str]
    outcomes: Counter[str]
    refused: Counter[str]  # HTTP statuses from 400 on


@contextlib.asynccontextmanager
async def counted(service: real.Service) -> AsyncIterator[Counts]:
    counts, before = Counts(), await service.metrics()
    yield counts
    after = await service.metrics()
    more = {name: int(value - before.get(name, 0)) for name, value in after.items() if value != before.get(name, 0)}

    def by(metric: str, label: str) -> Counter[str]:
        found: Counter[str] = Counter()
        for name, value in more.items():
            head, _, labels = name.partition("{")
            if head == metric and labels:
                found[dict(part.split("=") for part in labels.rstrip("}").split(","))[label].strip('"')] += value
        return found

    counts.rejects = by("rejects_total", "reason")
    counts.outcomes = by("messages_total", "outcome")
    counts.refused = Counter({k: v for k, v in by("http_requests_total", "status").items() if k >= "400"})


def pings(tracker: str) -> list[world.Ping]:
    return world.drive(tracker, [("A", 600)])


def sealed(body: bytes) -> bytes:
    check = 0
    for byte in body:
        check ^= byte
    return b"$%s*%02X\r\n" % (body, check)


def rmc(*, time: bytes = b"163000", lat: bytes = b"4700.0", lon: bytes = b"00800.0", date: bytes = b"241125") -> bytes:
    return sealed(b"GPRMC,%s,A,%s,N,%s,E,0.0,0.0,%s,," % (time, lat, lon, date))


BAD_LINES: dict[str, tuple[bytes, str]] = {
    "wrong checksum": (rmc()[:-4] + b"ZZ\r\n".replace(b"ZZ", b"00"), "checksum"),
    "cut in the middle": (b"$GPRMC,163000,A,4700\r\n", "malformed"),
    "ten megabytes": (b"$GPRMC," + b"9" * LONG_LINE + b"\r\n", "too_long"),
    "latitude not a number": (rmc(lat=b"nan"), "malformed"),
    "longitude infinite": (rmc(lon=b"inf"), "malformed"),
    "latitude 91": (rmc(lat=b"9100.0"), "latitude"),
    "longitude 181": (rmc(lon=b"18100.0"), "longitude"),
    "year 2079": (rmc(date=b"241179"), "time_range"),
    "25 o'clock": (rmc(time=b"250000"), "time"),
    "no such day": (rmc(date=b"310225"), "time"),
    "not UTF-8": (rmc(lon=b"008\xff\xfe.0"), "encoding"),
    "not NMEA": (b"GET / HTTP/1.1\r\n", "malformed"),
    "a TLS handshake": (b"\x16\x03\x01\x02\x00\x01\r\n", "malformed"),
    "zeros": (b"\0\1\0\1\r\n", "malformed"),
}


async def say(service: real.Service, data: bytes) -> bytes:
    """Send over one TCP connection; return all that was answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.nmea_port)
    writer.write(data)
    writer.write_eof()
    answers = await asyncio.wait_for(reader.read(), real.WAIT_S)
    writer.close()
    return answers


def stored(service: real.Service, tracker: str) -> list[Any]:
    query = "SELECT fix_time FROM position p JOIN tracker t ON t.id = p.tracker_id WHERE t.identity = %s ORDER BY 1"
    return [time for (time,) in service.rows(query, tracker)]


async def refused(service: real.Service, role: str, tracker: str | None = None) -> Counter[str]:
    """Return the reasons that a role is told, of one tracker where it is given."""
    answer = await service.ask("GET", "/rejects", role=role, params={"limit": "500"})
    assert answer.status == 200
    return Counter(r["reason"] for r in answer.body["items"] if tracker is None or r["tracker"] == tracker)


def reasons(cases: Iterable[tuple[Any, str]]) -> Counter[str]:
    return Counter(reason for _, reason in cases)


async def test_bad_sentences_cost_no_good_ones(service: real.Service) -> None:
    await service.make("/trackers", {"identity": "N1", "carrier": "ACME"})
    good = pings("N1")[: len(BAD_LINES) + 1]
    bad = [line for line, _ in BAD_LINES.values()]
    data = b"".join(a.rmc(named=False) + b for a, b in zip(good, [*bad, b""], strict=True))
    async with counted(service) as counts:
        answers = await say(service, b"$PGID,N1\r\n" + data)
    assert stored(service, "N1") == [ping.time for ping in good]
    assert sum(int(line.split()[1]) for line in answers.splitlines()) == len(good)
    assert counts.rejects == reasons(BAD_LINES.values())
    assert counts.outcomes == {"accepted": len(good), "rejected": len(bad), "status": 1}
    told = await refused(service, "ACME", "N1")
    assert told == counts.rejects - Counter(too_long=1)  # nobody can tell whose an endless line is
    assert not await refused(service, "OTHER")


@pytest.mark.parametrize("name", [name for name, (line, _) in BAD_LINES.items() if len(line) < 1000])
async def test_bad_datagrams_cost_no_good_ones(service: real.Service, name: str) -> None:
    line, reason = BAD_LINES[name]
    tracker = f"U{list(BAD_LINES).index(name)}"
    await service.make("/trackers", {"identity": tracker})
    good = pings(tracker)[:3]
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=("127.0.0.1", service.udp_port)
    )
    async with counted(service) as counts:
        for data in (good[0].rmc(), line, good[1].rmc() + line + good[2].rmc()):
            transport.sendto(data)
        await real.until(lambda: len(stored(service, tracker)) == 3)
    transport.close()
    assert counts.rejects == {reason: 2}
    assert counts.outcomes == {"accepted": 3, "rejected": 2}


def item(tracker: str, **other: Any) -> bytes:
    return json.dumps(pings(tracker)[0].json() | other).encode()


def bad_items(tracker: str) -> list[tuple[bytes, str]]:
    return [
        (item(tracker, lat=float("nan")), "number"),
        (item(tracker, lon=float("inf")), "number"),
        (item(tracker, lat="XX").replace(b'"XX"', b"1e999"), "number"),
        (item(tracker, lat="47"), "number"),
        (item(tracker, lat=91), "latitude"),
        (item(tracker, lat=None), "latitude"),
        (item(tracker, lon=-180.1), "longitude"),
        (item(tracker, time="2099-01-01T00:00:00Z"), "time_range"),
        (item(tracker, time=4_070_908_800), "time_range"),
        (item(tracker, time="1979-12-31T00:00:00Z"), "time_range"),
        (item(tracker, time="yesterday"), "time"),
        (item(tracker, id="XX").replace(b"XX", b"\xff\xfe"), "encoding"),
        (item(tracker, note="XX").replace(b'"XX"', b"[" * DEEP + b"]" * DEEP), "too_deep"),
        (item(tracker, accuracy_m=1e300), "number"),
        (item(tracker, speed_kmh=1), "malformed"),  # beside speed_mps
        (item("N2"), "not_yours"),
        (b'"a text"', "malformed"),
        (b"[1]", "malformed"),
    ]


async def test_bad_items_cost_no_good_ones_over_http(service: real.Service) -> None:
    await service.make("/trackers", {"identity": "J1", "carrier": "ACME"})
    await service.make("/trackers", {"identity": "N2", "carrier": "OTHER"})
    bad = bad_items("J1")
    good = pings("J1")[: len(bad) + 1]
    parts = [
        part for a, (b, _) in zip(good, [*bad, (b"", "")], strict=True) for part in (json.dumps(a.json()).encode(), b)
    ]
    async with counted(service) as counts:
        answer = await post(service, b"[" + b",".join(filter(None, parts)) + b"]")
    assert answer.status == 200
    assert {name: answer.body[name] for name in ("accepted", "duplicate", "rejected", "held")} == {
        "accepted": len(good),
        "duplicate": 0,
        "rejected": len(bad),
        "held": 0,
    }
    told = {reject["index"]: reject["reason"] for reject in answer.body["rejects"]}
    assert told == {1 + 2 * i: reason for i, (_, reason) in enumerate(bad)}
    assert all(reject["detail"] for reject in answer.body["rejects"])
    assert stored(service, "J1") == [ping.time for ping in good]
    assert not stored(service, "N2")
    assert counts.rejects == reasons(bad)
    kept = (await service.ask("GET", "/rejects", role="ACME", params={"limit": "500"})).body["items"]
    own = [reject for reject in kept if reject["tracker"] in ("J1", "N2")]
    assert all(reject["raw"] and reject["detail"] for reject in own)
    assert Counter(r["reason"] for r in kept if r["protocol"] == "json") >= counts.rejects
    assert not await refused(service, "OTHER")


async def post(service: real.Service, body: bytes, role: str = "ACME", **headers: str) -> real.Answer:
    return await service.ask(
        "POST", "/positions", role=role, data=io.BytesIO(body), headers={"Content-Type": "application/json"} | headers
    )


async def test_bad_lines_cost_no_good_ones_over_tcp(service: real.Service) -> None:
    """Each line of JSON is answered by itself; nobody owns these trackers, so no carrier may not send for them."""
    await service.make("/trackers", {"identity": "J2"})
    bad = [case for case in bad_items("J2") if case[1] != "not_yours"]
    bad.append((item("J2")[:30], "malformed"))
    bad.append((b"{" + b" " * LONG_LINE + b"}", "too_long"))
    good = pings("J2")[: len(bad) + 1]
    lines = [
        part for a, (b, _) in zip(good, [*bad, (b"", "")], strict=True) for part in (json.dumps(a.json()).encode(), b)
    ]
    async with counted(service) as counts:
        answers = await say(service, b"\n".join(filter(None, lines)) + b"\n")
    assert [json.loads(line)["rejected"] for line in answers.splitlines()] == [0, 1] * len(bad) + [0]
    assert stored(service, "J2") == [ping.time for ping in good]
    assert counts.rejects == reasons(bad)


BOMBS: dict[str, tuple[bytes, dict[str, str], int, str]] = {
    "inflated": (gzip.compress(b" " * (40 << 20)), {"Content-Encoding": "gzip"}, 413, "inflated_size"),
    "ten megabytes": (b"[" + b"1," * (5 << 20) + b"1]", {}, 413, "too_long"),
    "too many items": (b"[" + b"1," * 100_000 + b"1]", {}, 413, "too_long"),
    "deep": (b"[" * (1 << 20), {}, 200, "too_deep"),
    "deep objects": (b'{"a":' * (1 << 20), {}, 200, "too_deep"),
    "empty": (b"", {}, 400, "malformed"),
    "not gzip": (b"[]", {"Content-Encoding": "gzip"}, 400, "malformed"),
    "cut gzip": (gzip.compress(item("J1"))[:-9], {"Content-Encoding": "gzip"}, 400, "malformed"),
    "unknown encoding": (b"[]", {"Content-Encoding": "br"}, 400, "malformed"),
    "not UTF-8": (b"\xff\xfe{", {}, 200, "encoding"),
}


@pytest.mark.parametrize("name", BOMBS)
async def test_bad_bodies_are_refused_as_a_whole(service: real.Service, name: str) -> None:
    body, headers, status, reason = BOMBS[name]
    async with counted(service) as counts:
        answer = await post(service, body, **headers)
    assert answer.status == status, answer
    assert counts.rejects == {reason: 1}
    if status == 200:
        assert [reject["reason"] for reject in answer.body["rejects"]] == [reason]
    else:
        assert (answer.body["reason"], answer.headers["Content-Type"]) == (reason, "application/problem+json")
        assert answer.body["detail"]
        assert counts.refused == {str(status): 1}
    assert (await service.ask("GET", "/healthz", role=None)).status == 200


async def test_an_unknown_tracker_is_held_until_it_is_claimed(service: real.Service) -> None:
    sent = pings("ghost")[:4]
    async with counted(service) as counts:
        answer = await post(service, json.dumps([ping.json() for ping in sent[:2]]).encode())
        told = await say(service, b"".join(ping.rmc() for ping in sent[2:]))
    assert (answer.status, answer.body["held"], answer.body["accepted"]) == (200, 2, 0)
    assert sum(int(line.split()[1]) for line in told.splitlines()) == 2  # safe, though nobody knows the tracker
    assert counts.outcomes == {"held": 4}
    held = (await service.ask("GET", "/held-trackers")).body["items"]
    assert [(h["identity"], h["pings"]) for h in held if h["identity"] == "ghost"] == [("ghost", 4)]
    claimed = await service.make("/trackers", {"identity": "ghost", "carrier": "ACME"})
    assert claimed["adopted"] == 4
    assert stored(service, "ghost") == [ping.time for ping in sent]


async def test_a_key_that_is_revoked_opens_nothing(service: real.Service) -> None:
    await service.make("/trackers", {"identity": "K1", "carrier": "ACME"})
    made = await service.make("/api-keys", {"name": "short", "role": "carrier", "party": "ACME"})
    headers = {"Authorization": f"Bearer {made['token']}"}
    first, second = ({"json": [ping.json()], "role": None, "headers": headers} for ping in pings("K1")[:2])
    assert (await service.ask("POST", "/positions", **first)).status == 200
    assert (await service.ask("DELETE", f"/api-keys/{made['id']}")).status == 204
    async with counted(service) as counts:
        answer = await service.ask("POST", "/positions", **second)
    assert (answer.status, answer.body["type"]) == (401, "urn:fleettrack:problem:unauthenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert counts.refused == {"401": 1}
    assert len(stored(service, "K1")) == 1


async def test_a_carrier_reads_and_makes_nothing_of_others(service: real.Service) -> None:
    await service.make("/trackers", {"identity": "O1", "carrier": "OTHER"})
    answer = await post(service, item("O1"))
    assert [reject["reason"] for reject in answer.body["rejects"]] == ["not_yours"]
    assert not stored(service, "O1")
    for method, path, status in (
        ("GET", "/trackers/O1", 404),
        ("GET", "/trackers/O1/track", 404),
        ("GET", "/visits", 403),
        ("POST", "/trackers", 403),
        ("GET", "/api-keys", 403),
    ):
        told = await service.ask(method, path, {"identity": "O2"} if method == "POST" else None, role="ACME")
        assert (path, told.status) == (path, status)
        assert told.body["detail"]


async def test_a_wrong_secret_is_refused_and_kept_nowhere(service: real.Service) -> None:
    await service.make("/trackers", {"identity": "S1", "carrier": "ACME", "secret": "right-one"})
    first, second, third = pings("S1")[:3]
    async with counted(service) as counts:
        await say(service, first.rmc() + b"S1~wrong-one" + second.rmc(named=False))
        await say(service, b"S1~right-one" + third.rmc(named=False))
    assert counts.rejects == {"secret": 2}
    assert stored(service, "S1") == [third.time]
    assert await refused(service, "ACME", "S1") == {"secret": 2}
    kept = service.rows("SELECT identity, convert_from(raw, 'UTF8') FROM reject WHERE reason = 'secret'")
    assert [identity for identity, _ in kept] == ["S1", "S1"]
    assert not any("-one" in raw for _, raw in kept)
    assert "right-one" not in service.log()
