"""Law L6 with a real pause: the service is dead for a while, and no truck arrives because of that."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path

import pytest
import service as real
import world

pytestmark = pytest.mark.fault

RULES = {"silence_s": 6.0, "halt_s": 3.0}  # so that a test need not wait for five minutes
EVERY_S = 0.5
LIMIT_S = 180.0
ARRIVED = """
SELECT t.identity FROM visit_event e JOIN visit v ON v.id = e.visit_id JOIN tracker t ON t.id = v.tracker_id
WHERE e.kind = 'arrived'
"""
METRES_NORTH = 1 / 111_200


def to_the_light(tracker: str, now: dt.datetime) -> list[world.Ping]:
    """Return the pings of a truck that comes into A at 20 m/s, and brakes there just now."""
    lat, lon = world.PLACES["A"]
    steps = range(-60, 1)
    return [
        world.Ping(
            tracker,
            now + dt.timedelta(seconds=EVERY_S * i),
            lat + 20 * EVERY_S * i * METRES_NORTH,
            lon,
            20.0 if i else 0.5,
        )
        for i in steps
    ]


def beyond(tracker: str, now: dt.datetime) -> list[world.Ping]:
    """Return the pings of a truck that is far from A by now."""
    lat, lon = world.PLACES["A"]
    return [
        world.Ping(
            tracker, now + dt.timedelta(seconds=EVERY_S * i), lat + 0.05 + 20 * EVERY_S * i * METRES_NORTH, lon, 20.0
        )
        for i in range(-3, 1)
    ]


async def send(service: real.Service, pings: list[world.Ping]) -> None:
    answer = await service.ask("POST", "/positions", [ping.json() for ping in pings])
    assert (answer.status, answer.body["accepted"]) == (200, len(pings))


def arrived(service: real.Service) -> set[str]:
    """Return who was ever told to have arrived, even if that was taken back."""
    return {tracker for (tracker,) in service.rows(ARRIVED)}


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


async def test_a_pause_of_ours_makes_nobody_arrive(disk_dir: Path) -> None:
    (disk_dir / "server").mkdir(mode=0o711)
    async with (
        asyncio.timeout(LIMIT_S),
        real.outside_server(disk_dir / "server") as server,
        real.Service(disk_dir, database_url=server.dsn) as service,
    ):
        await world.build(service, ["parks", "drives", "waits"], **RULES)
        await send(service, to_the_light("parks", now()))
        await real.until(lambda: arrived(service) == {"parks"}, "the clock takes its silence for a stop")

        await send(service, to_the_light("drives", now()) + to_the_light("waits", now()))
        service.kill()
        await service.gone()
        await real.until(lambda: service.rows("SELECT now() - at > '15 s' FROM heartbeat") == [(True,)], "a hole")
        up = now()
        await service.start()
        assert len(service.rows("SELECT FROM outage")) == 1
        await real.until(lambda: service.rows("SELECT settled_at > %s FROM tracker_state", up).count((True,)) >= 2)
        assert arrived(service) == {"parks"}
        await send(service, beyond("drives", now()))  # its device kept nothing
        longer = up + dt.timedelta(seconds=2 * RULES["silence_s"])
        await real.until(lambda: service.rows("SELECT at > %s FROM heartbeat", longer) == [(True,)], "some more beats")
        assert arrived(service) == {"parks"}
        visits = service.rows(world.VISITS)
        assert [(tracker, rule) for tracker, *_, rule, _ in visits] == [
            ("drives", None),
            ("parks", "d"),
            ("waits", None),
        ]
