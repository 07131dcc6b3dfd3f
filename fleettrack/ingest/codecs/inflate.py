"""Undo gzip and deflate without ever holding more than the caller allows."""

from __future__ import annotations

import zlib

from fleettrack.domain import fix
from fleettrack.ingest.codecs import decoder

ENCODINGS = ("gzip", "deflate")
_AUTO = 32 + zlib.MAX_WBITS  # gzip or zlib, by the header
_RAW = -zlib.MAX_WBITS  # what some senders mean by deflate


def inflate(body: bytes, encoding: str, limit: int) -> bytes | fix.Reject:
    """Return the body inflated, or a reject when it is no such data, is cut, or grows past limit bytes.

    `encoding` is the name in Content-Encoding. A gzip body may have several members, as concatenated files do.
    """
    if encoding not in ENCODINGS:
        return decoder.reject("malformed", body, f"The content encoding {encoding[:40]!r} is not known.")
    raw = encoding == "deflate" and not _has_zlib_header(body)
    parts: list[bytes] = []
    room, rest = limit, body
    while rest or not parts:
        stream = zlib.decompressobj(_RAW if raw else _AUTO)
        try:
            part = stream.decompress(rest, room + 1)
        except zlib.error as exc:
            return decoder.reject("malformed", body, f"The {encoding} data is damaged: {exc}.")
        room -= len(part)
        if room < 0:
            return decoder.reject("inflated_size", body, f"Inflated, the body is longer than {limit} bytes.")
        if not stream.eof:
            return decoder.reject("malformed", body, f"The {encoding} data is cut.")
        parts.append(part)
        rest = stream.unused_data
    return b"".join(parts)


def _has_zlib_header(body: bytes) -> bool:
    """Tell zlib from raw deflate: method 8, and a check that makes the first two bytes a multiple of 31."""
    return len(body) >= 2 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
