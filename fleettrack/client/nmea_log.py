"""A log of NMEA sentences as parcels: the sentences of one second each, as they were recorded.

The decoder of the service reads along here, to know by which acknowledged fix which sentences are safe.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fleettrack.client.parcel import Parcel
from fleettrack.domain import fix, units
from fleettrack.ingest.codecs import decoder, registry
from fleettrack.ingest.codecs.nmea import values

GROUP_LINES = 64  # a clock that stands still must not make one parcel of a whole log
AHEAD = 2_000  # groups read ahead for the next word of a tracker that seldom speaks
DATAGRAM_BYTES = 60_000

_TIMED = re.compile(
    rb"\$([A-Z0-9]{2,8}?(?:RMC|GGA|GNS|ZDA)),([0-9]{6}(?:\.[0-9]*)?)"
    rb"|\$([A-Z0-9]{2,8}?GLL)(?:,[^,]*){4},([0-9]{6}(?:\.[0-9]*)?)"
)
_DATED = re.compile(rb"\$[A-Z0-9]{2,8}?(?:RMC|ZDA),")


class Group(NamedTuple):
    """The lines of one second. `prefixes` stand before sentences of it that make fixes, or end those made before."""

    data: bytes
    prefixes: frozenset[bytes]


def groups(lines: Iterable[bytes]) -> Iterator[Group]:
    """Yield the lines of one second together: a group ends where another time begins, or a sentence comes again."""
    group: list[bytes] = []
    now: float | None = None
    seen: set[bytes] = set()
    prefixes: set[bytes] = set()
    for line in lines:
        match = _TIMED.search(line)
        another = False
        if match is not None:
            said, prefix, address = float(match[2] or match[4]), line[: match.start()], match[1] or match[3]
            another = now is not None and (said != now or prefix + address in seen)
        if group and (another or len(group) >= GROUP_LINES):
            yield Group(b"".join(group), frozenset(prefixes))
            group, seen, prefixes, now = [], set(), set(), None
        group.append(line)
        if match is not None:
            now = said
            seen.add(prefix + address)
            if not address.endswith(b"ZDA") and _sound(line[match.start() + 1 :]):
                prefixes.add(prefix)
    if group:
        yield Group(b"".join(group), frozenset(prefixes))


def _sound(sentence: bytes) -> bool:
    body, star, end = sentence.partition(b"*")
    try:
        return not star or int(end[:2], 16) == values.checksum(body)
    except ValueError:
        return False


class _Waiting(NamedTuple):
    """A group whose fixes may not all be complete: they are when each of its prefixes has come again."""

    number: int
    group: Group
    before: bytes


def stream(lines: Iterable[bytes], tracker: str | None) -> Iterator[Parcel]:
    """Yield a log as it goes through one connection.

    The fix of an epoch may be complete only when its tracker speaks again. So a group counts as safe with all fixes
    that are known by the time when everybody in it has.
    """
    codec = registry.open_decoder("nmea", _told(tracker))
    waiting: deque[_Waiting] = deque()
    last: dict[bytes, int] = {}  # prefix → the group in which it came last
    made = counted = 0
    context = _Context(tracker)
    for number, group in enumerate(groups(lines)):
        last |= dict.fromkeys(group.prefixes, number)
        waiting.append(_Waiting(number, group, context.before()))
        messages = codec.feed(group.data)
        made += sum(isinstance(m, fix.Fix) for m in messages)
        context.learn(messages)
        while waiting and (len(waiting) > AHEAD or all(last[p] > waiting[0].number for p in waiting[0].group.prefixes)):
            _, safe, before = waiting.popleft()
            yield Parcel(safe.data, made - counted, context.time_ms, before)
            counted = made
    made += sum(isinstance(m, fix.Fix) for m in codec.flush())
    for _, rest, before in waiting:
        yield Parcel(rest.data, made - counted, context.time_ms, before)
        counted = made


def datagrams(lines: Iterable[bytes], tracker: str | None) -> Iterator[Parcel]:
    """Yield a log as datagrams, each whole in itself: with an identity, and the date where its sentences lack it."""
    codec = registry.open_decoder("nmea", _told(tracker))
    alone = registry.open_decoder("nmea", _told(tracker, datagram=True))
    context = _Context(tracker)
    for group, _ in groups(lines):
        context.learn(codec.feed(group) + codec.quiet())
        prefix = context.login.encode() + b"," if context.login else b""
        kept = [line for line in group.splitlines(keepends=True) if b"$" in line]
        data = b"".join(prefix + line if line.startswith(b"$") else line for line in kept)
        if not _DATED.search(group) and context.time_ms is not None:
            data = prefix + _zda(context.time_ms) + data
        if data and len(data) <= DATAGRAM_BYTES:
            yield Parcel(data, sum(isinstance(m, fix.Fix) for m in alone.feed(data)), context.time_ms)


class _Context:
    """What the sentences so far have said that those to come rely on."""

    def __init__(self, tracker: str | None) -> None:
        self.login = tracker
        self.time_ms: int | None = None

    def learn(self, messages: list[fix.Message]) -> None:
        """Take note of logins and times."""
        for message in messages:
            if isinstance(message, fix.Status) and message.kind == "login":
                self.login = message.tracker
            if not isinstance(message, fix.Reject) and message.time_ms is not None:
                self.time_ms = message.time_ms

    def before(self) -> bytes:
        """Return a login, and a ZDA that makes no fix but tells the date."""
        login = _sentence(f"PGID,{self.login}") if self.login else b""
        return login + (_zda(self.time_ms) if self.time_ms is not None else b"")


def _told(tracker: str | None, *, datagram: bool = False) -> decoder.Settings:
    return decoder.Settings(tracker=tracker, datagram=datagram)


def _zda(time_ms: int) -> bytes:
    return _sentence(f"GPZDA,{units.utc(time_ms):%H%M%S.00,%d,%m,%Y},00,00")


def _sentence(body: str) -> bytes:
    return f"${body}*{values.checksum(body.encode()):02X}\r\n".encode()
