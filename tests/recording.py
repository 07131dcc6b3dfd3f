"""A pipeline that stores nothing but remembers: for tests of what stands in front of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from fleettrack import metrics
from fleettrack.domain import errors, fix
from fleettrack.ingest import intake, spool
from fleettrack.services.track import delivery

LIMIT_S = 30


class Recorder:
    """Takes deliveries like the batcher. `gate` holds commits back, `away` takes the database away."""

    def __init__(self) -> None:
        self.deliveries: list[delivery.Delivery] = []
        self.asked = 0
        self.away = False
        self.poison: set[str] = set()  # trackers whose deliveries fail
        self.unknown: set[str] = set()  # trackers whose fixes are held
        self.gate = asyncio.Event()
        self.gate.set()
        self._seen: set[tuple[object, ...]] = set()

    async def submit(self, parcel: delivery.Delivery) -> delivery.Answer:
        self.asked += 1
        await self.gate.wait()
        if self.away:
            raise errors.DatabaseAway
        if any(m.tracker in self.poison for m in parcel.messages):
            raise ArithmeticError("poisoned")
        self.deliveries.append(parcel)
        rejects = [(i, m) for i, m in enumerate(parcel.messages) if isinstance(m, fix.Reject)]
        return delivery.Answer(outcomes=[self._outcome(m) for m in parcel.messages], rejects=rejects)

    def _outcome(self, message: fix.Message) -> delivery.Outcome:
        if isinstance(message, fix.Reject):
            return delivery.Outcome.REJECTED
        if isinstance(message, fix.Status):
            return delivery.Outcome.STATUS
        if message.tracker in self.unknown:
            return delivery.Outcome.HELD
        known = (message.tracker, *message.key) in self._seen
        self._seen.add((message.tracker, *message.key))
        return delivery.Outcome.DUPLICATE if known else delivery.Outcome.ACCEPTED

    @property
    def messages(self) -> list[fix.Message]:
        return [m for parcel in self.deliveries for m in parcel.messages]

    @property
    def fixes(self) -> list[fix.Fix]:
        return [m for m in self.messages if isinstance(m, fix.Fix)]


class Door:
    """An intake before a recorder, or what else is to stand behind it; its spool in a folder; `async with` it."""

    def __init__(self, folder: Path, *, spool_bytes: int = 1 << 30, behind: intake.Pipeline | None = None) -> None:
        self.pipeline = Recorder()
        self.metrics = metrics.Metrics()
        self.spool = spool.Spool(folder, spool_bytes, on_fault=self.metrics.spool_faults.inc)
        self.intake = intake.Intake(behind or self.pipeline, self.spool, self.metrics)
        self._drain: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Door:
        await self.spool.open()
        self._drain = asyncio.create_task(self.intake.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._drain is not None
        self._drain.cancel()
        await asyncio.wait([self._drain])
        await self.spool.close()

    def count(self, name: str, **labels: str) -> float:
        """A counter's value, 0 where it has not counted yet."""
        return self.metrics.registry.get_sample_value(f"fleettrack_{name}", labels) or 0.0


def ping(tracker: str | None = "t1", n: int = 0) -> fix.Fix:
    return fix.Fix(tracker=tracker, time_ms=1_700_000_000_000 + n * 1000, lat_e7=480_000_000, lon_e7=110_000_000 + n)


def parcel(*messages: fix.Message, received_ms: int = 1_700_000_000_000) -> delivery.Delivery:
    sender = delivery.Sender(protocol=delivery.Protocol.NMEA, source="192.0.2.1")
    return delivery.Delivery(sender=sender, messages=messages or (ping(),), received_ms=received_ms)


def rmc(n: int = 0, *, tracker: str = "t1") -> bytes:
    """A sentence with an identity and a right checksum; another position each second."""
    time = f"{n // 3600 % 24:02d}{n // 60 % 60:02d}{n % 60:02d}.00"
    latitude = f"48{(1000 + n % 9000) / 200:07.4f}"
    body = f"GPRMC,{time},A,{latitude},N,01131.0000,E,10.0,90.0,230394,,"
    check = 0
    for byte in body.encode():
        check ^= byte
    return f"{tracker}${body}*{check:02X}\r\n".encode()


async def until(condition: Callable[[], object]) -> None:
    """Let the event loop turn until a condition holds."""
    async with asyncio.timeout(LIMIT_S):
        while not condition():  # noqa: ASYNC110 - what is waited for knows nothing of tests
            await asyncio.sleep(0.001)


async def settled(value: Callable[[], float]) -> float:
    """Return a value once it has stopped changing."""
    before = value() - 1
    while before != (before := value()):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    return before
