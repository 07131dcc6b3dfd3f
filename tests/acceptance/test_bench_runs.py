"""The benchmarks run, small, against the real service: they check what they measure, so that nothing is left to say."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click.testing
import msgspec
import pytest

from benchmarks import ingest, p1_nmea_tcp, p2_json_http, p6_serials, p9_backlog, results
from fleettrack.cli import bench

SMALL = (
    (ingest, {"TRUCKS": 60, "PLACES": 1_000}),
    (p1_nmea_tcp, {"REPETITIONS": 1, "BESIDE": 1}),
    (p2_json_http, {"REPETITIONS": 1, "PINGS": 50, "CONNECTIONS": 4}),
    (p6_serials, {"LARGE": 300, "SMALL": 100}),
    (p9_backlog, {"TRUCKS": 5, "PLACES": 1_000, "REPETITIONS_BATCH": 1, "REPETITIONS_REQUESTS": 1}),
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the user PostgreSQL runs as can pass through."""
    with tempfile.TemporaryDirectory(prefix="fleettrack-test-") as made:
        os.chmod(made, 0o711)
        yield Path(made)


@pytest.mark.parametrize("target", ["P1", "P2", "P6", "P9"])
def test_a_small_run_says_its_line(target: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, sizes in SMALL:
        for name, size in sizes.items():
            monkeypatch.setattr(module, name, size)
    told = click.testing.CliRunner().invoke(bench.command, [target, "--json", "--data-dir", str(folder)])
    assert told.exception is None
    line = msgspec.json.decode(told.stdout, type=results.Line)
    assert line.id == target
    assert line.figure > 0
