from __future__ import annotations

import json

import psycopg
import pytest
from click.testing import CliRunner

from fleettrack.cli import key
from fleettrack.domain import errors


@pytest.fixture
def run(database_url):
    def invoke(*arguments):
        done = CliRunner().invoke(key.command, [*arguments, "--database-url", database_url], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    return invoke


def test_a_key_is_made_listed_and_revoked(run, database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("INSERT INTO party (ref, name) VALUES ('ACME', 'Acme')")
    token = run("create", "--role", "carrier", "--party", "ACME", "--name", "gateway", "--days", "30").strip()
    prefix = token[: token.index("_", 4)]
    assert len(token) > 40
    listed = run("list")
    assert prefix in listed
    assert "ACME" in listed
    assert "until" in listed
    assert token not in listed
    assert "is revoked" in run("revoke", prefix)
    (row,) = [json.loads(line) for line in run("list", "--json").splitlines()]
    assert (row["prefix"], row["revoked_at"] is not None) == (prefix, True)
    assert "revoked" in run("list")


def test_json_tells_all_about_a_new_key(run):
    made = json.loads(run("create", "--role", "admin", "--json"))
    assert made["token"].startswith(made["prefix"])
    assert made["expires_at"] is None


def test_what_is_asked_wrongly_is_refused(run):
    with pytest.raises(errors.Invalid):
        run("create", "--role", "carrier")
    with pytest.raises(errors.NotFound):
        run("revoke", "flt_nothing")


@pytest.mark.parametrize("name", ["create", "list", "revoke"])
def test_help_has_an_example(name):
    done = CliRunner().invoke(key.command, [name, "--help"])
    assert "Example: fleettrack key" in done.output
