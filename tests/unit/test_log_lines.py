from __future__ import annotations

import json
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from fleettrack import log

TOKEN = "flt_0a1b2c3d_" + "Secret-part_of-the-key" * 2


def hidden(**event):
    return log.hide_secrets(None, "", event)


def test_values_named_like_a_secret_are_blank():
    event = hidden(authorization="Bearer x", api_key="k", secret_sha256=b"1", headers={"X-Api-Key": "k", "Host": "h"})
    assert event == {
        "authorization": log.HIDDEN,
        "api_key": log.HIDDEN,
        "secret_sha256": log.HIDDEN,
        "headers": {"X-Api-Key": log.HIDDEN, "Host": "h"},
    }


@given(st.text(), st.text())
def test_a_key_never_gets_through_wherever_it_stands(before, after):
    said = str(hidden(event=f"{before} {TOKEN} {after}", nested=[{"a": (f"x {TOKEN}",)}]))
    assert "Secret-part" not in said
    assert "flt_0a1b2c3d" in said  # which key it was may be known


def test_the_log_is_json_lines_in_utc_with_what_libraries_say():
    script = f"""
import logging
from fleettrack import log
log.setup("info")
log.get("a").info("ours", n=1, token="{TOKEN}")
log.get("a").debug("too fine")
logging.getLogger("library").warning("theirs %s", "{TOKEN}")
try:
    1 / 0
except ZeroDivisionError:
    log.get("a").exception("failed")
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in run.stderr.splitlines()]
    assert [line["event"].split(" ")[0] for line in lines] == ["ours", "theirs", "failed"]
    assert [line["level"] for line in lines] == ["info", "warning", "error"]
    assert all(line["timestamp"].endswith("Z") for line in lines)
    assert "ZeroDivisionError" in lines[2]["exception"]
    assert "Secret-part" not in run.stderr
    assert run.stdout == ""
