"""`fleettrack replay` against the real service: over any transport the same fixes, and a clear word where it fails."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import service as real

from fleettrack.client import opening

NUMBER = 120
START = dt.datetime(2024, 3, 1, 23, 59, tzinfo=dt.UTC)  # over midnight
STORED = """
SELECT p.fix_time, p.lat_e7, p.lon_e7 FROM position p JOIN tracker t ON t.id = p.tracker_id WHERE t.identity = %s
"""


def moments() -> list[dt.datetime]:
    return [START + dt.timedelta(seconds=i) for i in range(NUMBER)]


def nmea() -> bytes:
    """A log whose date is told once, by a ZDA at its beginning."""
    lines = [opening.sentence(f"GPZDA,{START:%H%M%S.00,%d,%m,%Y},00,00")]
    for i, moment in enumerate(moments()):
        where = f"4800.{i:05d},N,01130.00000,E"
        lines.append(opening.sentence(f"GPGGA,{moment:%H%M%S}.00,{where},1,08,0.9,1.0,M,,M,,"))
        lines.append(opening.sentence(f"GPGSA,A,3,,,,,,,,,,,,,{i}"))
    return b"".join(lines)


def degrees(i: int) -> float:
    return 48 + i / 60e5


def pings() -> list[dict[str, Any]]:
    return [{"time": m.isoformat(), "lat": degrees(i), "lon": 11.5} for i, m in enumerate(moments())]


def csv() -> str:
    rows = [f"{p['time']},{p['lat']:.9f},{p['lon']},ignored" for p in pings()]
    return "\n".join(["timestamp,latitude,longitude,route", *rows])


@pytest.fixture
def recordings(tmp_path: Path) -> dict[str, Path]:
    files = {
        "nmea": nmea(),
        "nmea.gz": gzip.compress(nmea()),
        "json": "\n".join(map(json.dumps, pings())).encode(),
        "csv": csv().encode(),
    }
    for name, data in files.items():
        (tmp_path / f"day.{name}").write_bytes(data)
    return {name: tmp_path / f"day.{name}" for name in files}


async def replayed(service: real.Service, *arguments: str) -> dict[str, Any]:
    code, said = await service.command("replay", "--json", *arguments)
    assert code == 0, said
    return dict(json.loads(said.splitlines()[-1]))


async def test_over_any_transport_the_same_fixes_arrive(serve: real.Serve, recordings: dict[str, Path]) -> None:
    async with serve(nmea_ack="true") as service:
        key = await service.key("dispatcher")
        ways = {
            f"{form}-{scheme}": (path, url)
            for form, path in recordings.items()
            for scheme, url in (
                ("tcp", f"tcp://127.0.0.1:{service.nmea_port}"),
                ("udp", f"udp://127.0.0.1:{service.udp_port}"),
                ("http", service.url),
            )
        }
        for tracker, (path, url) in ways.items():
            await service.make("/trackers", {"identity": tracker})
            report = await replayed(service, "--tracker", tracker, "--to", url, "--key", key, str(path))
            assert report["sent"] == NUMBER, (tracker, report)
            assert report["rejected"] == report["resent"] == 0
            assert report["acknowledged"] == (None if url.startswith("udp") else NUMBER)
        stored = {}
        for tracker in ways:
            await real.until(lambda t=tracker: len(service.rows(STORED, t)) == NUMBER, tracker)
            stored[tracker] = set(service.rows(STORED, tracker))
        assert {frozenset(fixes) for fixes in stored.values()} == {frozenset(stored["json-http"])}
        assert {moment for moment, _, _ in stored["json-http"]} == set(moments())


async def test_it_says_why_it_could_not(service: real.Service, recordings: dict[str, Path]) -> None:
    code, said = await service.command("replay", "--to", service.url, "--key", "flt_no", str(recordings["json"]))
    assert code == 1
    assert "401" in said
    code, said = await service.command("replay", "--to", "tcp://127.0.0.1:1", "--give-up", "0", str(recordings["nmea"]))
    assert code == 1
    assert "cannot be reached" in said
    code, said = await service.command("replay", "--history", "--to", "udp://127.0.0.1:1", str(recordings["nmea"]))
    assert code == 2
    assert "http only" in said
