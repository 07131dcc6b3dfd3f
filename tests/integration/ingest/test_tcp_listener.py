from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import socket
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recording import rmc, settled, until
from talking import HOST, decoded, listening, talk

from fleettrack.domain import fix
from fleettrack.ingest import limits

LOG = b"".join(rmc(i) for i in range(40)) + b"$GPGGA,garbage*00\r\n" + b"".join(rmc(i) for i in range(40, 60))


@given(st.lists(st.integers(1, len(LOG) - 1), max_size=12, unique=True).map(sorted))
@settings(max_examples=25)
async def test_the_same_bytes_in_any_chunks_give_the_same_fixes(cuts):
    with tempfile.TemporaryDirectory() as folder:
        async with listening(Path(folder)) as (door, listener):
            reader, writer = await asyncio.open_connection(HOST, listener.port)
            writer.transport.set_write_buffer_limits(0)
            for a, b in zip([0, *cuts], [*cuts, len(LOG)], strict=True):
                writer.write(LOG[a:b])
                await asyncio.sleep(0)
            writer.write_eof()
            await reader.read()
            writer.close()
            assert door.pipeline.fixes == decoded(LOG)
            assert door.count("rejects_total", reason="checksum") == 1


@pytest.mark.reference
async def test_a_recorded_log_over_tcp_is_what_the_file_is(tmp_path, reference):
    data = (reference / "data/nmea/beidou-bd.log").read_bytes()
    async with listening(tmp_path, tracker="gateway") as (door, listener):
        await talk(listener, data)
        assert door.pipeline.fixes == decoded(data, tracker="gateway")
        assert door.pipeline.fixes


async def test_ok_is_said_only_after_the_commit(tmp_path):
    async with listening(tmp_path, ack=True) as (door, listener):
        door.pipeline.gate.clear()
        reader, writer = await asyncio.open_connection(HOST, listener.port)
        writer.write(rmc(0) + rmc(1))
        await until(lambda: door.pipeline.asked)
        answer = asyncio.create_task(reader.readline())
        await asyncio.sleep(0.01)
        assert not answer.done()
        door.pipeline.gate.set()
        assert await answer == b"OK 1\r\n"  # the second may still become part of a longer epoch
        writer.write_eof()
        assert await reader.read() == b"OK 1\r\n"
        writer.close()


async def test_oks_add_up_to_what_is_safe(tmp_path):
    async with listening(tmp_path, ack=True) as (door, listener):
        door.pipeline.unknown = {"stranger"}
        data = rmc(0) + rmc(1) + rmc(0) + rmc(5, tracker="stranger") + b"t1$GPRMC,000000*00\r\n"
        answer = await talk(listener, data)
        assert sum(int(line.removeprefix(b"OK ")) for line in answer.splitlines()) == 4
        assert door.count("rejects_total", reason="checksum") == 1


async def test_nothing_is_said_on_a_listener_without_ack(tmp_path):
    async with listening(tmp_path) as (door, listener):
        assert await talk(listener, rmc(0)) == b""
        assert len(door.pipeline.fixes) == 1


async def test_a_line_of_json_is_answered_by_one_line(tmp_path):
    async with listening(tmp_path) as (door, listener):
        ping = {"tracker": "t1", "time": "2024-01-01T00:00:00Z", "lat": 48.0, "lon": 11.0}
        lines = [
            json.dumps(ping),
            json.dumps([ping, ping | {"lon": 12.0}, ping | {"lat": 91}]),
            "{",
        ]
        answer = await talk(listener, "\n".join(lines).encode())
        assert [json.loads(line) for line in answer.splitlines()] == [
            {"accepted": 1, "duplicate": 0, "rejected": 0, "held": 0},
            {"accepted": 1, "duplicate": 1, "rejected": 1, "held": 0},
            {"accepted": 0, "duplicate": 0, "rejected": 1, "held": 0},
        ]
        assert door.count("rejects_total", reason="latitude") == 1


async def test_blank_bytes_before_the_first_message_do_not_decide_the_protocol(tmp_path):
    async with listening(tmp_path) as (door, listener):
        await talk(listener, b"\r\n \r\n" + rmc(0))
        await talk(listener, b'\n {"tracker":"j","time":1700000000,"lat":1,"lon":2}\n')
        assert [f.tracker for f in door.pipeline.fixes] == ["t1", "j"]


async def test_quiet_completes_an_epoch_without_more_bytes(tmp_path):
    async with listening(tmp_path) as (door, listener):
        _, writer = await asyncio.open_connection(HOST, listener.port)
        writer.write(rmc(0))
        await until(lambda: door.count("received_bytes_total", transport="tcp") == len(rmc(0)))
        now = listener.time()
        listener.sweep(now + limits.QUIET_S / 2)
        await asyncio.sleep(0.005)
        assert door.pipeline.fixes == []
        listener.sweep(now + limits.QUIET_S + 0.1)
        await until(lambda: door.pipeline.fixes)
        writer.close()


async def test_an_idle_connection_is_closed_and_counted(tmp_path):
    async with listening(tmp_path, idle_s=60.0) as (door, listener):
        reader, writer = await asyncio.open_connection(HOST, listener.port)
        writer.write(rmc(0))
        await until(lambda: door.count("connections") == 1 and door.count("received_bytes_total", transport="tcp"))
        listener.sweep(listener.time() + 61)
        assert await reader.read() == b""
        writer.close()
        assert len(door.pipeline.fixes) == 1
        assert door.count("closed_connections_total", reason="idle") == 1
        await until(lambda: door.count("connections") == 0)


async def test_one_address_gets_only_so_many_connections(tmp_path):
    async with listening(tmp_path, connections_per_source=2) as (door, listener):
        kept = [await asyncio.open_connection(HOST, listener.port) for _ in range(2)]
        await until(lambda: door.count("connections") == 2)
        reader, writer = await asyncio.open_connection(HOST, listener.port)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()
        assert door.count("closed_connections_total", reason="too_many") == 1
        for _, writer in kept:
            writer.close()
        await until(lambda: door.count("connections") == 0)
        assert await talk(listener, rmc(0)) == b""
        assert len(door.pipeline.fixes) == 1


async def test_a_slow_pipeline_stops_the_reading_and_nothing_is_lost(tmp_path):
    many = b"".join(rmc(i) for i in range(40_000))
    async with listening(tmp_path, ack=True) as (door, listener):
        door.pipeline.gate.clear()
        reader, writer = await asyncio.open_connection(HOST, listener.port)
        writer.write(many)
        await until(lambda: door.pipeline.asked == limits.IN_FLIGHT)
        before = await settled(lambda: door.count("received_bytes_total", transport="tcp"))
        assert before < len(many) / 2  # the rest is still with the sender
        assert door.pipeline.asked == limits.IN_FLIGHT
        door.pipeline.gate.set()
        await writer.drain()
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        assert sum(int(line.removeprefix(b"OK ")) for line in answer.splitlines()) == len(decoded(many))
        assert door.pipeline.fixes == decoded(many)


async def test_a_sender_that_reads_no_answers_is_not_read_either(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "UNSENT_BYTES", 1024)
    ping = b'{"tracker":"t","time":%d,"lat":1,"lon":2}\n'
    number = 120_000
    many = b"".join(ping % (1_700_000_000 + i) for i in range(number))
    async with listening(tmp_path) as (door, listener):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (HOST, listener.port))
        reader, writer = await asyncio.open_connection(sock=sock, limit=1024)
        writer.write(many)
        await until(lambda: door.count("stalled_reads_total", reason="answers_unread"))
        assert door.count("received_bytes_total", transport="tcp") < len(many)
        answers = 0
        while answers < number:
            answers += (await reader.read(1 << 16)).count(b"\n")
        writer.close()
        assert len(door.pipeline.fixes) == number


async def test_with_the_database_away_the_ok_follows_the_spool_and_all_is_stored_later(tmp_path):
    async with listening(tmp_path, ack=True) as (door, listener):
        door.pipeline.away = True
        answer = await talk(listener, rmc(0) + rmc(1) + rmc(2))
        assert sum(int(line.removeprefix(b"OK ")) for line in answer.splitlines()) == 3
        assert door.spool.holding
        door.pipeline.away = False
        await until(lambda: not door.spool.holding)
        assert len(door.pipeline.fixes) == 3


async def test_json_on_disk_does_not_pretend_to_know_duplicates(tmp_path):
    async with listening(tmp_path) as (door, listener):
        door.pipeline.away = True
        answer = await talk(listener, b'{"tracker":"t","time":1700000000,"lat":1,"lon":2}\n')
        assert json.loads(answer) == {"accepted": 1, "duplicate": None, "rejected": 0, "held": 0}


async def test_a_full_spool_stops_the_reading(tmp_path):
    many = b"".join(rmc(i) for i in range(30_000))
    async with listening(tmp_path, spool_bytes=100_000) as (door, listener):
        door.pipeline.away = True
        reader, writer = await asyncio.open_connection(HOST, listener.port)
        writer.write(many)
        await until(lambda: door.count("stalled_reads_total", reason="spool_full") >= limits.IN_FLIGHT)
        before = await settled(lambda: door.count("received_bytes_total", transport="tcp"))
        assert before < len(many)
        door.pipeline.away = False
        writer.write_eof()
        await reader.read()
        writer.close()
        await until(lambda: not door.spool.holding)
        assert {f.key for f in door.pipeline.fixes} == {f.key for f in decoded(many)}
        assert len(door.pipeline.fixes) == len(decoded(many))


async def test_a_connection_that_breaks_off_loses_nothing_that_came(tmp_path):
    async with listening(tmp_path) as (door, listener):
        _, writer = await asyncio.open_connection(HOST, listener.port)
        writer.write(rmc(0) + rmc(1))
        await until(lambda: door.count("received_bytes_total", transport="tcp") > 0)
        writer.transport.abort()
        await until(lambda: len(door.pipeline.fixes) == 2)


async def test_a_ten_megabyte_line_is_one_reject_and_the_next_line_is_read(tmp_path):
    async with listening(tmp_path) as (door, listener):
        await talk(listener, b"t1$GPRMC," + b"9" * 10_000_000 + b"\r\n" + rmc(0))
        assert len(door.pipeline.fixes) == 1
        assert door.count("rejects_total", reason="too_long") == 1
        assert door.count("messages_total", protocol="nmea", outcome="rejected") == 1


async def test_deep_json_and_invalid_text_are_rejects_and_cost_no_neighbour(tmp_path):
    good = b'{"tracker":"t","time":1700000000,"lat":1,"lon":2}\n'
    bad = b'{"tracker":"\xff\xfe","time":1700000001,"lat":1,"lon":2}\n' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"\n"
    async with listening(tmp_path) as (door, listener):
        await talk(listener, good + bad + good.replace(b"00,", b"09,"))
        assert len(door.pipeline.fixes) == 2
        assert door.count("rejects_total", reason="encoding") == 1
        assert door.count("rejects_total", reason="too_deep") == 1


async def test_a_source_network_is_trusted(tmp_path):
    async with listening(tmp_path, networks=(ipaddress.ip_network("127.0.0.0/8"),)) as (door, listener):
        await talk(listener, rmc(0))
        (parcel,) = door.pipeline.deliveries
        assert (parcel.sender.trust, parcel.sender.source) == (fix.Trust.SOURCE, HOST)


async def test_checksum_policies_reach_the_decoder(tmp_path):
    async with listening(tmp_path, checksum=lambda who: "require" if who == "t1" else "ignore") as (door, listener):
        body = b"$GPRMC,120000.00,A,4800.0000,N,01131.0000,E,10.0,90.0,230394,,\r\n"
        await talk(listener, b"t1" + body + b"t2" + body)
        assert [f.tracker for f in door.pipeline.fixes] == ["t2"]
        assert door.count("rejects_total", reason="checksum_missing") == 1


async def test_closing_brings_home_what_was_read(tmp_path):
    async with listening(tmp_path, ack=True) as (door, listener):
        door.pipeline.gate.clear()
        reader, writer = await asyncio.open_connection(HOST, listener.port)
        writer.write(rmc(0) + rmc(1))
        await until(lambda: door.pipeline.asked)
        writer.write(b"".join(rmc(i) for i in range(2, 2000)))
        await settled(lambda: door.count("received_bytes_total", transport="tcp"))
        closing = asyncio.create_task(listener.close())
        await asyncio.sleep(0)
        door.pipeline.gate.set()
        await closing
        answer = await reader.read()
        writer.close()
        assert sum(int(line.removeprefix(b"OK ")) for line in answer.splitlines()) == 2000
        assert len(door.pipeline.fixes) == 2000
        with pytest.raises(OSError):  # noqa: PT011
            await asyncio.open_connection(HOST, listener.port)
