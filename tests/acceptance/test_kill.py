"""What is killed in the middle of a replay loses nothing that was acknowledged, and changes nothing in the end.

Laws L1 (acknowledged means durable) and L2 (order, batches and repetition do not matter).
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import random
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest
import senders
import service as real
import world

pytestmark = pytest.mark.fault

TRACKERS = tuple(f"T{i}" for i in range(1, 5))
ROUNDS = 4  # disasters in one replay
LIMIT_S = 240.0
SETTINGS = {"nmea_ack": "true", "none_trust_may_transfer": "true"}

Disaster = Callable[[real.Service, random.Random], Awaitable[None]]


def days() -> list[list[world.Ping]]:
    """Return what each tracker sends every 20 s, each at other times."""
    stays = [("A", 400), ("B", 300), ("C", 400)]
    return [
        world.drive(tracker, stays, start=world.T0 + number * dt.timedelta(seconds=3.7), every_s=20)
        for number, tracker in enumerate(TRACKERS)
    ]


def devices(service: real.Service, seed: int) -> list[senders.Sender]:
    """Return a device for each tracker: every other one speaks NMEA over TCP, the rest JSON over HTTP."""
    kinds = (senders.Http, senders.Nmea)
    return [kinds[number % 2](service, pings, seed + number) for number, pings in enumerate(days())]


@contextlib.asynccontextmanager
async def own_server(folder: Path) -> AsyncIterator[real.Service]:
    async with real.Service(folder, **SETTINGS) as service:
        yield service


@contextlib.asynccontextmanager
async def outside_server(folder: Path) -> AsyncIterator[real.Service]:
    (folder / "server").mkdir(mode=0o711)
    async with (
        real.outside_server(folder / "server") as server,
        real.Service(folder, database_url=server.dsn, **SETTINGS) as service,
    ):
        yield service


async def service_dies(service: real.Service, rng: random.Random) -> None:
    service.kill()
    await service.gone()
    await asyncio.sleep(rng.uniform(0, 0.5))
    await service.start()


async def service_stops(service: real.Service, rng: random.Random) -> None:
    """End it in good order, as whoever installs a new version does."""
    assert await service.stop() == 0
    await service.start()


async def postgres_dies(service: real.Service, rng: random.Random) -> None:
    """Kill the postmaster; the service has to bring it back by itself."""
    before = service.postmaster
    os.kill(before, signal.SIGKILL)

    async def back() -> bool:
        ready = await service.ask("GET", "/readyz", role=None)
        return ready.status == 200 and service.postmaster != before

    await real.until(back, "the service has brought its PostgreSQL back")


async def postgres_freezes(service: real.Service, rng: random.Random) -> None:
    """Stop every process of the server for a while, as a host under memory pressure does."""
    postmaster = service.postmaster
    frozen = [postmaster, *children(postmaster)]
    try:
        for pid in frozen:
            signalled(pid, signal.SIGSTOP)
        await asyncio.sleep(rng.uniform(0.2, 2))
    finally:
        for pid in frozen:
            signalled(pid, signal.SIGCONT)


def signalled(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def children(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[1]) == parent:
                found.append(int(stat.parent.name))
    return found


async def both_die(service: real.Service, rng: random.Random) -> None:
    os.kill(service.postmaster, signal.SIGKILL)
    await asyncio.sleep(rng.uniform(0, 0.02))
    await service_dies(service, rng)


@pytest.fixture(scope="module")
async def undisturbed(module_database_url: str) -> world.Outcome:
    """What comes of the same day when nothing dies."""
    with tempfile.TemporaryDirectory(prefix="fleettrack-test-") as folder:
        async with real.Service(Path(folder), database_url=module_database_url, **SETTINGS) as service:
            await world.build(service, TRACKERS)
            await asyncio.gather(*(device.run() for device in devices(service, 0)))
            return await world.outcome(service)


async def suffer(
    service: real.Service, sending: Sequence[senders.Sender], disaster: Disaster, rng: random.Random
) -> None:
    """Cause the disaster each time a random number of pings are acknowledged, and a random moment later."""
    total = sum(len(device.pings) for device in sending)
    for at in sorted(rng.sample(range(total // 50, total * 9 // 10), ROUNDS)):
        await real.until(lambda at=at: sum(device.acknowledged for device in sending) >= at, f"{at} pings of {total}")
        await asyncio.sleep(rng.uniform(0, 0.03))
        await disaster(service, rng)


@pytest.mark.parametrize(
    ("home", "disaster", "seed"),
    [
        pytest.param(own_server, service_dies, 1, id="service"),
        pytest.param(own_server, service_stops, 6, id="service-stopped"),
        pytest.param(own_server, postgres_dies, 2, id="postgres"),
        pytest.param(own_server, both_die, 3, id="both"),
        pytest.param(own_server, postgres_freezes, 5, id="postgres-frozen"),
        pytest.param(outside_server, service_dies, 4, id="service-beside-a-server"),
    ],
)
async def test_a_replay_survives(home, disaster, seed, undisturbed, disk_dir) -> None:  # type: ignore[no-untyped-def]
    rng = random.Random(seed)
    async with home(disk_dir) as service, asyncio.timeout(LIMIT_S):
        await world.build(service, TRACKERS)
        assert service.rows("SHOW fsync") + service.rows("SHOW synchronous_commit") == [("on",), ("on",)]
        sending = devices(service, seed)
        async with asyncio.TaskGroup() as group:
            for device in sending:
                group.create_task(device.run())
            group.create_task(suffer(service, sending, disaster, rng))

        found = await world.outcome(service)
        if disaster is not postgres_freezes:  # which nobody notices but by waiting
            assert sum(device.broken + len(device.refusals) for device in sending) >= ROUNDS
        assert [p[:2] for p in found.positions] == sorted(
            (ping.tracker, ping.time) for device in sending for ping in device.pings
        )
        assert found == undisturbed
        assert service.rows(world.TOLD_TWICE) == []
        code, said = await service.command("ledger", "verify")
        assert code == 0, said
