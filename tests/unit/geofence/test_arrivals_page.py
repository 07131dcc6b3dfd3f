"""What docs/arrivals.md lists is what can be set."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from fleettrack.geofence import rules

PAGE = Path(__file__).parents[3] / "docs" / "arrivals.md"


def test_every_setting_of_a_fence_is_documented_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (\S+) \|", PAGE.read_text("utf-8"), re.MULTILINE))
    assert rows.pop("through_road") == "false"
    assert {name: float(value) for name, value in rows.items()} == msgspec.structs.asdict(rules.Rules())
