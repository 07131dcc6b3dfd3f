"""What every command has: an example in its help, and an exit code that tells a wrong question from a failure."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from fleettrack import cli


def all_commands(command, path=()):
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from all_commands(command.get_command(context, name), (*path, name))


@pytest.mark.parametrize("path", list(all_commands(cli.main)), ids=" ".join)
def test_help_shows_an_example(path):
    done = CliRunner().invoke(cli.main, [*path, "--help"])
    assert done.exit_code == 0
    assert "Example: fleettrack " + " ".join(path) in done.output.replace("\n  ", " ")


@pytest.mark.parametrize("option", ["--port", "--nmea-port", "--nmea-udp-port"])
@pytest.mark.parametrize("port", ["99999", "-1", "x"])
def test_a_port_that_there_is_not_is_a_wrong_question(option, port):
    assert CliRunner().invoke(cli.main, ["serve", option, port]).exit_code == 2


def test_a_wrong_setting_is_told_in_words():
    done = CliRunner().invoke(cli.main, ["serve"], env={"FLEETTRACK_PORT": "99999"})
    assert done.exit_code == 1
    assert "  port: Input should be less than or equal to 65535\n" in done.output
    assert "{" not in done.output
