"""The table of targets, and how they are run one after the other."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks import results
from fleettrack.domain import errors

TARGETS: dict[str, str] = {
    "P1": "benchmarks.p1_nmea_tcp",
    "P2": "benchmarks.p2_json_http",
    "P6": "benchmarks.p6_serials",
    "P9": "benchmarks.p9_backlog",
}
"""Target → its module, which has `TITLE` and `run(cache, say)`."""

Say = Callable[[str], None]


def chosen(ids: Sequence[str]) -> list[str]:
    """Return the targets of these names, in the order of the table; all of them where none is named.

    Raises:
        Invalid: there is no such target.
    """
    wanted = {i.upper() for i in ids} or set(TARGETS)
    unknown = sorted(wanted - TARGETS.keys())
    if unknown:
        raise errors.Invalid(f"there is no target {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    return [target for target in TARGETS if target in wanted]


def run(ids: Sequence[str], cache: Path, say: Say) -> Iterator[tuple[results.Line, str]]:
    """Run targets one after the other; yield for each its line for machines and its table for people."""
    cache.mkdir(0o711, parents=True, exist_ok=True)  # as root, the user PostgreSQL runs as must pass through
    for target in chosen(ids):
        module = importlib.import_module(TARGETS[target])
        say(f"{target}: {module.TITLE}")
        parts = module.run(cache, lambda text, target=target: say(f"{target}: {text}"))
        yield results.line(target, parts), results.table(target, module.TITLE, parts)
