"""What all tiers share: Hypothesis profiles, the reference data, folders and databases."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import databases
import hypothesis
import pytest

CHECKOUT = Path(__file__).parents[1]
REFERENCE = CHECKOUT.parent / "shared"
REFERENCE_REQUIRED = os.environ.get("FLEETTRACK_REQUIRE_REFERENCE") == "1"
KEEPER = Path(__file__).with_name("database_keeper.py")
KEEPER_LIMIT_S = 180

# no deadlines, and slow examples allowed: the cores are shared, a slow example says nothing about the code
calm: dict[str, Any] = {
    "deadline": None,
    "print_blob": True,
    "suppress_health_check": [hypothesis.HealthCheck.too_slow],
}
hypothesis.settings.register_profile("dev", derandomize=False, **calm)
hypothesis.settings.register_profile("ci", derandomize=False, max_examples=200, **calm)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("reference") and not REFERENCE.is_dir():
        pytest.skip("the reference data is not there: ../shared beside the checkout")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """With FLEETTRACK_REQUIRE_REFERENCE=1 a reference test that is skipped, for whatever reason, has failed."""
    report = yield
    if report.skipped and REFERENCE_REQUIRED and item.get_closest_marker("reference"):
        report.outcome = "failed"
        report.longrepr = f"a reference test must not be skipped here, and was: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of recorded data and evaluations; a test that uses it is marked `reference`."""
    return REFERENCE


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """An empty data folder; unlike `tmp_path` it is open to the user PostgreSQL runs as when we are root."""
    with tempfile.TemporaryDirectory(prefix="fleettrack-test-", dir=databases.folder()) as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The migrated database that all others are copies of, on the one server of this run; see database_keeper.py."""
    run, owner = tmp_path_factory.getbasetemp(), os.getpid()
    if "PYTEST_XDIST_WORKER" in os.environ:
        run, owner = run.parent, os.getppid()  # the run is the controller's, and it outlives a crashed worker
    with (run / "database.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = run / "database.json"
        if not told.exists():
            command = [sys.executable, str(KEEPER), str(owner), databases.folder()]
            keeper = subprocess.run(command, capture_output=True, text=True, timeout=KEEPER_LIMIT_S)
            if not keeper.stdout:
                pytest.fail(f"no database for the tests:\n{keeper.stderr[-800:]}", pytrace=False)
            told.write_text(keeper.stdout)
        found: dict[str, str] = json.loads(told.read_text())
    return found


@pytest.fixture
def database_url(template: dict[str, str]) -> Iterator[str]:
    """A migrated, empty database for one test."""
    with databases.fresh(template) as url:
        yield url


@pytest.fixture(scope="module")
def module_database_url(template: dict[str, str]) -> Iterator[str]:
    """A migrated database for the tests of one module (those of them that run on the same worker)."""
    with databases.fresh(template) as url:
        yield url
