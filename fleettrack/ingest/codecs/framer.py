"""Bytes to lines, with a bound on what a line may hold."""

from __future__ import annotations

from fleettrack.domain import fix
from fleettrack.ingest.codecs import decoder


class Framer:
    """Cuts a stream into lines, however it is chunked; a line over the limit becomes one reject.

    With `carriage` a lone CR ends a line too, as some receivers send. Empty lines are dropped.
    """

    __slots__ = ("_carriage", "_limit", "_skipping", "_tail")

    def __init__(self, limit: int, *, carriage: bool = False) -> None:
        self._limit = limit
        self._carriage = carriage
        self._tail = bytearray()  # grows in place: drips cost neither copies nor an object each
        self._skipping = False  # inside an over-long line, whose reject is already out

    @property
    def tail(self) -> bytes:
        """What has come of the line that is not complete yet."""
        return bytes(self._tail)

    @property
    def size(self) -> int:
        """How many bytes that are."""
        return len(self._tail)

    def feed(self, data: bytes) -> list[bytes | fix.Reject]:
        """Return the lines that these bytes complete, in order."""
        if self._carriage:
            data = data.replace(b"\r", b"\n")
        if self._skipping:
            _, newline, data = data.partition(b"\n")
            self._skipping = not newline
        lines: list[bytes] = []
        if b"\n" in data:
            lines = data.split(b"\n")
            if self._tail:
                lines[0] = bytes(self._tail) + lines[0]
                self._tail.clear()
            data = lines.pop()
        self._tail += data
        if len(self._tail) > self._limit:
            lines.append(self.take())
            self._skipping = True
        return [line if len(line) <= self._limit else _too_long(line, self._limit) for line in lines if line]

    def take(self) -> bytes:
        """Return and forget the line that is not complete yet."""
        tail = self.tail
        self._tail.clear()
        self._skipping = False
        return tail


def _too_long(line: bytes, limit: int) -> fix.Reject:
    return decoder.reject(
        "too_long", line[:limit], f"The line is longer than {limit} bytes; the rest of it is passed over."
    )
