"""The reference evaluation of recorded logs, with its own criteria, in this process."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path
from typing import Any

import click.testing
import pytest

from fleettrack import cli


def run_here(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
    result = click.testing.CliRunner().invoke(cli.main, command[1:])
    return subprocess.CompletedProcess(command, result.exit_code, result.stdout, result.stderr)


@pytest.mark.reference
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the script leaves its files to the collector
def test_recorded_logs_decode_as_gpsd_decodes_them(
    reference: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = importlib.util.spec_from_file_location("decode_eval", reference / "evaluation" / "decode_eval.py")
    assert spec is not None
    assert spec.loader is not None
    evaluation = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(evaluation)
    monkeypatch.setattr(subprocess, "run", run_here)
    assert evaluation.main(str(reference / "data" / "nmea"), "fleettrack", set()) == 0
    assert (
        "2394 of 2394 positions found, 0 fixes from void seconds, 0 logs ended in an error" in capsys.readouterr().out
    )
