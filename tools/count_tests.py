"""Count the tests that ran, by tier: `python tools/count_tests.py TIER…` after `make test`, `test-fault`, `test-long`.

Reads their reports in build/, prints one line a tier and a sum. Exits 1 when a tier named as an argument ran no
test (a skipped one did not run): green because empty is not green.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

BUILD = Path(__file__).parents[1] / "build"
OUTCOMES = {"failure": "failed", "error": "failed", "skipped": "skipped"}


def tier(report: Path, case: ElementTree.Element) -> str:
    """Return unit, integration or acceptance (the folder) for `make test`, else the name of the report."""
    folders = case.get("classname", "").split(".")
    return folders[1] if report.stem == "test" and len(folders) > 1 else report.stem


def outcome(case: ElementTree.Element) -> str:
    """Return passed, failed or skipped."""
    return next((OUTCOMES[child.tag] for child in case if child.tag in OUTCOMES), "passed")


def main(required: list[str]) -> int:
    """Print the counts and tell whether every required tier ran."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in required}
    for report in sorted(BUILD.glob("*.xml")):
        for case in ElementTree.parse(report).iter("testcase"):
            counts.setdefault(tier(report, case), Counter())[outcome(case)] += 1
    for name, count in counts.items():
        print(f"{name:12}", *(f"{count[kind]:5} {kind}" for kind in ("passed", "failed", "skipped")))
    empty = [name for name in required if not counts[name]["passed"] + counts[name]["failed"]]
    if empty:
        print("ran no test:", ", ".join(empty))
    total = sum(counts.values(), Counter[str]())
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 1 if empty else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
