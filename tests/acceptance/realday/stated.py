"""What people tell the service about a day: who and where, what goes on which trip, and what they state afterwards.

Every statement names the times that it is about, so that it means the same whenever it is made; `needs` are those that
have to be made before it. Which trips get which statement is drawn from their names: the same in every run.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import capmetro
import routes
import service as real

from fleettrack.domain import units

CARRIER, OTHER = "bus-company", "other"
MANIFEST_TRIPS = 20
STATED_SHARE = 0.15  # of the trips
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
CSV = {"Content-Type": "text/csv"}

Ids = dict[str, int]


@dataclasses.dataclass(frozen=True)
class Fact:
    """One request. `{name}` in its path, and the `fact` of a correction, is the id answered to that fact."""

    name: str
    path: str
    body: Any = None
    needs: tuple[str, ...] = ()
    method: str = "POST"

    async def tell(self, service: real.Service, ids: Ids) -> None:
        """Make it known, and remember the id it got."""
        path = self.path.format_map(ids)
        if isinstance(self.body, str):
            answer = await service.ask(self.method, path, data=self.body.encode(), headers=CSV)
        else:
            body = self.body
            if "fact" in (body or {}):
                body = body | {"fact": ids[body["fact"]]}
            answer = await service.ask(self.method, path, body)
        assert answer.status < 300, f"{self}\n{answer}\n{service.log()[-2000:]}"
        told = answer.body or {}
        ids[self.name] = told["geofences"][0]["id"] if told.get("geofences") else told.get("id")


def moment(ms: float) -> str:
    """Return a time as people tell it."""
    return units.utc(round(ms)).isoformat()


def plan(day: capmetro.Day, ends: Sequence[routes.Place], trips: Sequence[routes.Trip]) -> list[Fact]:
    """Return what is known of a day as it begins, in an order in which it can be told."""
    owners = [place.owner for place in ends]
    facts = [Fact(f"party {ref}", "/parties", {"ref": ref, "name": ref}) for ref in (CARRIER, OTHER, *owners)]
    for place in ends:
        body = {"ref": place.ref, "name": place.ref, "party": place.owner, "geofences": [{"shape": place.circle()}]}
        facts.append(Fact(f"place {place.ref}", "/places", body, (f"party {place.owner}",)))
    for vehicle in day:
        facts += _vehicle(vehicle)
    for number, start in enumerate(range(0, len(trips), MANIFEST_TRIPS)):
        facts.append(_manifest(number, trips[start : start + MANIFEST_TRIPS]))
    return [*facts, *itertools.chain.from_iterable(map(_on_board, trips))]


def _vehicle(vehicle: str) -> Iterator[Fact]:
    by = (f"party {CARRIER}",)
    identity = {"identity": f"bus-{vehicle}", "carrier": CARRIER, "secret": capmetro.SECRET}
    yield Fact(f"vehicle {vehicle}", "/vehicles", {"ref": vehicle, "carrier": CARRIER}, by)
    yield Fact(f"tracker bus-{vehicle}", "/trackers", identity, by)
    if routes.scans(vehicle):
        on = {"tracker": f"bus-{vehicle}", "vehicle": vehicle, "valid_from": "2015-01-01T00:00:00Z"}
        yield Fact(f"on {vehicle}", "/assignments", on, (f"vehicle {vehicle}", f"tracker bus-{vehicle}"))


def _manifest(number: int, trips: Sequence[routes.Trip]) -> Fact:
    text = io.StringIO(newline="")
    columns = ("consignment", "consignor", "consignee", "carrier", "stop", "place", "role", "window_from", "unit",
               "gtin", "serial")  # fmt: skip
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    for trip in trips:
        head = {
            "consignment": trip.ref,
            "consignor": trip.pickup.owner,
            "consignee": trip.drop.owner,
            "carrier": CARRIER,
        }
        start = moment(trip.from_ms)
        writer.writerow(head | {"stop": 1, "place": trip.pickup.ref, "role": "pickup", "window_from": start})
        writer.writerow(head | {"stop": 2, "place": trip.drop.ref, "role": "drop"})
        for i, serial in enumerate(trip.serials):
            unit = trip.case if i < 2 else ""
            writer.writerow({"consignment": trip.ref, "unit": unit, "gtin": routes.GTIN, "serial": serial})
    places = {place.ref for trip in trips for place in (trip.pickup, trip.drop)}
    needs = (f"party {CARRIER}", *(f"place {ref}" for ref in sorted(places)))
    return Fact(_listed_in(trips[0], number), f"/consignments?name=trips-{number}", text.getvalue(), needs)


def _listed_in(trip: routes.Trip, number: int | None = None) -> str:
    return f"manifest {trip.number // MANIFEST_TRIPS if number is None else number}"


def _on_board(trip: routes.Trip) -> Iterator[Fact]:
    since, until = moment(trip.from_ms), moment(trip.to_ms)
    needs = (_listed_in(trip), f"tracker {trip.tracker}", f"vehicle {trip.vehicle}")
    if trip.by_load:
        loaded = {"vehicle": trip.vehicle, "consignment": trip.ref, "at": since}
        yield Fact(f"load {trip.ref}", "/loads", loaded, needs)
        unloaded = {"loaded_until": until}
        yield Fact(f"unload {trip.ref}", f"/loads/{{load {trip.ref}}}", unloaded, (f"load {trip.ref}",), "PATCH")
    else:
        on = {"tracker": trip.tracker, "consignment": trip.ref, "valid_from": since, "valid_to": until}
        yield Fact(f"on {trip.ref}", "/assignments", on, needs)


def afterwards(ends: Sequence[routes.Place], trips: Sequence[routes.Trip]) -> list[Fact]:
    """Return what people state and mend later, in an order in which it can be told."""
    noon = sorted(trip.from_ms for trip in trips)[len(trips) // 2]
    facts = list(_fences(ends, noon))
    for trip in trips:
        rng = random.Random(trip.ref)
        if rng.random() < STATED_SHARE:
            facts += _chained(trip, rng.choice(STATEMENTS)(trip))
    return facts


def _fences(ends: Sequence[routes.Place], noon_ms: int) -> Iterator[Fact]:
    """Fences that are drawn otherwise from noon on, one twice; one that ends; a place that gets a second one."""
    wide, narrow, road, ended, second = ends[:5]

    def drawn(place: routes.Place, at_ms: int, *needs: str, radius_m: float, **rules: Any) -> Fact:
        body = {"shape": place.circle(radius_m), "rules": rules, "valid_from": moment(at_ms)}
        path = f"/geofences/{{place {place.ref}}}"
        return Fact(f"fence {place.ref} {at_ms}", path, body, (f"place {place.ref}", *needs), "PUT")

    yield drawn(wide, noon_ms, radius_m=260)
    yield drawn(wide, noon_ms + 3 * HOUR_MS, f"fence {wide.ref} {noon_ms}", radius_m=120)
    yield drawn(narrow, noon_ms - HOUR_MS, radius_m=70)
    yield drawn(road, noon_ms, radius_m=routes.RADIUS_M, through_road=True)
    at = moment(noon_ms + 2 * HOUR_MS).replace("+", "%2B")
    path = f"/geofences/{{place {ended.ref}}}?at={at}"
    yield Fact(f"fence {ended.ref} ends", path, None, (f"place {ended.ref}",), "DELETE")
    beside = dataclasses.replace(second, lat=second.lat + 0.002)
    body = {"place": second.ref, "shape": beside.circle(), "valid_from": moment(noon_ms)}
    yield Fact(f"fence {second.ref} more", "/geofences", body, (f"place {second.ref}",))


def _chained(trip: routes.Trip, steps: Iterable[tuple[str, str, Any]]) -> Iterator[Fact]:
    """Let each statement about a trip wait for the one before: people state what they have seen stated."""
    needs: tuple[str, ...] = (_listed_in(trip), f"party {OTHER}")
    for name, path, body in steps:
        method, path = ("PATCH", path.removeprefix("PATCH ")) if path.startswith("PATCH ") else ("POST", path)
        own = {f"{kind} {trip.ref}" for kind in ("load", "unload", "on") if f"{{{kind} {trip.ref}}}" in path}
        more = (f"unload {trip.ref}",) if f"load {trip.ref}" in own else ()
        fact = Fact(f"{name} {trip.ref}", path, body, (*needs, *own, *more), method)
        yield fact
        needs = (fact.name,)


Steps = Iterator[tuple[str, str, Any]]


def _receipt(trip: routes.Trip, at_ms: float, **more: Any) -> tuple[str, str, Any]:
    return "receipt", f"/consignments/{trip.ref}/receipts", {"stop": 2, "event_at": moment(at_ms), **more}


def _handover(trip: routes.Trip, at_ms: float, to: str, **more: Any) -> tuple[str, str, Any]:
    body = {"to_party": to, "event_at": moment(at_ms), **more}
    return "handover", f"/consignments/{trip.ref}/handovers", body


def _correction(trip: routes.Trip, kind: str, **more: Any) -> tuple[str, str, Any]:
    return kind, f"/consignments/{trip.ref}/corrections", {"kind": kind, **more}


def _received(trip: routes.Trip) -> Steps:
    yield _receipt(trip, trip.to_ms + 10 * MINUTE_MS)


def _received_early(trip: routes.Trip) -> Steps:
    yield _receipt(trip, trip.last_ms - 3 * MINUTE_MS, level="counterparty")


def _received_at_the_end(trip: routes.Trip) -> Steps:
    yield _receipt(trip, trip.to_ms + 10 * MINUTE_MS, effective_at=moment(trip.last_ms), level="signatures")


def _read_at_the_dock(trip: routes.Trip) -> Steps:
    yield _receipt(trip, trip.last_ms + MINUTE_MS, level="dock_read")


def _short(trip: routes.Trip) -> Steps:
    yield _receipt(trip, trip.to_ms + 10 * MINUTE_MS, received=trip.serials[:2])


def _damaged(trip: routes.Trip) -> Steps:
    yield _receipt(trip, trip.to_ms + MINUTE_MS, lines=[{"object": trip.serials[2], "outcome": "damaged"}])


def _refused(trip: routes.Trip) -> Steps:
    yield _receipt(trip, trip.to_ms - MINUTE_MS, lines=[{"object": trip.serials[0], "outcome": "refused"}])


def _voided(trip: routes.Trip) -> Steps:
    yield _receipt(trip, trip.to_ms + MINUTE_MS)
    yield _correction(trip, "void_fact", fact=f"receipt {trip.ref}", event_at=moment(trip.to_ms + HOUR_MS))


def _picked_up(trip: routes.Trip) -> Steps:
    yield _handover(trip, trip.from_ms + 2 * MINUTE_MS, CARRIER, stop=1)
    yield _receipt(trip, trip.to_ms + HOUR_MS)


def _given_away(trip: routes.Trip) -> Steps:
    yield _handover(trip, (trip.from_ms + trip.last_ms) / 2, OTHER, objects=[trip.serials[2]])


def _unpacked(trip: routes.Trip) -> Steps:
    at = moment((trip.from_ms + trip.last_ms) / 2)
    yield "unpack", f"/units/{trip.case}/unpack", {"objects": [trip.serials[1]], "at": at}
    yield _receipt(trip, trip.to_ms + MINUTE_MS, received=[trip.case])


def _skipped(trip: routes.Trip) -> Steps:
    yield _correction(trip, "skip_stop", stop=1, event_at=moment(trip.from_ms))


def _completed(trip: routes.Trip) -> Steps:
    yield _correction(trip, "complete_stop", stop=2, event_at=moment(trip.last_ms))


def _closed(trip: routes.Trip) -> Steps:
    yield "close", f"/consignments/{trip.ref}/close", {"at": moment(trip.last_ms - MINUTE_MS)}


def _taken_off(trip: routes.Trip) -> Steps:
    at = moment((trip.from_ms + trip.last_ms) / 2)
    if trip.by_load:
        yield "off", f"PATCH /loads/{{load {trip.ref}}}", {"loaded_until": at}
    else:
        yield "off", f"PATCH /assignments/{{on {trip.ref}}}", {"valid_to": at}


STATEMENTS = (
    _received, _received_early, _received_at_the_end, _read_at_the_dock, _short, _damaged, _refused, _voided,
    _picked_up, _given_away, _unpacked, _skipped, _completed, _closed, _taken_off,
)  # fmt: skip
