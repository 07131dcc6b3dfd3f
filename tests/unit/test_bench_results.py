from __future__ import annotations

import json
from pathlib import Path

import click.testing
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import results, runner
from fleettrack.cli import bench, checkout

KEYS = ["id", "figure", "unit", "ceiling", "ratio", "target", "met"]
rates = st.floats(1e-3, 1e9)


def part(figure: float, ceiling: float | None = None, **said: object) -> results.Part:
    fields = {"name": "x", "unit": "s", "target": 1.0, "figure": figure, "ceiling": ceiling} | said
    return results.Part(**fields)  # type: ignore[arg-type]


def test_a_line_has_the_fixed_keys_in_their_order() -> None:
    line = results.line("P1", [part(30_000, 100_000, target=0.3, at_least=True, unit="positions/s")])
    assert list(msgspec.to_builtins(line)) == KEYS
    assert json.loads(msgspec.json.encode(line)) == {
        "id": "P1",
        "figure": 30_000.0,
        "unit": "positions/s",
        "ceiling": 100_000.0,
        "ratio": 0.3,
        "target": 0.3,
        "met": True,
    }


@given(figure=rates, ceiling=rates, target=rates, at_least=st.booleans())
def test_the_ratio_decides_on_the_side_that_was_asked_for(
    figure: float, ceiling: float, target: float, at_least: bool
) -> None:
    p = part(figure, ceiling, target=target, at_least=at_least)
    assert p.ratio == figure / ceiling
    assert p.met == (target / p.value <= 1 if at_least else p.value / target <= 1)


@given(st.lists(st.tuples(rates, rates), min_size=1))
def test_a_target_is_met_when_all_its_parts_are_and_shows_the_one_under_most_strain(
    said: list[tuple[float, float]],
) -> None:
    parts = [part(figure, judged="figure", target=target) for figure, target in said]
    line = results.line("P6", parts)
    assert line.met == all(p.met for p in parts)
    assert line.target in {p.target for p in parts if p.strain == max(q.strain for q in parts)}


def test_a_figure_by_itself_has_neither_ceiling_nor_ratio() -> None:
    line = results.line("P6", [part(12.0, judged="figure", target=50.0)])
    assert (line.ceiling, line.ratio, line.met) == (None, None, True)


def test_a_ratio_without_a_ceiling_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no ceiling"):
        assert part(1.0).met


@given(st.lists(st.tuples(rates, rates), min_size=1, max_size=9))
def test_pairs_become_medians_with_the_spread_of_their_ratios(pairs: list[tuple[float, float]]) -> None:
    p = results.compared("x", [a for a, _ in pairs], [b for _, b in pairs], unit="s", target=1.0)
    assert p.spread == (min(a / b for a, b in pairs), max(a / b for a, b in pairs))
    assert min(a for a, _ in pairs) <= p.figure <= max(a for a, _ in pairs)


def test_the_table_says_what_was_missed() -> None:
    text = results.table("P9", "a backlog", [part(4.0, 1.0, target=3.0), part(2.0, 1.0, target=3.0)])
    assert text.splitlines()[0] == "P9  a backlog"
    assert [line.endswith(verdict) for line, verdict in zip(text.splitlines()[1:], ("MISSED", "met"), strict=True)]


def test_every_target_has_a_title_and_can_be_run() -> None:
    for target, name in runner.TARGETS.items():
        module = __import__(name, fromlist=["run"])
        assert module.TITLE, target
        assert callable(module.run)


def test_targets_are_named_in_any_case_and_run_in_the_order_of_the_table() -> None:
    assert runner.chosen(["p9", "P1"]) == ["P1", "P9"]
    assert runner.chosen([]) == list(runner.TARGETS)


def test_an_unknown_target_is_named() -> None:
    with pytest.raises(Exception, match=r"no target P99; there are P1, "):
        runner.chosen(["P99"])


def test_the_command_asks_what_to_measure() -> None:
    answer = click.testing.CliRunner().invoke(bench.command, [])
    assert answer.exit_code == 2
    assert "--all" in answer.output


def test_the_command_prints_a_json_line_a_target_and_progress_beside_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def run(ids: tuple[str, ...], cache: Path, say: object) -> object:
        assert callable(say)
        say("P1: under way")
        assert cache == tmp_path / "cache"
        yield results.line("P1", [part(1.0, 2.0)]), "a table"

    monkeypatch.setattr(runner, "run", run)
    answer = click.testing.CliRunner().invoke(bench.command, ["P1", "--json", "--data-dir", str(tmp_path)])
    assert answer.exit_code == 0
    assert [list(json.loads(line)) for line in answer.stdout.splitlines()] == [KEYS]
    assert answer.stderr == "P1: under way\n"


def test_a_wheel_without_the_benchmarks_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(checkout, "FOLDER", tmp_path)
    answer = click.testing.CliRunner().invoke(bench.command, ["P1"])
    assert "source checkout" in str(answer.exception)
