"""P2: durable ingest of JSON over HTTP, 500 pings a request, as a share of what the database does alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import ingest, load, results, service, wire

TITLE = "JSON over HTTP in batches of 500, durable"
TARGET = 0.30
REPETITIONS = 5
PINGS = 500
CONNECTIONS = 128  # gateways, each with one request on its way: what they hold together fills the batches under way
PATH = "/api/v1/positions"


def run(cache: Path, say: Callable[[str], None]) -> list[results.Part]:
    """Measure keep-alive connections, each with one request on its way."""
    with ingest.stage(cache, say) as on:

        def send(messages: list[list[bytes]]) -> float:
            return service.drive("http", on.service.port, [_stream(m, on.service.token) for m in messages])

        ingest.measured(on, "warm-up", 1, TARGET, lambda: on.repeat(wire.json_pings, send, CONNECTIONS))
        part = ingest.measured(on, "JSON", REPETITIONS, TARGET, lambda: on.repeat(wire.json_pings, send, CONNECTIONS))
    return [part]


def _stream(pings: list[bytes], token: str) -> bytes:
    return load.framed([wire.post(PATH, token, body) for body in _bodies(pings)])


def _bodies(pings: list[bytes]) -> Iterator[bytes]:
    for start in range(0, len(pings), PINGS):
        yield b"[" + b",".join(pings[start : start + PINGS]) + b"]"
