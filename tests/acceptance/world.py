"""A small world told over HTTP: places on a line, trucks that drive along it and stop, and what came of it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import service as real

T0 = dt.datetime(2025, 11, 24, 16, tzinfo=dt.UTC)
LONG_AGO = "2020-01-01T00:00:00Z"
PLACES = {"A": (47.0, 8.0), "B": (47.1, 8.2), "C": (47.2, 8.4)}
LEG_M = 19_000.0  # from each place to the next, about
GTIN = "09521234543213"


@dataclasses.dataclass(frozen=True)
class Ping:
    """One position of a truck."""

    tracker: str
    time: dt.datetime
    lat: float
    lon: float
    mps: float

    def json(self) -> dict[str, Any]:
        """Return it as our own JSON ping."""
        return {
            "tracker": self.tracker,
            "time": self.time.isoformat(timespec="milliseconds"),
            "lat": round(self.lat, 7),
            "lon": round(self.lon, 7),
            "speed_mps": self.mps,
        }

    def rmc(self, *, named: bool = True) -> bytes:
        """Return it as an NMEA sentence, with its identity before it."""
        speed = f"{self.mps / 0.514444:.2f}"
        lat, lon = _angle(self.lat, 2, "NS"), _angle(self.lon, 3, "EW")
        time = f"{self.time:%H%M%S}.{self.time.microsecond // 1000:03d}"
        body = f"GPRMC,{time},A,{lat},{lon},{speed},90.0,{self.time:%d%m%y},,"
        check = 0
        for byte in body.encode():
            check ^= byte
        return f"{self.tracker if named else ''}${body}*{check:02X}\r\n".encode()


def _angle(degrees: float, digits: int, letters: str) -> str:
    whole, minutes = divmod(round(abs(degrees) * 60, 5), 60)
    return f"{int(whole):0{digits}d}{minutes:08.5f},{letters[degrees < 0]}"


def drive(
    tracker: str, stays: Iterable[tuple[str, float]], *, start: dt.datetime = T0, every_s: float = 30, mps: float = 25
) -> list[Ping]:
    """Return the pings of a truck that stays at each place for some seconds, drives straight to the next, and on."""
    pings: list[Ping] = []
    here: tuple[float, float] | None = None

    def ping(lat: float, lon: float, speed: float) -> None:
        pings.append(Ping(tracker, start + dt.timedelta(seconds=every_s * len(pings)), lat, lon, speed))

    for name, seconds in stays:
        there = PLACES[name]
        if here is not None:
            parts = max(2, round(LEG_M / mps / every_s))
            for i in range(1, parts):
                lat, lon = (a + (b - a) * i / parts for a, b in zip(here, there, strict=True))
                ping(lat, lon, mps)
        for _ in range(max(1, round(seconds / every_s))):
            ping(*there, 0.0)
        here = there
    lat, lon = here or PLACES["A"]
    for i in range(1, 6):
        ping(lat + 0.01 * i, lon, mps)
    return pings


async def build(service: real.Service, trackers: Sequence[str], **rules: float) -> None:
    """Make parties, places with fences of 200 m, and for each tracker a vehicle with a consignment from A to C by B.

    `rules` of the fences where a test cannot wait as long as the defaults do.
    """
    for party in ("SHIP", "CARR", "CONS", "OTHER"):
        await service.make("/parties", {"ref": party, "name": party.title()})
    for name, (lat, lon) in PLACES.items():
        shape = {"type": "Circle", "lat": lat, "lon": lon, "radius_m": 200}
        fence = {"shape": shape, "rules": rules}
        owner = "SHIP" if name == "A" else "CONS"
        await service.make("/places", {"ref": name, "name": name, "party": owner, "geofences": [fence]})
    for number, tracker in enumerate(trackers):
        await service.make("/vehicles", {"ref": f"V-{tracker}", "carrier": "CARR"})
        await service.make("/trackers", {"identity": tracker, "carrier": "CARR"})
        await service.make("/assignments", {"tracker": tracker, "vehicle": f"V-{tracker}", "valid_from": LONG_AGO})
        await service.make("/consignments", _consignment(tracker, number))


def _consignment(tracker: str, number: int) -> dict[str, Any]:
    serials = [f"{tracker}-{number}-{i}" for i in range(4)]
    return {
        "ref": f"CN-{tracker}",
        "consignor": "SHIP",
        "consignee": "CONS",
        "carrier": "CARR",
        "vehicle": f"V-{tracker}",
        "effective_from": "2025-11-24T00:00:00Z",
        "stops": [
            {"place": "A", "role": "pickup"},
            {"place": "B", "role": "drop"},
            {"place": "C", "role": "drop"},
        ],
        "items": [
            {"gtin": GTIN, "serial": serial, "from_stop": 1, "to_stop": 2 + i % 2} for i, serial in enumerate(serials)
        ],
    }


POSITIONS = """
SELECT t.identity, p.fix_time, p.lat_e7, p.lon_e7, p.speed_cms, p.course_ddeg, p.flags, p.trust, p.protocol
FROM position p JOIN tracker t ON t.id = p.tracker_id ORDER BY 1, 2, 3, 4
"""
VISITS = """
SELECT t.identity, p.ref, e.entered_at, e.entered_lo, e.entered_hi, e.exited_at, e.rule, e.confirmed_at
FROM visit v JOIN tracker t ON t.id = v.tracker_id JOIN place p ON p.id = v.place_id
CROSS JOIN LATERAL (SELECT * FROM visit_event WHERE visit_id = v.id ORDER BY revision DESC LIMIT 1) e
WHERE NOT v.retracted ORDER BY 1, 2, 3
"""
CUSTODY = """
SELECT c.ref, e.kind, e.status, e.event_at, e.event_lo, e.event_hi, f.ref, t.ref, p.ref, e.stop_seq, s.to_seq, e.level
FROM ledger_entry e JOIN consignment c ON c.id = e.consignment_id
LEFT JOIN party f ON f.id = e.from_party LEFT JOIN party t ON t.id = e.to_party LEFT JOIN place p ON p.id = e.place_id
LEFT JOIN item_set s ON s.id = e.item_set_id
WHERE e.voids IS NULL AND NOT EXISTS (SELECT 1 FROM ledger_entry l WHERE l.supersedes = e.id OR l.voids = e.id)
ORDER BY 1, 4, 2, 10, 11
"""
UNDECIDED = "SELECT count(*) FROM tracker_state WHERE due_at < now()"
TOLD_TWICE = """
SELECT visit_id, kind, count(*) FROM visit_event WHERE kind IN ('entered', 'arrived') GROUP BY 1, 2 HAVING count(*) > 1
"""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What law L2 compares: positions, visits and the custody in force."""

    positions: list[tuple[Any, ...]]
    visits: list[tuple[Any, ...]]
    custody: list[tuple[Any, ...]]


async def outcome(service: real.Service) -> Outcome:
    """Return what came of all that was sent, once nothing waits on disk and the clock has decided what it has to."""
    await real.until(lambda: drained(service), "the spool is empty")
    await real.until(lambda: service.rows(UNDECIDED) == [(0,)], "the clock has decided")
    return Outcome(service.rows(POSITIONS), service.rows(VISITS), service.rows(CUSTODY))


async def drained(service: real.Service) -> bool:
    """Say whether nothing waits on disk."""
    return (await service.metrics())["spool_messages"] == 0
