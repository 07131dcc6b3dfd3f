"""A recorded file: what is in it, its lines, and how far it has been read."""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal, cast

Format = Literal["nmea", "json", "csv"]

HEAD_BYTES = 4096
LINE_BYTES = 1 << 20
_GZIP = b"\x1f\x8b"
_CSV = re.compile(rb"[^\n]*\b(lat|latitude)\b[^\n]*[,;][^\n]*\b(lon|lng|longitude)\b", re.IGNORECASE)


class Recording:
    """A file, plain or gzipped; `format` is what its beginning looks like."""

    def __init__(self, path: Path, format: Format | None = None) -> None:
        self.path = path
        self.size = path.stat().st_size
        self._raw = path.open("rb")
        zipped = self._raw.read(2) == _GZIP
        self._raw.seek(0)
        plain = gzip.GzipFile(fileobj=self._raw) if zipped else self._raw
        self._stream = io.BufferedReader(cast(io.RawIOBase, plain), LINE_BYTES)
        self.format: Format = format or look(self._stream.peek(HEAD_BYTES)[:HEAD_BYTES])

    @property
    def read_bytes(self) -> int:
        """How many bytes of the file (as it lies on disk) have been read."""
        return self._raw.tell()

    def lines(self) -> Iterator[bytes]:
        """Yield the lines with their ends (of NMEA a lone CR is one, too); an endless one comes in pieces."""
        stream = cast(BinaryIO, self._stream)
        while line := stream.readline(LINE_BYTES):
            if self.format == "nmea" and b"\r" in line[:-2]:
                yield from line.splitlines(keepends=True)
            else:
                yield line

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
        self._raw.close()


def look(head: bytes) -> Format:
    """Tell the format of a file by how it begins."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start[:1] in (b"{", b"["):
        return "json"
    if _CSV.match(start) and not start.startswith(b"$"):
        return "csv"
    return "nmea"
