"""Watches the service over its API and tells what happens: arrivals, and custody that changes hands."""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

from fleettrack.client import api
from fleettrack.demo import check, goods, trips, world

VISITS = 300  # looked at each time: of a large fleet about half an hour
ROUND = 4  # shipments looked at each time, whether anything points to them or not
DONE_AFTER_S = 1_800.0  # a shipment is looked at so long after it was planned to be delivered


class Arrived(NamedTuple):
    """A truck has arrived at a site."""

    at_s: float
    learned_s: float
    vehicle: str
    carrier: str
    place: str
    rule: str


class Handed(NamedTuple):
    """Custody of a shipment has changed, or become more certain."""

    at_s: float
    learned_s: float
    consignment: str
    serials: int
    giver: str
    taker: str
    kind: str
    status: str
    evidence: str


Happening = Arrived | Handed


class Watch:
    """Ask it for news every second or so. It names things as the service's own lists do."""

    def __init__(self, office: api.Api, place: world.World, epoch_s: float) -> None:
        self._office = office
        self._trucks = {truck.tracker: truck for truck in place.trucks}
        self._names: dict[str, str] = {}
        self._plans = {
            truck.tracker: trips.of_truck(truck, place.seed, trips.starts_s(truck, place.seed, epoch_s))
            for truck in place.trucks
        }
        self._next = {tracker: next(plan) for tracker, plan in self._plans.items()}
        self._open: dict[str, tuple[str, goods.Shipment, float]] = {}  # consignment → tracker, shipment, until when
        self._round: deque[str] = deque()
        self._visits: dict[int, tuple[bool, bool]] = {}  # visit → arrived, departed
        self._events: set[tuple[object, ...]] = set()
        self.refs: list[str] = []  # all consignments that were ever planned

    async def learn_names(self) -> None:
        """Read what companies and sites are called."""
        for path in ("/parties", "/places"):
            async for item in self._office.pages(path, limit=500):
                self._names[item["ref"]] = item["name"]

    async def news(self, now_s: float) -> list[Happening]:
        """Return what has become known since the last time."""
        self._plan(now_s)
        arrived, stirred = await self._look_at_visits()
        wanted = [ref for ref, (tracker, _, _) in self._open.items() if tracker in stirred]
        for _ in range(min(ROUND, len(self._round))):
            ref = self._round.popleft()
            if ref in self._open:
                self._round.append(ref)
                wanted.append(ref)
        handed = [event for ref in dict.fromkeys(wanted) for event in await self._look_at_custody(ref)]
        return sorted([*arrived, *handed], key=lambda happening: happening.at_s)

    def _plan(self, now_s: float) -> None:
        """Take note of shipments that are planned by now, and forget those long done."""
        for tracker, plan in self._plans.items():
            while self._next[tracker].start_s <= now_s:
                trip = self._next[tracker]
                for shipment in trip.shipments:
                    ref = shipment.load.ref
                    self._open[ref] = tracker, shipment, trip.end_s + DONE_AFTER_S
                    self._round.append(ref)
                    self.refs.append(ref)
                self._next[tracker] = next(plan)
        self._open = {ref: held for ref, held in self._open.items() if held[2] > now_s}

    async def _look_at_visits(self) -> tuple[list[Happening], set[str]]:
        page = await self._office.get("/visits", arrived="true", limit=VISITS)
        news: list[Happening] = []
        stirred: set[str] = set()
        for visit in reversed(page["items"]):
            truck = self._trucks.get(visit["tracker"])
            state = (not visit["retracted"], visit["exited_at"] is not None)
            before = self._visits.get(visit["id"])
            if truck is None or state == before:
                continue
            self._visits[visit["id"]] = state
            stirred.add(truck.tracker)
            if before is None and state[0]:
                where = self._names.get(visit["place"], visit["place"])
                at_s, learned_s = _seconds(visit["entered_at"]), _seconds(visit["recorded_at"])
                news.append(Arrived(at_s, learned_s, truck.ref, truck.carrier.name, where, visit["rule"]))
        return news, stirred

    async def _look_at_custody(self, ref: str) -> Iterator[Happening]:
        try:
            answer = await self._office.get(f"/consignments/{api.part(ref)}/custody")
        except api.Refused as refusal:
            if refusal.status == 404:  # its order is still on its way
                return iter(())
            raise
        return self._changes(ref, answer["history"])

    def _changes(self, ref: str, history: list[dict[str, Any]]) -> Iterator[Happening]:
        for event in history:
            key = (ref, event["kind"], event["stop"], event["to_party"], event["status"], event["event_at"])
            if key in self._events or event["kind"] not in check.MOVES or event["to_party"] is None:
                continue
            self._events.add(key)
            yield Handed(
                at_s=_seconds(event["event_at"]),
                learned_s=_seconds(event["recorded_at"]),
                consignment=ref,
                serials=len(self._open[ref][1].load.serials),
                giver=self._names.get(event["from_party"], event["from_party"] or "nobody"),
                taker=self._names.get(event["to_party"], event["to_party"]),
                kind=event["kind"],
                status=event["status"],
                evidence=event["evidence"][0]["kind"],
            )


def _seconds(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()
