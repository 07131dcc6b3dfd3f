"""An outside PostgreSQL that is away for a while: HTTP says come again; what cannot come again waits on disk."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import senders
import service as real
import world

from fleettrack.storage import embedded

pytestmark = pytest.mark.fault

TRACKERS = ("H", "N", "U", "J")  # over HTTP, NMEA over TCP, NMEA over UDP, JSON lines over TCP
LIMIT_S = 120.0
SETTINGS = {"none_trust_may_transfer": "true"}
STAYS = [("A", 300), ("B", 300)]
RECEIVED = """
SELECT count(*) FROM position p JOIN tracker t ON t.id = p.tracker_id
WHERE t.identity IN ('N', 'U', 'J') AND p.received_at < %s
"""


class Outside:
    """A server that can be taken away."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o711)
        self.back()

    def back(self) -> None:
        self.server = embedded.Server.start(self.folder)

    def away(self) -> None:
        self.server.stop()


@pytest.fixture
async def outside(disk_dir: Path) -> AsyncIterator[Outside]:
    server = Outside(disk_dir / "server")
    yield server
    server.away()


async def over_tcp(port: int, data: bytes) -> bytes:
    """Send over a connection of its own; return what is answered until the other end closes it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    writer.write_eof()
    try:
        return await asyncio.wait_for(reader.read(), real.WAIT_S)
    finally:
        writer.close()


async def send_all(service: real.Service, days: dict[str, list[world.Ping]], part: slice) -> None:
    """Send a part of each day by those who do not come again; return when all of it is read."""
    await over_tcp(service.nmea_port, b"".join(ping.rmc() for ping in days["N"][part]))
    told = await over_tcp(service.nmea_port, b"".join(json.dumps(p.json()).encode() + b"\n" for p in days["J"][part]))
    assert sum(json.loads(line)["accepted"] for line in told.splitlines()) == len(days["J"][part])
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=("127.0.0.1", service.udp_port)
    )
    for ping in days["U"][part]:
        transport.sendto(ping.rmc())
    transport.close()


@pytest.mark.parametrize("killed", [False, True], ids=["service-lives", "service-killed-too"])
async def test_nothing_is_lost_while_the_database_is_away(outside: Outside, disk_dir: Path, killed: bool) -> None:
    days = {tracker: world.drive(tracker, STAYS) for tracker in TRACKERS}
    size = len(days["N"])
    before, during, after = slice(0, size // 3), slice(size // 3, size * 2 // 3), slice(size * 2 // 3, size)
    async with (
        asyncio.timeout(LIMIT_S),
        real.Service(disk_dir, database_url=outside.server.dsn, **SETTINGS) as service,
    ):
        await world.build(service, TRACKERS)
        await send_all(service, days, before)
        device = senders.Http(service, days["H"], 1)
        await service.key("admin")

        await asyncio.to_thread(outside.away)
        posting = asyncio.create_task(device.run())
        await send_all(service, days, during)
        waiting = 3 * len(days["N"][during])
        await real.until(lambda: counted(service, "spooled_messages_total", waiting), f"{waiting} messages on disk")
        await real.until(lambda: device.refusals, "HTTP says come again")  # device checks 503 and Retry-After
        ready = await service.ask("GET", "/readyz", role=None)
        assert (ready.status, ready.body["missing"]) == (503, ["the database cannot be reached"])
        away_until = dt.datetime.now(dt.UTC)

        if killed:
            service.kill()
            await service.gone()
        await asyncio.to_thread(outside.back)
        if killed:
            await service.start()
        await posting
        await real.until(lambda: world.drained(service), "the spool is empty")
        assert service.rows(RECEIVED, away_until) == [(3 * during.stop,)]  # with the time they were received
        await send_all(service, days, after)
        wanted = sorted((ping.tracker, ping.time) for day in days.values() for ping in day)
        await real.until(lambda: len(service.rows(world.POSITIONS)) == len(wanted), f"{len(wanted)} positions")
        found = await world.outcome(service)
        assert [position[:2] for position in found.positions] == wanted
        assert {(t, p) for t, p, *_, rule, _ in found.visits if rule} == {(t, p) for t in TRACKERS for p in "AB"}
        assert service.rows(world.TOLD_TWICE) == []
        code, said = await service.command("ledger", "verify")
        assert code == 0, said


async def counted(service: real.Service, name: str, number: float) -> bool:
    return (await service.metrics()).get(name, 0) >= number


async def test_a_service_without_its_database_says_so_and_ends(outside: Outside, disk_dir: Path) -> None:
    await asyncio.to_thread(outside.away)
    service = real.Service(disk_dir, database_url=outside.server.dsn)
    with pytest.raises(AssertionError, match="did not start"), contextlib.suppress(TimeoutError):
        await service.start()
    await service.gone()
    assert "Error: " in service.log()
    await asyncio.to_thread(outside.back)
