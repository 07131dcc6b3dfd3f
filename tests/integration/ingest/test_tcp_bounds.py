"""What a TCP listener holds in memory is bounded, whatever is sent and however."""

from __future__ import annotations

import asyncio
import json
import socket
import tracemalloc

import pytest
from recording import rmc, until
from talking import HOST, listening

from fleettrack.ingest import limits

GSV = b"$GPGSV,3,1,11,03,03,111,00,04,15,270,00,06,01,010,00,13,06,292,00*74\r\n"


@pytest.mark.parametrize("useless", [b"$" + b"x" * 9999, GSV * 100, b"# a comment\n" * 500, b"\n" * 9999])
async def test_what_makes_no_message_does_not_pile_up(tmp_path, useless):
    async with listening(tmp_path, protocol="nmea") as (door, listener):
        _, writer = await asyncio.open_connection(HOST, listener.port)
        size = len(useless) * 200
        writer.write(useless * 200)
        await until(lambda: door.count("received_bytes_total", transport="tcp") == size)
        (connection,) = listener._open
        assert len(connection._raw) <= limits.OPEN_BYTES + 4096
        writer.write(b"\r\n" + rmc(0) + rmc(1))
        await until(lambda: door.pipeline.fixes)
        writer.close()


async def test_what_drips_in_takes_no_more_memory_than_its_bytes(tmp_path):
    async with listening(tmp_path) as (_, listener):
        _, writer = await asyncio.open_connection(HOST, listener.port)
        writer.write(b"[")
        await until(lambda: [c for c in listener._open if c.unfinished])
        (connection,) = listener._open
        tracemalloc.start()
        for _ in range(20_000):
            connection.data_received(bytes(bytearray(b"ab")))
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert connection.unfinished == 40_001
        assert held < 200_000
        writer.close()


async def test_beyond_the_bound_on_unfinished_lines_who_has_most_of_them_goes(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "UNFINISHED_BYTES", 16_000)
    async with listening(tmp_path) as (door, listener):
        waiting = []
        for size in (500, 6_000, 9_000):
            reader, writer = await asyncio.open_connection(HOST, listener.port)
            writer.write(b"[" + b" " * (size - 1))
            await until(lambda size=size: size in {c.unfinished for c in listener._open})
            waiting.append((reader, writer))
        assert door.count("closed_connections_total", reason="unfinished") == 0
        _, small = waiting[0]
        small.write(b" " * 501)
        assert b'"rejected":1' in await waiting[2][0].read()  # what is cut off is told as at any other end
        assert door.count("closed_connections_total", reason="unfinished") == 1
        small.write(b'{"tracker":"t1","time":"2024-01-01T00:00:00Z","lat":48,"lon":11}]\n')
        assert b'"accepted":1' in await waiting[0][0].readline()
        await until(lambda: {c.unfinished for c in listener._open} == {0, 6_000})
        for _, writer in waiting:
            writer.close()


async def test_one_source_of_many_unfinished_lines_does_not_push_others_out(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "UNFINISHED_BYTES", 16_000)
    async with listening(tmp_path) as (door, listener):
        other = socket.create_connection((HOST, listener.port), source_address=("127.0.0.2", 0))
        other.sendall(b"[" + b" " * 3_999)
        writers = [(await asyncio.open_connection(HOST, listener.port))[1] for _ in range(10)]
        for writer in writers:
            writer.write(b"[" + b" " * 1_999)
        await until(lambda: door.count("closed_connections_total", reason="unfinished"))
        assert "127.0.0.2" in {c.source for c in listener._open if c.unfinished == 4_000}
        other.close()
        for writer in writers:
            writer.close()


async def test_nothing_is_read_while_bytes_wait_with_messages_that_cannot_go_on(tmp_path):
    async with listening(tmp_path, protocol="nmea") as (door, listener):
        door.pipeline.gate.clear()
        _, writer = await asyncio.open_connection(HOST, listener.port)
        writer.write(rmc(0) + rmc(1))
        await until(lambda: door.pipeline.asked)
        writer.write(rmc(2) + rmc(3) + GSV * 100_000)
        (connection,) = listener._open
        await until(lambda: connection._paused)
        assert len(connection._raw) < limits.RAW_BYTES + 4 * limits.RECEIVE_BYTES
        door.pipeline.gate.set()
        writer.write_eof()
        await until(lambda: len(door.pipeline.fixes) == 4)
        writer.close()


async def test_the_bytes_of_a_message_that_came_in_pieces_are_kept_with_it(tmp_path, monkeypatch):
    async with listening(tmp_path) as (door, listener):
        kept, keep = [], door.intake.keep
        monkeypatch.setattr(door.intake, "keep", lambda parcel, raw: kept.append(raw) or keep(parcel, raw))
        _, writer = await asyncio.open_connection(HOST, listener.port)
        ping = json.dumps({"tracker": "t1", "time": "2024-01-01T00:00:00Z", "lat": 48, "lon": 11, "x": "y" * 50_000})
        for start in range(0, len(ping), 5_000):
            writer.write(ping[start : start + 5_000].encode())
            await writer.drain()
            await asyncio.sleep(0)
        writer.write(b"\n")
        await until(lambda: kept)
        assert kept == [ping.encode() + b"\n"]
        writer.close()


async def test_who_has_nothing_on_its_way_is_read_however_much_is(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "ON_WAY_MESSAGES", 5)
    monkeypatch.setattr(limits, "GATHER_MESSAGES", 10_000)
    async with listening(tmp_path, protocol="json") as (door, listener):
        door.pipeline.gate.clear()
        streams = [await asyncio.open_connection(HOST, listener.port) for _ in range(3)]
        for asked, (_, writer) in enumerate(streams, 1):
            writer.write(b"".join(ping_line(n) for n in range(10)))
            await until(lambda asked=asked: door.pipeline.asked == asked)
        _, busy = streams[0]
        busy.write(ping_line(10))
        await until(lambda: door.count("stalled_reads_total", reason="crowded") == 3)
        assert door.pipeline.asked == 3
        door.pipeline.gate.set()
        await until(lambda: len(door.pipeline.fixes) == 31)  # and the paused one is read again
        for _, writer in streams:
            writer.close()


def ping_line(n):
    return json.dumps({"tracker": "t1", "time": 1_700_000_000 + n, "lat": 48, "lon": 11}).encode() + b"\n"
