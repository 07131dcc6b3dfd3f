"""Who sent it: the forms in which NMEA trackers say their identity."""

from __future__ import annotations

import functools
import re

# Letters, digits and what identities and their secrets (`id~secret`) use; never a character that NMEA gives a meaning.
_ID = r"[0-9A-Za-z][0-9A-Za-z_.:@~+=-]{0,127}"

_PREFIX = re.compile(rf"(?P<id>{_ID}),?|[^/]*/(?P<path>{_ID})/")  # ID$…  ID,$…  text/ID/$…
_LOGIN_LINE = re.compile(rf"IMEI\s+(?P<imei>{_ID})|(?P<bare>[0-9A-Fa-f]{{4,32}})")
_LOGIN_SENTENCE = re.compile(rf"(?:IMEI=|(?:PGID|DEVID|GPFID),)(?P<id>{_ID})(?:,.*)?")
_AFTER_CHECKSUM = re.compile(rf"(?P<satellites>[0-9]{{0,2}}),(?P<id>{_ID})(?:,(?P<rest>.*))?")


@functools.lru_cache(maxsize=8192)  # a gateway repeats it on every line
def prefix(text: str) -> str | None:
    """Return the identity that stands before a sentence, if this is one."""
    match = _PREFIX.fullmatch(text.strip())
    return (match["id"] or match["path"]) if match else None


def login_line(text: str) -> str | None:
    """Return the identity of a login line without a `$`: `IMEI <id>`, or a bare hexadecimal or decimal number."""
    match = _LOGIN_LINE.fullmatch(text.strip())
    return (match["imei"] or match["bare"]) if match else None


def login_sentence(body: str) -> str | None:
    """Return the identity of `$PGID,<id>`, `$IMEI=<id>`, `$DEVID,<id>` or `$GPFID,<id>`; body is what follows the $."""
    match = _LOGIN_SENTENCE.fullmatch(body)
    return match["id"] if match else None


def after_checksum(text: str) -> tuple[int | None, str, list[str]] | None:
    """Return satellites, identity and further fields of what is appended after a checksum: `,<sat>,<imei>,…`."""
    match = _AFTER_CHECKSUM.fullmatch(text)
    if match is None or len(match["id"]) < 5:  # shorter ones are readings, not identities
        return None
    satellites = int(match["satellites"]) if match["satellites"] else None
    return satellites, match["id"], (match["rest"] or "").split(",") if match["rest"] else []
