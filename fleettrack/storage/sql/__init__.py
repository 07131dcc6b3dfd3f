"""SQL lives in `.sql` files: named blocks, each with a line that says what it is for."""

from __future__ import annotations

import functools
import re
from importlib import resources
from typing import LiteralString, cast

_BLOCK = re.compile(r"^-- :name (\w+)\s*$", re.MULTILINE)


@functools.cache
def queries(name: str) -> dict[str, LiteralString]:
    """Return the named statements of `queries/<name>.sql`."""
    text = resources.files(__name__).joinpath("queries", f"{name}.sql").read_text("utf-8")
    parts = _BLOCK.split(text)
    return {key: cast(LiteralString, body.strip()) for key, body in zip(parts[1::2], parts[2::2], strict=True)}


def schema_files(engine: str) -> list[tuple[str, LiteralString]]:
    """Return (name, text) of the schema's files in order, leaving out those of the other engine.

    A file named `NN_x.timescaledb.sql` or `NN_x.plain.sql` belongs to that engine only.
    """
    folder = resources.files(__name__).joinpath("schema")
    found = []
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        stem = file.name.removesuffix(".sql")
        if stem != file.name and stem.rpartition(".")[2] in (stem, engine):
            found.append((file.name, file.read_text("utf-8")))
    return found
