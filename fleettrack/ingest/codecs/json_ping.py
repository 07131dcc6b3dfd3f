"""The native JSON ping: one object, an array, or NDJSON.

Whole batches are decoded by msgspec in one go. Only where that fails is the body taken apart, and each item decoded
by itself, in the end by the standard library, which reads what is not quite JSON (NaN, broken text) well enough to
say what is wrong with it.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from fleettrack.domain import fix, fixes
from fleettrack.ingest.codecs import decoder, framer, json_columns, json_fix, json_items

LINE_LIMIT = 1 << 20  # bytes of a line over TCP, which may be a whole batch
BODY_LIMIT = 16 << 20

_PING = msgspec.json.Decoder(json_fix.Ping)
_PINGS = msgspec.json.Decoder(list[json_fix.Ping])
_FAILURES = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Decoder:
    """Decodes JSON lines, or with `settings.datagram` one body at a time. A line may hold a batch."""

    def __init__(self, settings: decoder.Settings) -> None:
        self.counts = decoder.Counts()
        self._settings = settings
        self._framer = framer.Framer(LINE_LIMIT)
        self._reference_ms = settings.reference_ms

    @property
    def pending(self) -> int:
        """How many bytes wait for the end of their line."""
        return self._framer.size

    def feed(self, data: bytes, received_ms: int | None = None) -> fixes.Messages:
        """Return the messages of the lines that these bytes complete."""
        out = fixes.Messages()
        for batch in self.batches(data, received_ms):
            out += batch
        return out

    def batches(self, data: bytes, received_ms: int | None = None) -> list[fixes.Messages]:
        """Return the messages by line: each line is answered by itself."""
        if self._settings.reference_ms is None:
            self._reference_ms = received_ms
        if self._settings.datagram:
            return [self._decode(data)]
        return [
            self._decode(line) if isinstance(line, bytes) else fixes.Messages([line])
            for line in self._framer.feed(data)
            if not (isinstance(line, bytes) and line.isspace())
        ]

    def quiet(self) -> fixes.Messages:
        """Return nothing: a line is complete by its end alone."""
        return fixes.Messages()

    def flush(self) -> fixes.Messages:
        """Return the messages of a last line without an end."""
        line = self._framer.take()
        return self._decode(line) if line.strip() else fixes.Messages()

    def _decode(self, body: bytes) -> fixes.Messages:
        return decode(body, tracker=self._settings.tracker, reference_ms=self._reference_ms)


def decode(body: bytes, *, tracker: str | None = None, reference_ms: int | None = None) -> fixes.Messages:
    """Return one message for each item, in order; a reject carries the index of its item.

    `tracker` is whose the items are that do not say it. A body in which no items can be told apart is one reject
    without an index.
    """
    body = body.removeprefix(b"\xef\xbb\xbf")
    if len(body) > BODY_LIMIT:
        return fixes.Messages([decoder.reject("too_long", body, f"The body is longer than {BODY_LIMIT} bytes.")])
    start = body.lstrip()[:1]
    if not start:
        return fixes.Messages([decoder.reject("malformed", body, "The body is empty.")])
    try:
        if body.count(b"{") <= json_items.ITEMS_LIMIT:
            pings = _PINGS.decode(body) if start == b"[" else _PING.decode_lines(body)
            run = json_columns.convert(pings, tracker, reference_ms) if len(pings) >= json_columns.PINGS_FROM else None
            if run is not None:
                return fixes.Messages.of(run)
            return fixes.Messages(json_fix.convert(ping, tracker, reference_ms) for ping in pings)
    except (*_FAILURES, decoder.Refusal):
        pass
    try:
        items = json_items.split(body)
    except decoder.Refusal as refusal:
        return fixes.Messages([decoder.reject(refusal.reason, body, refusal.detail)])
    return fixes.Messages(_item(item, index, tracker, reference_ms) for index, item in enumerate(items))


def _item(raw: bytes, index: int, tracker: str | None, reference_ms: int | None) -> fix.Message:
    try:
        known = _object(raw)
        tracker = json_fix.identity(known) or tracker
        unknown = {name: known.pop(name) for name in list(known) if name not in json_fix.FIELDS}
        return json_fix.convert(json_fix.read(known), tracker, reference_ms, unknown)
    except decoder.Refusal as refusal:
        return decoder.reject(refusal.reason, raw, refusal.detail, tracker=tracker, index=index)


def _object(raw: bytes) -> dict[str, Any]:
    """Read one item with whatever is wrong with it."""
    try:
        value = msgspec.json.decode(raw)
    except _FAILURES:
        value = _not_quite_json(raw)
    if not isinstance(value, dict):
        raise decoder.Refusal("malformed", "The item is not an object.")
    return value


def _not_quite_json(raw: bytes) -> object:
    if json_items.depth(raw) > json_fix.DEPTH_LIMIT:
        raise decoder.Refusal("too_deep")
    text = raw.decode("utf-8", "surrogateescape")
    try:
        return json.loads(text, parse_int=_integer)
    except (ValueError, RecursionError) as exc:
        raise decoder.Refusal("malformed" if json_fix.is_text(text) else "encoding") from exc


def _integer(text: str) -> int | float:
    return int(text) if len(text) < 20 else float(text)  # longer ones fit no column, and cost time to convert
