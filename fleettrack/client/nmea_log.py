"""A log of NMEA sentences as parcels: those of one second each, as they were recorded.

Only times, dates and logins are read here; whatever else is in a log is sent as it is.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fleettrack.client import opening
from fleettrack.client.parcel import Parcel
from fleettrack.domain import units
from fleettrack.ingest.codecs.nmea import identity, values

GROUP_LINES = 64  # a clock that stands still must not make one parcel of a whole log
DATAGRAM_BYTES = 60_000
HALF_DAY_MS = units.DAY_MS // 2

_TIMED = re.compile(
    rb"\$([A-Z0-9]{2,8}?(?:RMC|GGA|GNS|ZDA)),([0-9]{6}(?:\.[0-9]*)?)"
    rb"|\$([A-Z0-9]{2,8}?GLL)(?:,[^,]*){4},([0-9]{6}(?:\.[0-9]*)?)"
)
_RMC_DATE = re.compile(rb"RMC,[^,]*,A(?:,[^,]*){6},([0-9]{2})([0-9]{2})([0-9]{2})")
_ZDA_DATE = re.compile(rb"ZDA,[^,]*,([0-9]{2}),([0-9]{2}),([0-9]{4})")
_DATED = re.compile(rb"\$[A-Z0-9]{2,8}?(?:RMC|ZDA),")
_LOGIN = re.compile(rb"\$((?:IMEI=|PGID,|DEVID,|GPFID,)[^*\r\n]*)")


class Group(NamedTuple):
    """The lines of one second; `clock` is its time of day as sent, `speakers` whose sentences make fixes of it."""

    lines: list[bytes]
    clock: str | None
    speakers: frozenset[bytes]


def groups(lines: Iterable[bytes]) -> Iterator[Group]:
    """Yield the lines of one second together: a group ends where another time begins, or a sentence comes again."""
    group: list[bytes] = []
    now: float | None = None
    clock: str | None = None
    seen: set[bytes] = set()
    speakers: set[bytes] = set()
    for line in lines:
        match = _TIMED.search(line)
        another = False
        if match is not None:
            said, who, address = match[2] or match[4], line[: match.start()], match[1] or match[3]
            another = now is not None and (float(said) != now or who + address in seen)
        if group and (another or len(group) >= GROUP_LINES):
            yield Group(group, clock, frozenset(speakers))
            group, seen, speakers, now, clock = [], set(), set(), None, None
        group.append(line)
        if match is not None:
            now, clock = float(said), said.decode()
            seen.add(who + address)
            if not address.endswith(b"ZDA") and _sound(line[match.start() + 1 :]):
                speakers.add(who)
    if group:
        yield Group(group, clock, frozenset(speakers))


def _sound(sentence: bytes) -> bool:
    """Tell whether a sentence counts: one with a wrong checksum neither begins nor ends anything."""
    body, star, end = sentence.partition(b"*")
    try:
        return not star or int(end[:2], 16) == values.checksum(body)
    except ValueError:
        return False


def stream(lines: Iterable[bytes], tracker: str | None) -> Iterator[Parcel]:
    """Yield a log as it goes through one connection."""
    context = _Context(tracker)
    for group in groups(lines):
        login = opening.login(context.login)
        context.learn(group)
        yield Parcel(b"".join(group.lines), context.time_ms, login, group.speakers)


def datagrams(lines: Iterable[bytes], tracker: str | None) -> Iterator[Parcel]:
    """Yield a log as datagrams, each whole in itself: with an identity, and the date where its sentences lack it."""
    context = _Context(tracker)
    for group in groups(lines):
        context.learn(group)
        prefix = context.login.encode() + b"," if context.login else b""
        kept = [line for line in group.lines if b"$" in line]
        data = b"".join(_named(line, prefix) for line in kept)
        if context.time_ms is not None and kept and not any(map(_DATED.search, kept)):
            data = prefix + opening.zda(context.time_ms) + data
        if data and len(data) <= DATAGRAM_BYTES:
            yield Parcel(data, context.time_ms)


def _named(line: bytes, prefix: bytes) -> bytes:
    """Return a line with an identity in front of its sentence, unless it has one; what else stands there goes apart."""
    head, _, rest = line.partition(b"$")
    if head and identity.prefix(head.decode("latin-1")):
        return line
    return (head + b"\r\n" if head else b"") + prefix + b"$" + rest


class _Context:
    """What the lines so far have said that those to come rely on."""

    def __init__(self, tracker: str | None) -> None:
        self.login = tracker
        self.time_ms: int | None = None

    def learn(self, group: Group) -> None:
        """Take note of logins, and of the time."""
        day: dt.date | None = None
        for line in group.lines:
            day = _date(line) or day
            if b"$" not in line:
                self.login = identity.login_line(line.decode("latin-1")) or self.login
            elif login := _LOGIN.search(line):
                self.login = identity.login_sentence(login[1].decode("latin-1").strip()) or self.login
        clock_ms = values.time_of_day_ms(group.clock) if group.clock else None
        if clock_ms is None:
            return
        if day is not None:
            self.time_ms = (day.toordinal() - dt.date(1970, 1, 1).toordinal()) * units.DAY_MS + clock_ms
        elif self.time_ms is not None:
            ahead = (clock_ms - self.time_ms) % units.DAY_MS
            self.time_ms += ahead if ahead <= HALF_DAY_MS else ahead - units.DAY_MS


def _date(line: bytes) -> dt.date | None:
    rmc, zda = _RMC_DATE.search(line), _ZDA_DATE.search(line)
    try:
        if rmc:
            year = int(rmc[3])
            return dt.date(year + (1900 if year >= 80 else 2000), int(rmc[2]), int(rmc[1]))
        return dt.date(int(zda[3]), int(zda[2]), int(zda[1])) if zda else None
    except ValueError:
        return None
