"""Undo gzip and deflate without ever holding more than the caller allows."""

from __future__ import annotations

import zlib

from fleettrack.domain import fix
from fleettrack.ingest.codecs import decoder

ENCODINGS = ("gzip", "deflate")
MEMBERS = 1_000  # of one body: a sender may compress each ping by itself; opening one costs more than it holds
PIECE = 1 << 14  # bytes looked at together: what is left of them after a member is copied, and read again
_AUTO = 32 + zlib.MAX_WBITS  # gzip or zlib, by the header
_RAW = -zlib.MAX_WBITS  # what some senders mean by deflate


def inflate(body: bytes, encoding: str, limit: int) -> bytes | fix.Reject:
    """Return the body inflated, or a reject when it is no such data, is cut, or grows past limit bytes.

    `encoding` is the name in Content-Encoding. A body may have several members, as concatenated gzip files do.
    """
    if encoding not in ENCODINGS:
        return decoder.reject("malformed", body, f"The content encoding {encoding[:40]!r} is not known.")
    wbits = _RAW if encoding == "deflate" and not _has_zlib_header(body) else _AUTO
    parts: list[bytes] = []
    room, at = limit, 0
    for _ in range(MEMBERS):
        stream = zlib.decompressobj(wbits)
        while not stream.eof:
            piece = memoryview(body)[at : at + PIECE]
            if not piece:
                return decoder.reject("malformed", body, f"The {encoding} data is cut.")
            try:
                part = stream.decompress(piece, room + 1)
            except zlib.error as exc:
                return decoder.reject("malformed", body, f"The {encoding} data is damaged: {exc}.")
            room -= len(part)
            if room < 0:
                return decoder.reject("inflated_size", body, f"Inflated, the body is longer than {limit} bytes.")
            parts.append(part)
            at += len(piece)
        at -= len(stream.unused_data)
        if at == len(body):
            return b"".join(parts)
    return decoder.reject("malformed", body, f"The {encoding} data has more than {MEMBERS} members.")


def _has_zlib_header(body: bytes) -> bool:
    """Tell zlib from raw deflate: method 8, and a check that makes the first two bytes a multiple of 31."""
    return len(body) >= 2 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
