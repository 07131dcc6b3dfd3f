"""A manifest as rows of text: its header, its encoding, its width. What the texts mean is read elsewhere."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import BinaryIO

from fleettrack.services.shipping.problems import Problems

COLUMNS = (
    "consignment", "consignor", "consignee", "carrier", "stop", "place", "role", "window_from", "window_to",
    "on_arrival", "unit", "parent_unit", "gtin", "serial", "lot", "expiry", "from_stop", "to_stop",
)  # fmt: skip

FIELD_MAX = 1_000  # characters; a longer one is a quote that was never closed

Row = tuple[int, list[str]]
"""The line it ends on, and its texts in the order of COLUMNS; an absent column says nothing."""


def read(file: BinaryIO, problems: Problems) -> Iterator[Row]:
    """Yield the rows that have the right width and can be read; the others become problems."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    reader = csv.reader(text, strict=True)
    try:
        header = next(reader, None)
        if header is None:
            problems.add(1, "", "", f"the file is empty; its first line names the columns: {','.join(COLUMNS)}")
        elif _good_header(header, problems):
            order = None if tuple(header) == COLUMNS else [header.index(c) if c in header else None for c in COLUMNS]
            for row in reader:
                line = reader.line_num
                if row and len(row) != len(header):
                    reason = f"{len(row)} values in {len(header)} columns"
                    problems.add(line, "", ",".join(row)[:100], reason)
                elif row and _readable(row, header, line, problems):
                    yield line, row if order is None else ["" if i is None else row[i] for i in order]
    except csv.Error as exc:
        problems.add(reader.line_num, "", "", f"this is no CSV from here on: {exc}")
    finally:
        text.detach()  # the file is the caller's


def _good_header(header: list[str], problems: Problems) -> bool:
    before = problems.count
    for i, column in enumerate(header):
        if column not in COLUMNS:
            problems.add(1, column, column, f"there is no such column; there are {', '.join(COLUMNS)}")
        elif column in header[:i]:
            problems.add(1, column, column, "this column comes twice")
    if "consignment" not in header:
        problems.add(1, "consignment", "", "there is no column that names the consignment")
    return problems.count == before


def _readable(row: list[str], header: list[str], line: int, problems: Problems) -> bool:
    whole = "".join(row)
    if whole.isprintable() and len(whole) <= FIELD_MAX:
        return True
    before = problems.count
    for column, value in zip(header, row, strict=True):
        if len(value) > FIELD_MAX:
            problems.add(line, column, value[:100], f"longer than {FIELD_MAX} characters")
        elif not value.isprintable():
            encoded = any("\udc80" <= c <= "\udcff" for c in value)
            reason = "not UTF-8" if encoded else "a character that cannot be printed, such as a tab or a line break"
            problems.add(line, column, ascii(value), reason)
    return problems.count == before
