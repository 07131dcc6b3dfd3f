"""A small world to fold: places on a line, trucks that drive along it and stop, and what is asked of it afterwards."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import random
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import psycopg

from fleettrack import metrics
from fleettrack.domain import fix
from fleettrack.services import custody
from fleettrack.services.track import delivery, pipeline
from fleettrack.storage import database

T0 = 1_764_000_000_000  # 2025-11-24 16:00 UTC
PLACES = {"A": (47.0, 8.0), "B": (47.1, 8.2), "C": (47.2, 8.4)}


@dataclasses.dataclass
class World:
    """A database with a pipeline on it."""

    url: str
    db: database.Database
    line: pipeline.Pipeline

    async def feed(self, fixes: Sequence[fix.Fix], received_ms: int, **sender: Any) -> delivery.Answer:
        """Send fixes as one delivery."""
        protocol = sender.pop("protocol", delivery.Protocol.NMEA)
        history = sender.pop("history", False)
        who = delivery.Sender(protocol=protocol, source="test", **({"trust": fix.Trust.API_KEY} | sender))
        parcel = delivery.Delivery(sender=who, messages=fixes, received_ms=received_ms, history=history)
        return (await self.line.process([parcel]))[0]

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Ask the database."""
        with psycopg.connect(self.url, autocommit=True, options="-c timezone=UTC") as connection:
            return connection.execute(query, parameters).fetchall()  # type: ignore[call-overload]

    def positions(self) -> list[tuple[Any, ...]]:
        """Everything that is stored of the fixes."""
        return self.rows("SELECT * FROM position ORDER BY tracker_id, fix_time, lat_e7, lon_e7")

    def visits(self) -> list[tuple[Any, ...]]:
        """What law L2 compares of visits."""
        return self.rows(
            """SELECT v.tracker_id, v.place_id, e.entered_at, e.entered_lo, e.entered_hi, e.exited_at, e.rule,
                e.confirmed_at
            FROM visit v CROSS JOIN LATERAL (
                SELECT * FROM visit_event WHERE visit_id = v.id ORDER BY revision DESC LIMIT 1) e
            WHERE NOT v.retracted ORDER BY 1, 2, 3"""
        )

    def custody(self) -> list[tuple[Any, ...]]:
        """The entries in force, without the numbers that differ from run to run."""
        return self.rows(
            """SELECT consignment_id, kind, status, item_set_id, event_at, event_lo, event_hi, from_party, to_party,
                place_id, stop_seq, level
            FROM ledger_entry e WHERE voids IS NULL AND NOT EXISTS (
                SELECT 1 FROM ledger_entry l WHERE l.supersedes = e.id OR l.voids = e.id)
            ORDER BY consignment_id, event_at, kind, stop_seq, item_set_id"""
        )


def set_up(url: str, trackers: Sequence[str], *, halt_s: float | None = None) -> None:
    """Make parties, places with fences of 200 m, and for each tracker a vehicle with a consignment from A to C by B."""
    rules = {} if halt_s is None else {"halt_s": halt_s}
    with psycopg.connect(url, autocommit=True) as c:
        c.execute(
            "INSERT INTO party (ref, name) VALUES ('SHIP', 'Shipper'), ('CARR', 'Carrier'), ('CONS', 'Consignee')"
        )
        for number, (name, (lat, lon)) in enumerate(PLACES.items(), 1):
            c.execute(
                "INSERT INTO place (ref, name, party_id) VALUES (%s, %s, %s)", [name, name, 1 if number == 1 else 3]
            )
            c.execute("INSERT INTO geofence (place_id) VALUES (%s)", [number])
            shape = {"type": "Circle", "lat": lat, "lon": lon, "radius_m": 200}
            c.execute(
                "INSERT INTO geofence_version (geofence_id, place_id, shape, rules, valid) "
                "VALUES (%s, %s, %s, %s, '[2020-01-01,)')",
                [number, number, json.dumps(shape), json.dumps(rules)],
            )
        for number, identity in enumerate(trackers, 1):
            c.execute("INSERT INTO vehicle (ref, carrier_id) VALUES (%s, 2)", [f"V-{identity}"])
            c.execute("INSERT INTO tracker (identity, carrier_id) VALUES (%s, 2)", [identity])
            c.execute(
                "INSERT INTO assignment (tracker_id, vehicle_id, valid) VALUES (%s, %s, '[2020-01-01,)')",
                [number, number],
            )
            c.execute(
                "INSERT INTO consignment (ref, consignor_id, consignee_id, effective_from) "
                "VALUES (%s, 1, 3, '2025-11-24 00:00Z')",
                [f"CN-{identity}"],
            )
            c.execute(
                "INSERT INTO stop (consignment_id, seq, place_id, role, party_id, on_arrival) VALUES "
                "(%(n)s, 1, 1, 'pickup', 1, 'record'), (%(n)s, 2, 2, 'drop', 3, 'transfer'), "
                "(%(n)s, 3, 3, 'drop', 3, 'transfer')",
                {"n": number},
            )
            c.execute(
                "INSERT INTO leg (consignment_id, from_seq, to_seq, carrier_id, vehicle_id) "
                "VALUES (%(n)s, 1, 2, 2, %(n)s), (%(n)s, 2, 3, 2, %(n)s)",
                {"n": number},
            )
            c.execute(
                "INSERT INTO item_set (consignment_id, from_seq, to_seq) VALUES (%(n)s, 1, 2), (%(n)s, 1, 3)",
                {"n": number},
            )


@contextlib.asynccontextmanager
async def running(url: str) -> AsyncIterator[World]:
    """Yield a pipeline on a database that is set up."""
    db = database.Database(url, pool_max=3)
    await db.open()
    try:
        yield World(url, db, pipeline.Pipeline(db, custody.Custody(), metrics.Metrics()))
    finally:
        await db.close()


def at(tracker: str, time_ms: int, lat: float, lon: float, mps: float, **more: Any) -> fix.Fix:
    """Make a fix."""
    return fix.Fix(
        tracker=tracker,
        time_ms=time_ms,
        lat_e7=fix.to_e7(lat),
        lon_e7=fix.to_e7(lon),
        speed_cms=round(mps * 100),
        **more,
    )


def drive(
    tracker: str, stays: Iterable[tuple[str, int]], *, start_ms: int = T0, every_s: int = 30, mps: float = 25.0
) -> list[fix.Fix]:
    """Return the fixes of a truck that stays at each place for some seconds and drives straight to the next."""
    fixes: list[fix.Fix] = []
    now, here = start_ms, None
    for name, seconds in stays:
        there = PLACES[name]
        if here is not None:
            legs = max(2, round(25_000 / mps / every_s))
            for i in range(1, legs):
                lat, lon = (a + (b - a) * i / legs for a, b in zip(here, there, strict=True))
                fixes.append(at(tracker, now, lat, lon, mps))
                now += every_s * 1000
        for _ in range(max(1, seconds // every_s)):
            fixes.append(at(tracker, now, *there, 0.0))
            now += every_s * 1000
        here = there
    lat, lon = here or PLACES["A"]
    for i in range(1, 6):
        fixes.append(at(tracker, now, lat + 0.01 * i, lon, mps))
        now += every_s * 1000
    return fixes


def spoil(fixes: list[fix.Fix], rng: random.Random) -> list[fix.Fix]:
    """Return fixes with the doubts that real devices raise: outliers, zeros, clocks ahead, contradictions."""
    out = []
    for f in fixes:
        lot = rng.random()
        if lot < 0.03:
            out.append(at(f.tracker or "", f.time_ms, 46.0, 7.0, 0.0))
        elif lot < 0.05:
            out.append(at(f.tracker or "", f.time_ms, 0.0, 0.0, 0.0))
        elif lot < 0.07:
            out.append(at(f.tracker or "", f.time_ms + 400_000, 47.0, 8.0, 0.0))
        elif lot < 0.10:
            out += [f, at(f.tracker or "", f.time_ms, f.lat_e7 / fix.E7 + 0.001, f.lon_e7 / fix.E7, 3.0)]
            continue
        if lot < 0.3:
            continue
        out.append(f)
    return out
