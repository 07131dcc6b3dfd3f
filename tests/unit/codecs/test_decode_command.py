"""`fleettrack decode` and the table of commands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click.testing
import pytest
from nmea_lines import GGA, RMC, sealed, text

from fleettrack import cli
from fleettrack.domain import errors

PING = b'{"tracker": "truck-7", "time": 1772352930.25, "lat": 48.1173, "lon": 11.5167, "speed_kmh": 36, "doors": 2}'


def run(*arguments: str, data: bytes = b"") -> tuple[int, list[dict[str, Any]], str]:
    result = click.testing.CliRunner().invoke(cli.main, ["decode", *arguments], input=data)
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()], result.stderr


def test_a_fix() -> None:
    code, rows, summary = run("--tracker", "truck-7", data=text(RMC, GGA))
    assert code == 0
    assert rows == [
        {
            "kind": "fix",
            "protocol": "nmea",
            "tracker": "truck-7",
            "time": "1994-03-23T12:35:19.250Z",
            "lat": 48.1173,
            "lon": 11.5166666,
            "speed_mps": 11.52,
            "course": 84.4,
            "altitude_m": 545.4,
            "accuracy_m": None,
            "hdop": 0.9,
            "satellites": 8,
            "battery_pct": None,
            "flags": [],
            "attributes": {},
        }
    ]
    assert summary == "1 fixes, 0 statuses, 0 rejects, 0 skipped, 0 late\n"


def test_a_status_and_a_reject() -> None:
    void = RMC.replace(",A,48", ",V,48")
    code, rows, summary = run(data=text(void) + b"\xffnoise\\\n" + sealed(RMC)[:-1] + b"X\n")
    assert code == 0
    assert rows[-1] == {
        "kind": "status",
        "protocol": "nmea",
        "tracker": None,
        "status": "void",
        "time": "1994-03-23T12:35:19.250Z",
        "attributes": {},
    }
    assert [(row["kind"], row["reason"], row["raw"]) for row in rows[:2]] == [
        ("reject", "encoding", "\\xffnoise\\"),
        ("reject", "malformed", (sealed(RMC)[:-1] + b"X").decode()),
    ]
    assert "1 statuses, 2 rejects (encoding 1, malformed 1)" in summary


@pytest.mark.parametrize(
    ("form", "count"),
    [(b"%s", 1), (b"%s\n%s\n", 2), (b"[%s,\n%s]", 2), (b"[\n%s,\n\n%s\n]\n", 2), (b"[%s,%s]\n[%s]", 3)],
)
def test_json_in_every_form(form: bytes, count: int) -> None:
    code, rows, _ = run("--protocol", "json", data=form.replace(b"%s", PING))
    assert code == 0
    assert [(row["time"], row["speed_mps"], row["attributes"]) for row in rows] == [
        ("2026-03-01T08:15:30.250Z", 10.0, {"doors": 2})
    ] * count


def test_flags_and_the_reference_time() -> None:
    old = text(RMC.replace("230394", "090407"))
    assert run(data=old)[1][0]["time"] == "2007-04-09T12:35:19.250Z"
    (row,) = run("--reference-time", "2026-11-23T12:36:00+00:00", data=old)[1]
    assert (row["time"], row["flags"]) == ("2026-11-23T12:35:19.250Z", ["rollover"])


def test_the_checksum_policy() -> None:
    (row,) = run("--checksum", "require", data=sealed(RMC)[:-3])[1]
    assert row["reason"] == "checksum_missing"


def test_empty_input_is_no_mistake() -> None:
    assert run() == (0, [], "0 fixes, 0 statuses, 0 rejects, 0 skipped, 0 late\n")
    assert run("--protocol", "json", "--json") == (0, [], "0 fixes, 0 statuses, 0 rejects, 0 skipped, 0 late\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--protocol", "morse"],
        ["no-such-file"],
        ["--reference-time", "now"],
        ["--reference-time", "2026-01-01T00:00:00"],
        ["--checksum", "maybe"],
        ["--wrong"],
    ],
)
def test_wrong_usage(arguments: list[str]) -> None:
    code, rows, message = run(*arguments)
    assert (code, rows) == (2, [])
    assert "Usage: " in message


def test_a_pipe_is_followed_while_it_is_written() -> None:
    command = [sys.executable, "-m", "fleettrack", "decode", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(text(RMC, RMC.replace("123519", "123520")))
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["time"] == "1994-03-23T12:35:19.250Z"
        process.stdin.close()
        assert json.loads(process.stdout.readline())["time"] == "1994-03-23T12:35:20.250Z"
        assert process.wait() == 0


def test_a_file_is_never_read_whole(tmp_path: Path) -> None:
    log = tmp_path / "track.log"
    log.write_bytes(b"x" * 3_000_000 + b"\n" + text(RMC))
    code, rows, _ = run(str(log))
    assert code == 0
    assert [row["kind"] for row in rows] == ["reject", "fix"]
    assert len(rows[0]["raw"]) == 512


def test_every_command_is_listed_loads_and_shows_an_example() -> None:
    runner = click.testing.CliRunner()
    listing = runner.invoke(cli.main, ["--help"])
    assert listing.exit_code == 0
    for name, (_, line) in cli.COMMANDS.items():
        assert f"  {name} " in listing.stdout
        assert line in " ".join(listing.stdout.split())
        command = cli.main.get_command(click.Context(cli.main), name)  # type: ignore[attr-defined]
        leaves = list(command.commands.values()) if isinstance(command, click.Group) else [command]
        assert all("Example" in f"{leaf.epilog}{leaf.help}" for leaf in leaves), name


def test_help_imports_no_command() -> None:
    code = "import sys; from fleettrack import cli; cli.main(['--help'], standalone_mode=False); " + (
        "sys.exit(any(m.startswith(('fleettrack.cli.', 'numpy', 'aiohttp')) for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.NotFound("There is no X."), 1),
        (errors.Ambiguous("X is not unique.", candidates=["a/X", "b/X"]), 2),
        (errors.Invalid("Bad.", problems=["line 3: no"]), 1),
    ],
)
def test_what_could_not_be_done_is_told_and_has_an_exit_code(error: errors.FleettrackError, code: int) -> None:
    @click.command(cls=cli.Commands, table={})
    def group() -> None:
        """Do nothing."""

    @group.command("fail")
    def fail() -> None:
        raise error

    group._table["fail"] = ("unused", "unused")
    group.get_command = lambda ctx, name: fail
    result = click.testing.CliRunner().invoke(group, ["fail"])
    assert result.exit_code == code
    assert result.stderr.startswith(f"Error: {error}")
    for line in [*error.facts.get("candidates", []), *error.facts.get("problems", [])]:
        assert f"  {line}\n" in result.stderr
