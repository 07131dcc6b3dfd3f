"""Recorded logs of real receivers: however their bytes come in, the same fixes lie in the database."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import click.testing
import pytest
import service as real

from fleettrack import cli

pytestmark = pytest.mark.reference

Key = tuple[dt.datetime, int, int]  # time, latitude and longitude in 1e-7 degrees
Fixes = dict[str, set[Key]]  # by log

LOGS = 57
DATAGRAM_BYTES = 60_000
PAUSE_S = 0.002
PACE = 300  # times as fast as recorded: the longest log takes some seconds
PAUSES = {"log-iTrek"}  # its receiver was off for half a day, which is too long at any pace

STORED = """
SELECT t.identity, p.fix_time, p.lat_e7, p.lon_e7 FROM position p JOIN tracker t ON t.id = p.tracker_id
"""


@pytest.fixture(scope="session")
def logs(reference: Path) -> dict[str, Path]:
    found = {f"log-{path.stem}": path for path in sorted((reference / "data" / "nmea").glob("*.log"))}
    assert len(found) == LOGS
    return found


@pytest.fixture(scope="session")
def decoded(logs: dict[str, Path]) -> Fixes:
    """What `fleettrack decode` makes of each file, told when we read it, as a listener is."""
    now = dt.datetime.now(dt.UTC).isoformat()
    runner = click.testing.CliRunner()
    found: Fixes = {}
    for name, path in logs.items():
        said = runner.invoke(cli.main, ["decode", "--tracker", name, "--reference-time", now, str(path)])
        assert said.exit_code == 0
        rows = [json.loads(line) for line in said.stdout.splitlines()]
        assert {row["tracker"] for row in rows if row["kind"] == "fix"} <= {name}
        found[name] = {
            (dt.datetime.fromisoformat(r["time"]), round(r["lat"] * 1e7), round(r["lon"] * 1e7))
            for r in rows
            if r["kind"] == "fix"
        }
    assert sum(map(len, found.values())) > 1_300
    return found


async def stored(service: real.Service, wanted: Fixes) -> Fixes:
    """Return what is stored of these trackers, once nothing comes any more that is wanted."""
    number = sum(map(len, wanted.values()))
    await real.until(
        lambda: (
            service.rows(f"SELECT count(*) FROM ({STORED}) s WHERE identity = ANY(%s)", list(wanted))[0][0] >= number
        ),
        f"{number} positions",
    )
    found: Fixes = {name: set() for name in wanted}
    for name, *key in service.rows(STORED + "WHERE t.identity = ANY(%s)", list(wanted)):
        found[name].add(tuple(key))
    return found


def whole(data: bytes, rng: random.Random) -> Iterator[bytes]:
    yield data


def chunks(data: bytes, rng: random.Random) -> Iterator[bytes]:
    """Cut anywhere: amid sentences, amid line ends, single bytes among them."""
    at = 0
    while at < len(data):
        size = rng.choice([1, 2, 7, 80, 500, 1460, 9_000])
        yield data[at : at + size]
        at += size


def lines(data: bytes, rng: random.Random) -> Iterator[bytes]:
    some: list[bytes] = []
    for line in data.splitlines(keepends=True):
        some.append(line)
        if rng.random() < 0.1:
            yield b"".join(some)
            some = []
    yield b"".join(some)


async def over_tcp(service: real.Service, name: str, data: bytes, cut: Callable[..., Iterator[bytes]]) -> None:
    """Send a log after a login; the service has read all of it when it closes its end."""
    rng = random.Random(name)
    reader, writer = await asyncio.open_connection("127.0.0.1", service.nmea_port)
    for piece in cut(b"$PGID,%s\r\n" % name.encode() + data, rng):
        writer.write(piece)
        await writer.drain()
        if rng.random() < 0.02:
            await asyncio.sleep(PAUSE_S)  # so that pieces are read one by one
    writer.write_eof()
    await reader.read()
    writer.close()


async def over_udp(service: real.Service, name: str, data: bytes) -> None:
    """Send a log as one datagram that begins with a login."""
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=("127.0.0.1", service.udp_port)
    )
    transport.sendto(b"$PGID,%s\r\n" % name.encode() + data)
    transport.close()


async def test_chunks_and_datagrams_give_the_fixes_of_the_file(
    service: real.Service, logs: dict[str, Path], decoded: Fixes
) -> None:
    small = {name for name, path in logs.items() if path.stat().st_size <= DATAGRAM_BYTES}
    assert len(small) > LOGS * 0.85
    wanted: Fixes = {}
    for cut in (whole, chunks, lines):
        names = {name: f"{name}.{cut.__name__}" for name in logs}
        await register(service, names.values())
        await asyncio.gather(*(over_tcp(service, names[name], path.read_bytes(), cut) for name, path in logs.items()))
        wanted |= {names[name]: decoded[name] for name in logs}
    await register(service, small)
    for name in small:
        await over_udp(service, name, logs[name].read_bytes())
    wanted |= {name: decoded[name] for name in small}
    assert await stored(service, wanted) == wanted


@pytest.mark.parametrize(("transport", "pace"), [("tcp", "max"), ("udp", PACE)])
async def test_what_replay_sends_is_stored(
    serve: real.Serve, logs: dict[str, Path], decoded: Fixes, transport: str, pace: object
) -> None:
    """Over TCP at full speed, and over UDP paced: what was received is stored, and is what the files hold."""
    sent = sorted(logs.keys() - (PAUSES if transport == "udp" else set()))
    wanted = {"all": set().union(*(decoded[name] for name in sent))}
    async with serve(nmea_ack="true") as service:
        await register(service, wanted)
        port = service.nmea_port if transport == "tcp" else service.udp_port
        to = ("--tracker", "all", "--to", f"{transport}://127.0.0.1:{port}", "--speed", str(pace))
        code, said = await service.command("replay", "--json", *to, *(str(logs[name]) for name in sent))
        assert code == 0, said
        assert await stored(service, wanted) == wanted
        told, figures = json.loads(said.splitlines()[-1]), await service.metrics()
        received = sum(
            figures.get(f'messages_total{{outcome="{o}",protocol="nmea"}}', 0) for o in ("accepted", "duplicate")
        )
        assert received == told["sent"]
        assert told["acknowledged"] in (received, None)
        assert "dropped_messages_total" not in figures


async def register(service: real.Service, names: Iterable[str]) -> None:
    await asyncio.gather(*(service.make("/trackers", {"identity": name}) for name in names))
