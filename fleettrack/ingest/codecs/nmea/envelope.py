"""What stands round a sentence: its checksum, and what some trackers append after it."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from fleettrack.ingest.codecs import decoder
from fleettrack.ingest.codecs.nmea import identity, sentence, values

_CHECKSUM = re.compile(r"([0-9A-Fa-f]{1,2})\s*(?:,(.*))?")  # some trackers write *7 for *07
_WHOLE = re.compile(rb"[^*]*\$([^$*]+)\*([0-9A-Fa-f]{2})")


class Envelope(msgspec.Struct, frozen=True):
    """An opened sentence: `text` without `$` and checksum, and who it says sent it."""

    text: str
    tracker: str | None
    satellites: int | None = None
    attributes: dict[str, Any] | None = None

    def add_to(self, s: sentence.Sentence) -> sentence.Sentence:
        """Return the sentence with what was appended to it."""
        if self.satellites is None and self.attributes is None:
            return s
        attributes = (s.attributes or {}) | (self.attributes or {})
        return msgspec.structs.replace(s, satellites=self.satellites, attributes=attributes or None)


def unwrap(piece: bytes, named: str | None, current: str | None, settings: decoder.Settings) -> Envelope:
    """Open what follows a `$`. `named` is the identity before it, `current` the sender of sentences without any.

    Raises decoder.Refusal where the bytes are no text, or the checksum does not satisfy the sender's policy.
    """
    if not piece.isascii() or not (text := piece.decode("ascii").strip()).isprintable():
        raise decoder.Refusal("encoding")
    body, star, end = text.partition("*")
    mark = _CHECKSUM.fullmatch(end) if star else None
    if star and mark is None:
        raise decoder.Refusal("malformed", "The checksum is cut or not hexadecimal.")
    rest = mark[2] if mark else None
    appended = identity.after_checksum(rest) if rest else None
    tracker = named or (appended[1] if appended else None) or current
    _check(body, mark[1] if mark else None, tracker, settings)
    fields = appended[2] if appended else rest.split(",") if rest else []
    return Envelope(body, tracker, appended[0] if appended else None, {"after_checksum": fields} if fields else None)


def _check(body: str, stated: str | None, tracker: str | None, settings: decoder.Settings) -> None:
    actual = values.checksum(body.encode())
    if stated is not None and int(stated, 16) == actual:
        return
    policy = settings.checksum(tracker) if callable(settings.checksum) else settings.checksum
    if stated is None and policy == "require":
        raise decoder.Refusal("checksum_missing")
    if stated is not None and policy != "ignore":
        raise decoder.Refusal("checksum", f"The checksum is {actual:02X}, the sentence says {stated}.")


def is_whole(line: bytes) -> bool:
    """Say whether this is a whole sentence with a right checksum that only lacks its line end."""
    match = _WHOLE.fullmatch(line)
    return match is not None and values.checksum(match[1]) == int(match[2], 16)
