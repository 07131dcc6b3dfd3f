"""The commands of the README, to the letter but for ports, folders and where the program lies."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from pathlib import Path

import pytest
import service as real

ROOT = Path(__file__).parents[2]
NEEDED = ("bash", "curl", "nc")
LIMIT_S = 60.0


def commands() -> str:
    """The shell blocks from the first ping to custody, without the one that starts the service."""
    text = (ROOT / "README.md").read_text("utf-8")
    part = text[text.index("### Your first ping") : text.index("More: [manifests]")]
    return "\n".join(b for b in re.findall(r"^```sh\n(.*?)^```", part, re.DOTALL | re.MULTILINE) if " serve " not in b)


@pytest.mark.skipif(
    "CI" not in os.environ and not all(map(shutil.which, NEEDED)), reason=f"this machine lacks one of {NEEDED}"
)
async def test_the_first_steps_lead_where_they_say(service: real.Service, tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("fleettrack")
    script = commands().replace(".venv/bin/fleettrack", str(program))
    script = script.replace("http://127.0.0.1:8080", service.url).replace(" 5000", f" {service.nmea_port}")
    settings = {
        "FLEETTRACK_DATABASE_URL": service.dsn,
        "FLEETTRACK_DATA_DIR": str(service.data_dir),
    }
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-euc",
        script,
        cwd=tmp_path,
        env={**os.environ, **settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await asyncio.wait_for(process.communicate(), LIMIT_S))[0].decode()
    assert process.returncode == 0, said
    assert "urn:fleettrack:problem" not in said
    assert '"held":1' in said  # truck-8, before it is registered
    assert '{"identity":"truck-7","pings":1' in said  # what came over TCP
    assert '"adopted":1' in said
    assert "held by      SHOP (provisional)" in said  # now
    assert "held by      FAST (provisional)" in said  # 45 minutes ago
    assert "entries are sealed and whole" in said
    assert '"holder":{"party":"SHOP","status":"confirmed"' in said
    assert '"kind":"short"' in said
