"""P1: durable ingest of NMEA over TCP, with visits, custody and outbox, as a share of what the database does alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks import ingest, results, service, wire

TITLE = "NMEA over TCP, durable"
TARGET = 0.30
REPETITIONS = 5
BESIDE = 2


def run(cache: Path, say: Callable[[str], None]) -> list[results.Part]:
    """Measure RMC; RMC with GGA is told beside it."""
    with ingest.stage(cache, say) as on:

        def send(messages: list[list[bytes]]) -> float:
            return service.drive("tcp", on.service.nmea_port, [b"".join(m) for m in messages])

        ingest.measured(on, "warm-up", 1, TARGET, lambda: on.repeat(wire.rmc, send))
        part = ingest.measured(on, "RMC", REPETITIONS, TARGET, lambda: on.repeat(wire.rmc, send))
        ingest.measured(on, "RMC and GGA (not judged)", BESIDE, TARGET, lambda: on.repeat(wire.rmc_gga, send))
    return [part]
