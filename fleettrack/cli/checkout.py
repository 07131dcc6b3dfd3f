"""What lies in the source checkout only, not in a wheel: the benchmarks and the readers of recorded data."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import fleettrack
from fleettrack.domain import errors

FOLDER = Path(fleettrack.__file__).parents[1]


def module(name: str) -> Any:
    """Import a module of `benchmarks`.

    Raises:
        NotFound: this is an installation without the checkout.
    """
    if not (FOLDER / "benchmarks" / f"{name}.py").is_file():
        raise errors.NotFound("the benchmarks are in the source checkout only; run this command from one")
    if str(FOLDER) not in sys.path:
        sys.path.insert(0, str(FOLDER))
    return importlib.import_module(f"benchmarks.{name}")
