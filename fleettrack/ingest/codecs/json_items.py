"""Takes a JSON body apart into its items, so that one bad item costs no other."""

from __future__ import annotations

import re

import msgspec

from fleettrack.ingest.codecs import decoder

ITEMS_LIMIT = 100_000  # in one body; a day of 1 Hz pings has 86,400

# Possessive, so that hostile input cannot make it backtrack; a string that never ends reaches to the end.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{},]', re.DOTALL)
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])


def split(body: bytes) -> list[bytes]:
    """Return the items of one object, an array, or NDJSON (whose lines may be arrays), in order.

    What cannot be told apart stays together as one item, for its decoder to refuse. Raises decoder.Refusal for more
    than ITEMS_LIMIT items.
    """
    body = body.strip()
    first, newline, _ = body.partition(b"\n")
    in_lines = newline and not spans_lines(body) and (body[:1] != b"[" or first.rstrip().endswith(b"]"))
    values = [line.strip() for line in body.split(b"\n") if line.strip()] if in_lines else [body]
    items: list[bytes] = []
    for value in values:
        items += _array(value) if value.startswith(b"[") else [value]
        if len(items) > ITEMS_LIMIT:
            raise _too_many()
    return items


def spans_lines(body: bytes) -> bool:
    """Say whether this begins one value that is laid out over several lines, rather than one value a line."""
    return body.lstrip().partition(b"\n")[0].rstrip().endswith((b"[", b"{", b",", b":"))


def depth(item: bytes) -> int:
    """Return how deep brackets are nested, without recursion."""
    deepest = now = 0
    for match in _TOKEN.finditer(item):
        token = match[0]
        if token in b"[{":
            now += 1
            deepest = max(deepest, now)
        elif token in b"]}":
            now -= 1
    return deepest


def _array(value: bytes) -> list[bytes]:
    if value.count(b",") < ITEMS_LIMIT:
        try:
            return [bytes(raw) for raw in _RAWS.decode(value)]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
    return _scan(value)


def _scan(value: bytes) -> list[bytes]:
    """Cut an array at its own commas, whatever its items hold; a rest behind its end is one more item."""
    items: list[bytes] = []
    now, start = 0, 1
    for match in _TOKEN.finditer(value):
        token = match[0]
        if token in b"[{":
            now += 1
        elif token in b"]}":
            now -= 1
        if now == 0 or (now == 1 and token == b","):
            items.append(value[start : match.start()].strip())
            start = match.end()
            if len(items) > ITEMS_LIMIT:
                raise _too_many()
            if now == 0:
                break
    rest = value[start:].strip()
    if rest or now > 0:  # behind the end, or because there is none
        items.append(rest)
    return [] if items == [b""] and now == 0 else items


def _too_many() -> decoder.Refusal:
    return decoder.Refusal("too_long", f"The body has more than {ITEMS_LIMIT} items.")
