"""Starting: killed in the middle of it, twice on one folder, on a port that is taken."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from pathlib import Path

import pytest
import service as real
import world

pytestmark = pytest.mark.fault

KILLS = 8
LONGEST_S = 2.0  # a first start takes about this long on an idle machine


@pytest.mark.parametrize("seed", [1])
async def test_killed_amid_its_first_starts_it_starts_in_the_end(disk_dir: Path, seed: int) -> None:
    rng = random.Random(seed)
    service = real.Service(disk_dir)
    for _ in range(KILLS):
        starting = asyncio.create_task(service.start())
        await asyncio.wait([starting], timeout=rng.uniform(0, LONGEST_S))
        service.kill()
        with contextlib.suppress(AssertionError):  # it did not get to say that it is ready
            await starting
        await service.gone()
    async with service:
        await world.build(service, ["T1"])
        pings = world.drive("T1", [("A", 300), ("B", 300)])
        answer = await service.ask("POST", "/positions", [ping.json() for ping in pings])
        assert answer.body["accepted"] == len(pings)
        assert [visit[1] for visit in (await world.outcome(service)).visits] == ["A", "B"]


async def test_a_second_service_on_the_same_folder_is_refused(disk_dir: Path) -> None:
    async with real.Service(disk_dir) as first:
        code, said = await first.command("serve")
        assert code == 1
        assert "another service works on this folder" in said
        assert (await first.ask("GET", "/readyz", role=None)).status == 200


async def test_a_port_that_is_taken_is_named(disk_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = await real.Service(disk_dir, nmea_port=str(port)).command("serve")
        assert code == 1
        assert str(port) in said
        assert "Traceback" not in said
