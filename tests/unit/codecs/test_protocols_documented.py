"""docs/protocols.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fleettrack.domain import fix
from fleettrack.ingest.codecs import json_fix, json_items, json_ping, registry
from fleettrack.ingest.codecs.nmea import codec, sentence

PAGE = (Path(__file__).parents[3] / "docs" / "protocols.md").read_text()


def test_every_reject_reason_is_documented_and_no_other() -> None:
    table = PAGE.partition("## Why a message is refused")[2]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(fix.REJECT_REASONS)


@pytest.mark.parametrize("protocol", registry.CODECS)
def test_every_protocol_is_documented(protocol: str) -> None:
    assert f"| `{protocol}` |" in PAGE


@pytest.mark.parametrize("field", json_fix.Ping.__struct_fields__)
def test_every_field_of_a_ping_is_documented(field: str) -> None:
    assert f'"{field}"' in PAGE or f"`{field}`" in PAGE


@pytest.mark.parametrize("kind", sentence.KINDS)
def test_every_sentence_is_documented(kind: str) -> None:
    assert kind in PAGE


def test_the_limits_are_the_documented_ones() -> None:
    for phrase in (
        f"at most {codec.LINE_LIMIT:,} bytes",
        f"Up to {fix.RAW_KEPT} raw bytes",
        f"{json_ping.BODY_LIMIT >> 20} MiB a body",
        f"{json_ping.LINE_LIMIT >> 20} MiB a line",
        f"{json_items.ITEMS_LIMIT:,} items",
        f"{json_fix.DEPTH_LIMIT} levels of nesting",
        f"{json_fix.TEXT_LIMIT} characters for `tracker` and `id`",
        f"below {int(json_fix.MS_FROM):,} in seconds",
    ):
        assert phrase in PAGE
