"""A corner of the world for each scenario, told and asked over HTTP in the words of the story.

Names (of parties, places, serials, …) are short here and made unique on the wire; times are minutes from T0.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib import parse

import service as real
import world

from fleettrack.serials import gs1

T0 = dt.datetime(2025, 1, 14, 6, tzinfo=dt.UTC)  # all is past: pings come as a backlog, and nothing waits for a clock
OWNERS = {"A": "SHIP", "B": "CONS", "C": "SECOND", "D": "THIRD"}
NOWHERE = "nowhere"  # where there is no fence
OTHERS = ("CARR", "CARR2", "OTHER")
SOUTH, APART = 30.0, 0.5  # degrees: latitude of the first corner, and how far apart they are
WEST, STEP = 8.0, 0.2  # longitude of A, and from each place to the next: about 19 km
RADIUS_M = 200.0
PING_S = 60
ASKED = range(0, 121, 10)  # minutes at which answers are remembered
END = 240.0  # when every story is over

Stay = tuple[str, float, float]  # place, from minute, to minute
Held = tuple[str, str]  # party, status


class Scene:
    """One corner: says what happens, asks who holds what, and checks that old answers never change (law L3)."""

    def __init__(self, service: real.Service, number: int) -> None:
        self.service = service
        self._number = number
        self._prefix = f"scene{number}-"
        self._asked: dict[str, Any] = {}  # path and query → what was answered
        self._spots = {name: (SOUTH + APART * number, WEST + STEP * i) for i, name in enumerate([*OWNERS, NOWHERE])}

    async def build(self) -> None:
        for party in (*OWNERS.values(), *OTHERS):
            await self.make("/parties", ref=self.own(party), name=party)
        for name, owner in OWNERS.items():
            lat, lon = self._spots[name]
            fence = {"shape": {"type": "Circle", "lat": lat, "lon": lon, "radius_m": RADIUS_M}}
            await self.make("/places", ref=self.own(name), name=name, party=self.own(owner), geofences=[fence])
        await self.make("/vehicles", ref=self.own("V"), carrier=self.own("CARR"))

    # What happens.

    def own(self, name: str) -> str:
        """Return a name as it is on the wire."""
        return self._prefix + name

    def at(self, minute: float) -> str:
        """Return a time of the story."""
        return (T0 + dt.timedelta(minutes=minute)).isoformat()

    def told(self, minute: float) -> str:
        """Return a time of the story as the service tells it."""
        return self.at(minute).replace("+00:00", "Z")

    def sscc(self, number: int) -> str:
        """Return the number of one of our units."""
        body = f"10614141{self._number:05d}{number:04d}"
        return body + gs1.check_digit(body)

    def link(self, serial: str) -> str:
        """Return the canonical form of one of our serials, or of a unit by its SSCC."""
        if serial.isdecimal():
            return f"https://id.gs1.org/00/{serial}"
        return f"https://id.gs1.org/01/{world.GTIN}/21/{self.own(serial)}"

    async def make(self, path: str, **body: Any) -> Any:
        """Make something as an admin."""
        return self._heard(await self.service.make(path, body))

    async def tracker(self, name: str, minute: float = -60, **on: str) -> None:
        """Register a tracker and put it on a vehicle, a consignment or a unit."""
        await self.make("/trackers", identity=self.own(name), carrier=self.own("CARR"))
        await self.put_on(name, minute, None, **on)

    async def put_on(self, name: str, since: float, until: float | None = None, **on: str) -> None:
        """Say what a tracker was put on at a minute."""
        thing = {kind: ref if ref.isdecimal() else self.own(ref) for kind, ref in on.items()}
        times = {"valid_from": self.at(since), "valid_to": None if until is None else self.at(until)}
        await self.make("/assignments", tracker=self.own(name), **times, **thing)

    async def ship(
        self,
        items: Sequence[Mapping[str, Any]] | Iterable[str] = ("s1",),
        stops: Iterable[str] = ("A pickup", "B drop"),
        ref: str = "C1",
        **more: Any,
    ) -> None:
        """Make a consignment: items are serials, or lines of the plan; stops are told as "place role"."""
        lines = [{"serial": item} if isinstance(item, str) else dict(item) for item in items]
        for line in lines:
            if "serial" in line:
                line |= {"gtin": world.GTIN, "serial": self.own(line["serial"])}
        told = {"carrier": self.own("CARR"), "consignor": self.own("SHIP"), "consignee": self.own("CONS")}
        planned = []
        for stop in stops:
            place, role, *on_arrival = stop.split()
            planned.append(
                {"place": self.own(place), "role": role} | ({"on_arrival": on_arrival[0]} if on_arrival else {})
            )
            if role == "drop":
                planned[-1]["party"] = self.own(OWNERS[place])
        form = told | {"effective_from": self.at(-120), "stops": planned, "items": lines} | more
        await self.make("/consignments", ref=self.own(ref), **form)

    async def receive(self, minute: float, stop: int = 2, **more: Any) -> Any:
        """State a receipt."""
        return await self.make(f"/consignments/{self.own('C1')}/receipts", event_at=self.at(minute), stop=stop, **more)

    def drive(self, tracker: str, *stays: Stay) -> list[world.Ping]:
        """Return the pings of what is at places from one minute to another, and goes straight between them."""
        pings = []
        for place, since, until in stays:
            pings += [self._ping(tracker, s, *self._spots[place], 0.0) for s in _seconds(since, until)]
        for (a, _, left), (b, reached, _) in itertools.pairwise(stays):
            here, there = self._spots[a], self._spots[b]
            between = list(_seconds(left, reached))[1:-1]
            for s in between:
                part = (s - left * 60) / ((reached - left) * 60)
                pings.append(
                    self._ping(tracker, s, *(x + (y - x) * part for x, y in zip(here, there, strict=True)), 16)
                )
        return sorted(pings, key=lambda p: p.time)

    def _ping(self, tracker: str, second: float, lat: float, lon: float, mps: float) -> world.Ping:
        return world.Ping(self.own(tracker), T0 + dt.timedelta(seconds=second), lat, lon, mps)

    async def send(self, pings: Iterable[world.Ping], since: float = -1e6, until: float = 1e6) -> None:
        """Post pings: those after one minute, up to another."""
        wanted = [p for p in pings if since < (p.time - T0).total_seconds() / 60 <= until]
        answer = await self.service.ask("POST", "/positions", [p.json() for p in wanted])
        assert answer.status == 200, answer
        assert answer.body["accepted"] == len(wanted) > 0, answer

    # What is asked.

    async def get(self, path: str, **query: str) -> Any:
        """Ask for something."""
        asked = path + ("?" + parse.urlencode(query) if query else "")
        answer = await self.service.ask("GET", asked)
        assert answer.status == 200, answer
        return self._heard(answer.body)

    async def trace(self, serial: str, minute: float, known_at: str | None = None) -> Any:
        """Ask where a serial is and who holds it, as known now, or as was known earlier."""
        return await self._as_known(f"/serials/{parse.quote(self.link(serial), safe='')}", minute, known_at)

    async def custody(self, minute: float, known_at: str | None = None) -> Any:
        """Ask who holds what of the consignment."""
        return await self._as_known(f"/consignments/{self.own('C1')}/custody", minute, known_at)

    async def _as_known(self, path: str, minute: float, known_at: str | None) -> Any:
        wanted = known_at or dt.datetime.now(dt.UTC).isoformat()

        async def settled() -> Any:
            told = await self.get(path, at=self.at(minute), known_at=wanted)
            return told if _moment(told["known_at"]) >= _moment(wanted) else None

        return await real.until(settled, "nothing is being written any more that was known then")

    async def holder(self, serial: str, minute: float, known_at: str | None = None) -> Held:
        """Return who holds a serial and how sure that is."""
        held = (await self.trace(serial, minute, known_at))["holder"]
        return held["party"], held["status"]

    async def holders(self, serial: str, *minutes: float) -> list[Held]:
        """Return who holds a serial at some times."""
        return [await self.holder(serial, minute) for minute in minutes]

    async def exceptions(self) -> list[str]:
        """Return the kinds of what is not as planned."""
        return sorted(e["kind"] for e in (await self.get("/exceptions", consignment=self.own("C1")))["items"])

    async def visit(self, tracker: str, place: str) -> Any:
        """Return the only stay of a tracker at a place that counts as an arrival."""
        found = await self.get("/visits", tracker=self.own(tracker), place=self.own(place), arrived="true")
        assert len(found["items"]) == 1, found
        return found["items"][0]

    async def story(self, serial: str) -> list[str]:
        """Return the life of a serial as known now, an event a line: when, what, how sure, from>to, where, by what."""
        return [_line(event) for event in (await self.trace(serial, END))["history"]]

    async def remember(self, *serials: str) -> str:
        """Keep what is told now, of all times, to compare it later; return the time it was known at."""
        await self.check_remembered()
        known_at = dt.datetime.now(dt.UTC).isoformat()
        for minute in ASKED:
            for serial in serials:
                self._asked[f"{serial} {minute} {known_at}"] = await self.trace(serial, minute, known_at)
            self._asked[f" {minute} {known_at}"] = await self.custody(minute, known_at)
        return known_at

    async def check_remembered(self) -> None:
        """Law L3: what was known at k about t never changes afterwards."""
        for asked, told in self._asked.items():
            serial, minute, known_at = asked.split(" ")
            if serial:
                assert await self.trace(serial, int(minute), known_at) == told
            else:
                assert await self.custody(int(minute), known_at) == told

    def _heard(self, told: Any) -> Any:
        return json.loads(json.dumps(told).replace(self._prefix, ""))


def _line(event: Any) -> str:
    """Tell an event in a line; a time that is not exact as the interval it lies in."""
    lo, at, hi = (event[name] and minute(event[name]) for name in ("event_from", "event_at", "event_to"))
    assert lo is None or lo <= at <= hi, event
    decided, *also = event["evidence"]
    assert (decided["level"] == "E0") == any(e["kind"] == "fix" for e in also), event  # law L4
    who = f"{event['from_party'] or ''}>{event['to_party'] or ''}"
    when = f"{at:g}" if lo == hi else f"{lo:g}-{hi:g}"
    by = f"{decided['level']} {decided['id'].split(':')[0]}"
    ended = " corrected" if event["ended_at"] and event["status"] != "voided" else ""
    return f"{when} {event['kind']} {event['status']} {who} {event['place'] or '-'} {by}{ended}"


def minute(told: str) -> float:
    """Return a time that was told, as minutes from T0."""
    return (_moment(told) - T0).total_seconds() / 60


def _seconds(since: float, until: float) -> range:
    return range(round(since * 60), round(until * 60) + 1, PING_S)


def _moment(told: str) -> dt.datetime:
    return dt.datetime.fromisoformat(told)
