"""A world for tests of facts: parties, fenced places, a truck with a tracker, and the real folds behind every edit."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import datetime as dt
import io
import itertools
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

import psycopg

from fleettrack import metrics
from fleettrack.domain import errors, fix, units
from fleettrack.serials import gs1
from fleettrack.services import actors, assignments, claims, consignments, custody, manifest, places, planning
from fleettrack.services.forms import actors as who
from fleettrack.services.forms import goods
from fleettrack.services.manifest import table
from fleettrack.services.track import delivery, pipeline
from fleettrack.storage import database

NOW = dt.datetime(2026, 3, 3, 12, tzinfo=dt.UTC)
DAY = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
SITES = {"plant": ("acme", 47.0, 8.0), "store": ("shop", 47.1, 8.2), "depot": ("fast", 47.2, 8.4)}
GTIN = "09506000134352"


def hour(h: float) -> dt.datetime:
    """Return a time of the day everything happens on."""
    return DAY + dt.timedelta(hours=h)


def sscc(number: int) -> str:
    """Return a valid SSCC."""
    body = f"10614141{number:09d}"
    return body + gs1.check_digit(body)


def link(serial: str) -> str:
    """Return the canonical form of one of our serials."""
    return f"https://id.gs1.org/01/{GTIN}/21/{serial}"


def unit(number: int) -> str:
    """Return the canonical form of one of our units."""
    return f"https://id.gs1.org/00/{sscc(number)}"


@dataclasses.dataclass
class World:
    """A database, the pipeline on it, and the planner that decides by it."""

    url: str
    db: database.Database
    line: pipeline.Pipeline
    planner: planning.Planner

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Ask the database."""
        with psycopg.connect(self.url, autocommit=True, options="-c timezone=UTC") as connection:
            return connection.execute(query, parameters).fetchall()  # type: ignore[call-overload]

    async def consignment(self, ref: str = "C1", **more: Any) -> goods.Consignment:
        """Keep a consignment from the plant to the store on truck T1, from six o'clock on."""
        form = {
            "ref": ref,
            "consignor": "acme",
            "consignee": "shop",
            "carrier": "fast",
            "vehicle": "T1",
            "stops": [goods.NewStop(place="plant", role="pickup"), goods.NewStop(place="store", role="drop")],
            "effective_from": hour(6),
        }
        return await consignments.create(self.planner, goods.NewConsignment(**(form | more)), now=NOW)

    async def track(self, tracker: str = "t1") -> None:
        """Register a tracker and put it on truck T1."""
        await claims.register(self.planner, who.NewTracker(identity=tracker, carrier="fast"))
        await assignments.assign(
            self.planner, who.NewAssignment(tracker=tracker, vehicle="T1", valid_from=hour(0)), now=NOW
        )

    async def send(self, fixes: Sequence[fix.Fix], received: dt.datetime = NOW) -> delivery.Answer:
        """Send fixes as one delivery."""
        sender = delivery.Sender(protocol=delivery.Protocol.JSON, source="test", trust=fix.Trust.API_KEY)
        parcel = delivery.Delivery(sender=sender, messages=fixes, received_ms=units.to_ms(received))
        return (await self.line.process([parcel]))[0]

    async def manifest(self, rows: Iterable[Mapping[str, object]], name: str = "m.csv", **more: Any) -> manifest.Report:
        """Import rows given by column."""
        return await self.manifest_bytes(as_csv(rows), name, **more)

    async def manifest_bytes(self, text: bytes, name: str = "m.csv", **more: Any) -> manifest.Report:
        """Import a file."""
        return await manifest.import_manifest(self.planner, io.BytesIO(text), name=name, now=NOW, **more)

    async def problems(self, rows: Iterable[Mapping[str, object]]) -> list[tuple[int, str, str, str]]:
        """Import rows that are refused; return (line, column, value, reason) of each problem."""
        try:
            await self.manifest(rows)
        except errors.Invalid as exc:
            return [(p["line"], p["column"], p["value"], p["reason"]) for p in exc.facts["problems"]]
        raise AssertionError("it was imported")


def as_csv(rows: Iterable[Mapping[str, object]]) -> bytes:
    """Return rows given by column as a file."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, table.COLUMNS, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


HEAD = {"consignment": "C1", "consignor": "acme", "consignee": "shop", "carrier": "fast"}
STOPS = [
    HEAD | {"stop": 1, "place": "plant", "role": "pickup", "window_from": "2026-03-02T08:00:00Z"},
    HEAD | {"stop": 2, "place": "store", "role": "drop", "window_to": "2026-03-02T12:00:00Z"},
]


@contextlib.asynccontextmanager
async def world(url: str, *, fresh: bool = True) -> AsyncIterator[World]:
    """Yield a world on an empty database, or with `fresh=False` on one that may hold one already."""
    db = database.Database(url, pool_max=4)
    await db.open()
    line = pipeline.Pipeline(db, custody.Custody(), metrics.Metrics())
    made = World(url, db, line, planning.Planner(db, line))
    try:
        if fresh or not made.rows("SELECT FROM party"):
            await _populate(made.planner)
        yield made
    finally:
        await db.close()


async def _populate(planner: planning.Planner) -> None:
    for ref in ("acme", "shop", "fast"):
        await actors.create_party(planner, who.NewParty(ref=ref, name=ref.title()))
    for ref, (owner, lat, lon) in SITES.items():
        fence = who.NewFence(shape={"type": "Circle", "lat": lat, "lon": lon, "radius_m": 200})
        form = who.NewPlace(ref=ref, name=ref, party=owner, timezone="Europe/Berlin", geofences=(fence,))
        await places.create(planner, form, now=NOW)
    await actors.create_vehicle(planner, who.NewVehicle(ref="T1", carrier="fast"))


def drive(stays: Sequence[tuple[str, float, float]], tracker: str = "t1", every_s: int = 60) -> list[fix.Fix]:
    """Return the fixes of a truck that is at places from one hour to another, and drives straight between them."""
    fixes = []
    for place, since, until in stays:
        _, lat, lon = SITES[place]
        fixes += [_at(tracker, s, lat, lon, 0.0) for s in range(int(since * 3600), int(until * 3600), every_s)]
    for (a, _, left), (b, reached, _) in itertools.pairwise(stays):
        (_, lat_a, lon_a), (_, lat_b, lon_b) = SITES[a], SITES[b]
        start, end = int(left * 3600), int(reached * 3600)
        for s in range(start + every_s, end, every_s):
            part = (s - start) / (end - start)
            fixes.append(_at(tracker, s, lat_a + (lat_b - lat_a) * part, lon_a + (lon_b - lon_a) * part, 15.0))
    return sorted(fixes, key=lambda f: f.time_ms)


def _at(tracker: str, second: int, lat: float, lon: float, mps: float) -> fix.Fix:
    return fix.Fix(
        tracker=tracker,
        time_ms=units.to_ms(DAY) + second * 1000,
        lat_e7=fix.to_e7(lat),
        lon_e7=fix.to_e7(lon),
        speed_cms=round(mps * 100),
        accuracy_dm=50,
    )
