from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest
import worlds_of_goods as w
from click.testing import CliRunner, Result

from fleettrack.cli import main
from fleettrack.services import manifest, tracing
from fleettrack.services.manifest import table

GUIDE = (Path(__file__).parents[3] / "docs" / "manifest.md").read_text("utf-8")


def run(url: str, *arguments: str) -> Result:
    """Run a command on a database."""
    return CliRunner().invoke(main, [*arguments, "--database-url", url])


@pytest.fixture
def url(database_url: str) -> str:
    """A database with a world in it."""

    async def populate() -> None:
        async with w.world(database_url):
            pass

    asyncio.run(populate())
    return database_url


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A good manifest."""
    path = tmp_path / "monday.csv"
    item = w.HEAD | {"gtin": w.GTIN, "serial": "A/1", "unit": w.sscc(1)}
    path.write_bytes(w.as_csv([*w.STOPS, item]))
    return path


def test_import_then_trace(url: str, file: Path) -> None:
    done = run(url, "import", str(file), "--json")
    assert done.exit_code == 0
    report = json.loads(done.output)
    assert (report["serials"], report["units"], report["already"]) == (1, 1, False)
    again = run(url, "import", str(file))
    assert again.exit_code == 0
    assert "was imported already" in again.output

    found = run(url, "trace", w.link("A%2F1"), "--json")
    assert found.exit_code == 0
    traced = json.loads(found.output)
    assert traced["serial"] == w.link("A%2F1")
    assert traced["holder"] == {"party": "acme", "status": "confirmed", "since": "2026-03-01T08:00:00Z"}
    assert traced["parents"] == [w.unit(1)]

    told = run(url, "trace", "A/1")
    assert told.exit_code == 0
    assert "acme (confirmed) since 2026-03-01 " in told.output
    assert "commissioned" in told.output
    early = run(url, "trace", "A/1", "--at", "2026-02-01T00:00:00Z")
    assert "nobody yet" in early.output


def test_a_refused_manifest_names_its_bad_rows(url: str, file: Path) -> None:
    file.write_bytes(w.as_csv([w.STOPS[0] | {"place": "plants"}, w.STOPS[1]]))
    refused = run(url, "import", str(file))
    assert refused.exit_code == 1
    assert "line 2, place: 'plants': there is no such place" in refused.output
    as_json = run(url, "import", str(file), "--json")
    assert as_json.exit_code == 1
    assert json.loads(as_json.output) == {
        "imported": False,
        "problems": [{"line": 2, "column": "place", "value": "plants", "reason": "there is no such place"}],
        "more": 0,
    }


def test_an_ambiguous_serial_lists_its_candidates(url: str, file: Path) -> None:
    rows = [w.HEAD | {"gtin": gtin, "serial": "7"} for gtin in (w.GTIN, "80614141123458")]
    file.write_bytes(w.as_csv([*w.STOPS, *rows]))
    assert run(url, "import", str(file)).exit_code == 0
    asked = run(url, "trace", "7")
    assert asked.exit_code == 2
    assert w.link("7") in asked.output
    assert run(url, "trace", "8").exit_code == 1
    assert run(url, "trace", "https://id.gs1.org/01/1/21/7").exit_code == 1


def test_commands_show_an_example() -> None:
    for command in ("import", "trace"):
        shown = CliRunner().invoke(main, [command, "--help"])
        assert shown.exit_code == 0
        assert f"Example: fleettrack {command} " in shown.output


async def test_the_example_of_the_guide_is_imported(database_url: str) -> None:
    example = re.findall(r"```csv\n(.*?)```", GUIDE, re.DOTALL)[0].lower().replace("a-1", "A-1").encode()
    async with w.world(database_url) as world:
        report = await world.manifest_bytes(example)
        assert (report.consignments, report.stops, report.serials, report.units, report.items) == (1, 2, 2, 2, 1)
        found = await tracing.trace(world.db, "A-17", now=w.NOW)
        assert found.parents == [w.unit(1), w.unit(2)]


def test_the_guide_tells_of_all_columns_and_figures() -> None:
    for name in (*table.COLUMNS, *manifest.Report.__struct_fields__):
        assert f"`{name}`" in GUIDE or f'"{name}"' in GUIDE, name
