from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys

import pytest
from recording import Door, rmc, until

from fleettrack.domain import fix
from fleettrack.ingest import limits, session, udp
from fleettrack.ingest.codecs import decoder, registry

HOST = "127.0.0.1"


@contextlib.asynccontextmanager
async def listening(folder, *, spool_bytes=1 << 30, **options):
    """A door with a listener before it, and a socket that speaks to it."""
    async with Door(folder, spool_bytes=spool_bytes) as door:
        listener = udp.Listener(door.intake, door.metrics, session.Settings(**options))
        await listener.start(HOST, 0)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.connect((HOST, listener.port))
            try:
                yield door, listener, sock
            finally:
                await listener.close()


async def heard(sock):
    return await asyncio.get_running_loop().sock_recv(sock, 65536)


async def test_each_datagram_is_whole_in_itself(tmp_path):
    async with listening(tmp_path) as (door, _, sock):
        sock.send(rmc(0).rstrip())  # no line end, no quiet to wait for
        sock.send(rmc(1) + rmc(2))
        sock.send(rmc(3)[2:])  # nothing in it or in the settings says whose it is
        await until(lambda: len(door.pipeline.messages) == 4)
        assert [f.tracker for f in door.pipeline.fixes] == ["t1", "t1", "t1", None]


async def test_datagrams_read_together_are_one_delivery_and_each_gets_its_own_ok(tmp_path):
    async with listening(tmp_path, ack=True) as (door, _, sock):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.setblocking(False)
            other.connect(sock.getpeername())
            sock.send(rmc(0) + rmc(1))
            other.send(rmc(5))
            sock.send(b"t1$GPRMC,*00")
            assert await heard(sock) == b"OK 2\r\n"
            assert await heard(sock) == b"OK 0\r\n"
            assert await heard(other) == b"OK 1\r\n"
        assert len(door.pipeline.deliveries) == 1
        assert door.count("rejects_total", reason="checksum") == 1


async def test_ok_is_said_only_after_the_commit(tmp_path):
    async with listening(tmp_path, ack=True) as (door, _, sock):
        door.pipeline.gate.clear()
        sock.send(rmc(0))
        await until(lambda: door.pipeline.asked)
        with pytest.raises(BlockingIOError):
            sock.recv(100)
        door.pipeline.gate.set()
        assert await heard(sock) == b"OK 1\r\n"


async def test_json_datagrams_are_answered_in_json(tmp_path):
    async with listening(tmp_path) as (_, _, sock):
        sock.send(
            b'[{"tracker":"t","time":1700000000,"lat":1,"lon":2},{"tracker":"t","time":1700000000,"lat":1,"lon":2}]'
        )
        assert json.loads(await heard(sock)) == {"accepted": 1, "duplicate": 1, "rejected": 0, "held": 0}


async def test_a_gateway_is_named_by_the_listener(tmp_path):
    async with listening(tmp_path, tracker="gateway") as (door, _, sock):
        sock.send(rmc(0)[2:])
        await until(lambda: door.pipeline.fixes)
        assert door.pipeline.fixes[0].tracker == "gateway"


async def test_with_the_database_away_datagrams_wait_on_disk(tmp_path):
    async with listening(tmp_path, ack=True) as (door, _, sock):
        door.pipeline.away = True
        sock.send(rmc(0))
        assert await heard(sock) == b"OK 1\r\n"
        assert door.spool.holding
        door.pipeline.away = False
        await until(lambda: not door.spool.holding)
        assert len(door.pipeline.fixes) == 1


async def test_a_full_spool_drops_and_counts(tmp_path):
    async with listening(tmp_path, ack=True, spool_bytes=100) as (door, _, sock):
        door.pipeline.away = True
        sock.send(rmc(0) + rmc(1))
        assert await heard(sock) == b"OK 2\r\n"
        sock.send(rmc(2) + rmc(3) + rmc(4))
        await until(lambda: door.count("dropped_messages_total", reason="spool_full") == 3)
        with pytest.raises(BlockingIOError):
            sock.recv(100)


async def test_too_much_on_its_way_leaves_the_rest_to_the_kernel(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "UDP_WAITING_MESSAGES", 10)
    async with listening(tmp_path) as (door, _, sock):
        door.pipeline.gate.clear()
        for i in range(12):
            sock.send(rmc(i))
        await until(lambda: door.pipeline.asked)
        asked = door.count("received_bytes_total", transport="udp")
        sock.send(rmc(12))
        await asyncio.sleep(0.005)
        assert door.count("received_bytes_total", transport="udp") == asked
        door.pipeline.gate.set()
        await until(lambda: len(door.pipeline.fixes) == 13)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what it dropped")
async def test_what_the_kernel_dropped_is_known(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "UDP_RECEIVE_BYTES", 2048)
    async with listening(tmp_path) as (door, listener, sock):
        assert door.count("udp_kernel_drops_total") == 0
        listener._read(False)
        for i in range(50):
            sock.send(rmc(i))
        dropped = door.count("udp_kernel_drops_total")
        assert 0 < dropped < 50
        listener._read(True)
        await until(lambda: len(door.pipeline.fixes) == 50 - dropped)


@pytest.mark.reference
async def test_a_recorded_log_in_datagrams_is_what_the_file_is(tmp_path, reference):
    data = (reference / "data/nmea/beidou-bd.log").read_bytes()
    seconds = _by_second(data)
    codec = registry.open_decoder("nmea", decoder.Settings(tracker="t"))
    expected = [m for m in codec.feed(data) + codec.flush() if isinstance(m, fix.Fix)]
    async with listening(tmp_path, tracker="t", ack=True) as (door, _, sock):
        for datagram in seconds:
            sock.send(datagram)
            await heard(sock)
        assert {f.key for f in door.pipeline.fixes} == {f.key for f in expected}
        assert expected


def _by_second(data):
    """Cut before each RMC: a tracker sends one second's sentences in a datagram."""
    head, *rest = data.split(b"$GNRMC")
    assert not head.strip() or b"RMC" not in head
    return [b"$GNRMC" + part for part in rest]


async def test_closing_stores_what_the_kernel_still_had(tmp_path):
    async with listening(tmp_path) as (door, listener, sock):
        for i in range(600):
            sock.send(rmc(i))
        await listener.close()
        assert len(door.pipeline.fixes) == 600


async def test_a_blank_datagram_is_counted(tmp_path):
    async with listening(tmp_path) as (door, _, sock):
        sock.send(b" \r\n")
        await until(lambda: door.count("passed_over_total", why="skipped") == 1)
        assert not door.pipeline.messages
