"""The evaluation of arrivals: its scores, its worlds, and the command."""

from __future__ import annotations

import importlib.util
import itertools
import json
import zipfile
from pathlib import Path
from typing import Any

import click.testing
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import athens
from fleettrack.cli import main
from fleettrack.geofence.evaluation import detectors, motion, receiver, run, scoring, trial, yard
from fleettrack.geofence.evaluation.detectors import Arrival

FIGURES = {"precision", "recall", "f1", "duplicates", "median_time_error_s"}


def test_each_visit_is_matched_once() -> None:
    visits = [(1000.0, 2000.0), (5000.0, 6000.0)]
    told = [Arrival(1010, 1200), Arrival(1900, 2000), Arrival(3000, 3100), Arrival(4600, 5200)]
    tally = scoring.score(told, visits)
    assert (tally.visits, tally.hits, tally.duplicates, tally.false) == (2, 2, 1, 1)
    assert (tally.errors_s, tally.delays_s) == ([10, -400], [200, 200])
    figures = tally.figures()
    assert figures["precision"] == 0.5
    assert figures["recall"] == 1
    assert figures["f1"] == pytest.approx(2 / 3)
    assert figures["duplicates"] == 500
    assert figures["median_time_error_s"] == 205


@pytest.mark.parametrize(("at", "false"), [(399, 1), (400, 0), (2300, 0), (2301, 1)])
def test_an_arrival_may_be_ten_minutes_early_and_five_late(at: float, false: int) -> None:
    assert scoring.score([Arrival(at, at)], [(1000, 2000)]).false == false


def test_a_neutral_span_counts_as_nothing() -> None:
    tally = scoring.score([Arrival(50, 60), Arrival(500, 600)], [], [(400, 700)])
    assert (tally.false, tally.hits, tally.visits) == (1, 0, 0)
    assert tally.figures()["recall"] is None


def test_arriving_before_the_last_visit_is_over_would_move_custody_twice() -> None:
    assert scoring.score([Arrival(0, 1, 100), Arrival(99, 100)], []).overlaps == 1
    assert scoring.score([Arrival(0, 1, 100), Arrival(100, 101)], []).overlaps == 0
    assert scoring.score([Arrival(0, 1), Arrival(100, 101)], []).overlaps == 0  # it does not say when it was over


@given(st.lists(st.floats(0, 10_000), max_size=8), st.lists(st.floats(0, 10_000), max_size=8))
def test_every_arrival_is_a_hit_a_duplicate_or_false(times: list[float], starts: list[float]) -> None:
    visits = [(start, start + 100) for start in sorted(starts)]
    tally = scoring.score([Arrival(t, t) for t in times], visits)
    assert tally.hits + tally.duplicates + tally.false == len(times)
    assert tally.hits <= tally.visits == len(visits)


def test_the_usual_detectors() -> None:
    time = np.arange(0.0, 1000, 100)
    inside = np.array([0, 1, 0, 1, 1, 1, 1, 1, 0, 1], dtype=np.bool_)
    assert [a.time_s for a in detectors.naive(time, inside)] == [100, 300, 900]
    assert detectors.plain_dwell(time, inside) == [Arrival(300, 600)]


@pytest.mark.parametrize("world", run.WORLDS)
def test_a_true_visit_is_inside_from_first_to_last_stop(world: str) -> None:
    for seed in range(5):
        day = run.WORLDS[world](np.random.default_rng(seed))
        for i, site in enumerate(day.sites):
            stays = [stay for stay in day.stays if stay.site == i]
            within = motion.inside(site, day.path)
            speed = np.append(0, np.hypot(*np.diff(day.path, axis=0).T))
            for stay in stays:
                assert within[stay.enter_s + 2 : stay.enter_s + 10].all()
                assert within[stay.exit_s - 10 : stay.exit_s - 2].all()
                assert (speed[stay.enter_s : stay.exit_s] == 0).sum() >= 140
            assert all(a.exit_s < b.enter_s for a, b in itertools.pairwise(stays))


def test_the_same_seed_gives_the_same_figures() -> None:
    cell = run.Cell("two_fences", receiver.Reception(60, 12.0, True), days=2)
    assert run.measure(cell, 5).figures() == run.measure(cell, 5).figures() != run.measure(cell, 6).figures()


def test_without_noise_every_long_stop_is_told_to_the_second() -> None:
    """Perfect receivers every 10 s: no arrival is false, and none is missed."""
    days = [yard.day(np.random.default_rng(seed)) for seed in range(4)]
    exact = []
    for day in days:
        at = np.arange(0, len(day.path), 10)
        speed = np.append(0, np.hypot(*np.diff(day.path, axis=0).T))[at]
        exact.append(receiver.Pings(at * 1.0, *day.path[at].T, np.full(len(at), 3.0), speed))
    result = run.scored(trial.of_days(days, exact))
    ours = result.tallies["ours"]
    assert ours.visits == ours.hits == result.seen > 8
    assert (ours.false, ours.duplicates, ours.overlaps) == (0, 0, 0)
    assert max(abs(error) for error in ours.errors_s) <= 10
    assert result.tallies["naive"].false > 0


@pytest.mark.reference
def test_the_generator_is_the_references(reference: Path) -> None:
    spec = importlib.util.spec_from_file_location("arrival_eval", reference / "evaluation" / "arrival_eval.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    for seed, (cadence, sigma, sleeps) in enumerate([(10, 4.0, False), (60, 12.0, True), (300, 12.0, True)]):
        ours, theirs = np.random.default_rng(seed), np.random.default_rng(seed)
        day = yard.day(ours)
        path, visits = script.day(theirs)
        assert np.array_equal(day.path, path)
        assert [(stay.enter_s, stay.exit_s) for stay in day.stays] == visits
        heard = receiver.receive(ours, day, receiver.Reception(cadence, sigma, sleeps))
        columns = (heard.time, heard.x, heard.y, heard.accuracy, heard.speed)
        for mine, other in zip(columns, script.pings(theirs, path, cadence, sigma, sleeps), strict=True):
            assert mine == pytest.approx(other, abs=1e-9)


def evaluate(*arguments: str) -> tuple[dict[str, Any], str]:
    answer = click.testing.CliRunner().invoke(main, ["geofence", "evaluate", "--days", "1", "--json", *arguments])
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout), answer.stderr


@pytest.fixture
def two_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all cells only two of each world, so that the command is quick."""
    monkeypatch.setattr(run, "SIGMAS_M", (4.0,))
    monkeypatch.setattr(run, "CADENCES_S", (60, 300))


@pytest.mark.usefixtures("two_cells")
def test_the_command_has_the_fixed_names() -> None:
    found, log = evaluate("--seed", "7")
    assert "seed 7" in log
    assert found["seed"] == 7
    assert set(found["worlds"]) == {"through_traffic", "back_again", "two_fences"}
    for groups in (found["summary"], *found["worlds"].values()):
        for group in ("le_60s", "gt_60s"):
            for figures in (groups[group], groups[group]["naive"], groups[group]["plain_dwell"]):
                assert figures.keys() >= FIGURES
    assert found["summary"]["custody_moved_twice"] == 0
    assert 0 <= found["summary"]["gt_60s"]["any_fix_inside"] <= 1
    assert evaluate("--seed", "7")[0] == found


@pytest.mark.usefixtures("two_cells")
def test_without_a_seed_it_takes_a_fresh_one_and_says_which() -> None:
    seeds = [found["seed"] for found, log in (evaluate(), evaluate()) if f"seed {found['seed']}" in log]
    assert len(set(seeds)) == 2


@pytest.mark.usefixtures("two_cells")
def test_people_get_tables() -> None:
    answer = click.testing.CliRunner().invoke(main, ["geofence", "evaluate", "--days", "1"])
    assert answer.exit_code == 0
    for word in ("reference, a ping every 120 or 300 s", "precision", "plain dwell", "any fix inside", "custody moved"):
        assert word in answer.stdout


def recorded(folder: Path) -> Path:
    """An archive of the form of the Athens trucks: two yards, ten truck-days back and forth, a fix every 30 s."""
    archive = folder / "trucks.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for day in range(10):
            rows, t = [], 0
            for north in (0, 3000, 0, 3000):
                at = rows[-1][1] if rows else 1500
                way = np.linspace(at, 4_200_000 + north, 12)[1:] if rows else [4_200_000 + north - 900]
                for y in (*way, *[4_200_000 + north + 5] * 20):
                    rows.append((t, float(y), 480_000.0))
                    t += 30
            text = "\n".join(f"{t},{y} {x}" for t, y, x in rows)
            file.writestr(f"set/{day:03d} s0010{day} cT.r2", text)
            file.writestr(f"set/{day:03d} s0010{day} cB.r2", "not a track")
    return archive


@pytest.mark.usefixtures("two_cells")
@pytest.mark.parametrize("folder", [False, True])
def test_recorded_tracks_are_measured_on_too(tmp_path: Path, folder: bool) -> None:
    archive = recorded(tmp_path)
    found, _ = evaluate("--tracks", str(tmp_path if folder else archive))
    real = found["athens"]
    assert real["arrivals"] == 40
    assert (real["precision"], real["recall"], real["f1"], real["duplicates"]) == (1, 1, 1, 0)
    assert real["naive"].keys() >= FIGURES
    assert real["plain_dwell"]["f1"] == 1
    assert real["creeping_neutral"]["f1"] == 1


def test_tracks_that_are_none_are_refused(tmp_path: Path) -> None:
    answer = click.testing.CliRunner().invoke(main, ["geofence", "evaluate", "--tracks", str(tmp_path)])
    assert answer.exit_code == 1
    assert "no tracks" in answer.stderr


@pytest.mark.reference
def test_athens_meets_a2(reference: Path) -> None:
    found = athens.evaluate(reference / "data" / "athens_trucks")
    assert found["arrivals"] == 1873  # the visits of the reference's own evaluation
    assert found["f1"] >= 0.92
    assert found["creeping_neutral"]["f1"] >= found["f1"]
    assert found["plain_dwell"]["f1"] == pytest.approx(0.843, abs=0.002)
    assert found["naive"]["f1"] == pytest.approx(0.475, abs=0.002)
