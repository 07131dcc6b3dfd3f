"""Fixtures of the acceptance tests: the real service, from outside."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import service as real


@pytest.fixture
def serve(data_dir: Path, database_url: str) -> real.Serve:
    """`async with serve(nmea_ack="true") as service`: on a database that is made quickly, and is not durable."""
    return lambda **settings: real.Service(data_dir, database_url=database_url, **settings)


@pytest.fixture
async def service(serve: real.Serve) -> AsyncIterator[real.Service]:
    """A running service with its default settings."""
    async with serve() as running:
        yield running


@pytest.fixture
def disk_dir() -> Iterator[Path]:
    """An empty data folder on disk, open to the user PostgreSQL runs as: for what has to be durable."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fleettrack-test-")))
        folder.chmod(0o711)
        yield folder
