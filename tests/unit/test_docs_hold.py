"""What the documents list is what the code has: settings, metrics, routes, problems, reasons of rejects."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fleettrack import config, metrics
from fleettrack.domain import fix
from fleettrack.http import app, health, problems, routes

ROOT = Path(__file__).parents[2]


def text(name):
    return (ROOT / "docs" / name).read_text("utf-8")


def told(default):
    match default:
        case None:
            return "–"
        case bool():
            return str(default).lower()
        case ():
            return "none"
    return str(default)


def settings_rows():
    for name, field in config.Settings.model_fields.items():
        default = "see below" if field.default_factory else told(field.default)
        yield f"| `FLEETTRACK_{name.upper()}` | {default} | {field.description} |"


def listener_rows():
    for name, field in config.Listener.model_fields.items():
        yield f"| `{name}` | {told(field.default)} | {field.description} |"


@pytest.mark.parametrize("row", [*settings_rows(), *listener_rows()])
def test_every_setting_is_documented_as_it_is(row):
    assert row in text("settings.md").splitlines()


def test_no_setting_is_documented_that_there_is_not():
    documented = set(re.findall(r"^\| `FLEETTRACK_(\w+)`", text("settings.md"), re.MULTILINE))
    assert documented == {name.upper() for name in config.Settings.model_fields}


def metric_names():
    made = metrics.Metrics()
    names = {family.name + ("_total" if family.type == "counter" else "") for family in made.registry.collect()}
    wired = (ROOT / "fleettrack/bootstrap.py").read_text("utf-8")
    return names | {f"fleettrack_{name}" for name in re.findall(r'\.watch\(\s*"(\w+)"', wired)}


def test_every_metric_is_documented_and_no_other():
    documented = set(re.findall(r"^\| `(fleettrack_\w+)`", text("metrics.md"), re.MULTILINE))
    assert documented == metric_names()


@pytest.mark.parametrize("family", list(metrics.Metrics().registry.collect()), ids=lambda f: f.name)
def test_no_metric_is_labelled_by_who_sent(family):
    labels = {label for collector in (family,) for sample in collector.samples for label in sample.labels}
    assert not labels & {"tracker", "identity", "source", "key", "api_key"}


def documented_routes():
    return set(re.findall(r"^\| `([A-Z]+) (/[^`?]*)", text("api.md"), re.MULTILINE))


def test_every_route_is_documented_and_no_other():
    there = {(route.method, routes.PREFIX + route.path) for route in app.TABLE}
    there |= {(route.method, route.path) for route in health.ROUTES}
    assert documented_routes() == there


def test_the_documented_roles_are_the_real_ones():
    lines = text("api.md").splitlines()
    for route in app.TABLE:
        start = f"| `{route.method} {routes.PREFIX}{route.path}"
        (line,) = [x for x in lines if x.startswith((start + "`", start + "?"))]
        roles = line.split("|")[2].strip()
        words = {"everybody": routes.EVERYBODY, "staff": routes.STAFF, "admin": routes.ADMIN}
        assert words[roles] == route.roles, route.path


def test_every_problem_is_documented():
    kinds = [*problems.KINDS.values(), *problems.HTTP_KINDS.values(), problems.INTERNAL]
    documented = set(re.findall(r"^\| `([a-z-]+)` \| (\d+)", text("api.md"), re.MULTILINE))
    assert documented == {(kind.slug, str(kind.status)) for kind in kinds}


@pytest.mark.parametrize(("reason", "meaning"), list(fix.REJECT_REASONS.items()))
def test_every_reason_of_a_reject_is_documented(reason, meaning):
    assert f"| `{reason}` | {meaning} |" in text("api.md")
