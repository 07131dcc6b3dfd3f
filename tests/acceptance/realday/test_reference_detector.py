"""The service's fold beside the reference detector on every recorded day: each difference has a cause with a name."""

from __future__ import annotations

from pathlib import Path

import capmetro
import comparison
import pytest
import routes

pytestmark = [pytest.mark.reference, pytest.mark.long]

DAYS = ("2016-03-22", "2016-11-24", "2016-11-25", "2016-11-26", "2016-11-27", "2016-12-16", "2017-03-16")


@pytest.mark.parametrize("name", DAYS)
def test_every_difference_from_the_reference_is_explained(reference: Path, name: str) -> None:
    day = capmetro.read(reference / "data" / "capmetro" / f"{name}.csv.gz")
    ends = routes.places(day)
    script = reference / "evaluation" / "arrival_eval.py"
    beside = comparison.compare(script, day, ends, comparison.folded(day, ends))
    print(f"{name}: {beside}")
    assert beside.unexplained == []
    assert beside.reference > 300
