"""The demo's own audit: what the ledger says, read over the API, against what the fleet says truly happened."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import time
from collections.abc import Iterable, Sequence
from typing import Any

from fleettrack.client import api
from fleettrack.demo import truth, world

CLOSE_S = 120.0  # a fix each 15 s, up to 45 s without any, a void one, and three that contradict and are not believed
SETTLE_S = 60.0  # what was sent must have been decided by then
AGAIN_S = 2.0
MOVES = frozenset(("picked_up", "transferred", "received", "handed_over"))


@dataclasses.dataclass
class Verdict:
    """What agrees, and every single thing that does not."""

    arrivals: int = 0  # true ones that the service could know
    open: int = 0  # true ones that it could not know yet
    passings: int = 0  # never to be arrivals
    custody: int = 0  # changes that had to follow
    confirmed: int = 0  # of these signed for
    missing: list[str] = dataclasses.field(default_factory=list)
    invented: list[str] = dataclasses.field(default_factory=list)
    failures: list[str] = dataclasses.field(default_factory=list)

    @property
    def agree(self) -> bool:
        """Whether truth and ledger agree."""
        return not (self.missing or self.invented or self.failures)


async def check(office: api.Api, place: world.World, lines: Sequence[truth.Line], ordered: Iterable[str]) -> Verdict:
    """Compare; wait a little for what is missing, since the last pings may still be on their way."""
    deadline = time.monotonic() + SETTLE_S
    refs = {*ordered, *(line["consignment"] for line in lines if line["kind"] == "ordered")}
    while True:
        visits = await _visits(office, {truck.tracker for truck in place.trucks}, lines)
        custody = await _custody(office, sorted(refs))
        verdict = compare(lines, visits, custody)
        if not verdict.missing or time.monotonic() >= deadline:
            return verdict
        await asyncio.sleep(AGAIN_S)


def compare(
    lines: Sequence[truth.Line], visits: Sequence[dict[str, Any]], custody: dict[str, list[dict[str, Any]]]
) -> Verdict:
    """Return the verdict on arrived visits, and on the custody history of each consignment."""
    verdict = Verdict(passings=sum(line["kind"] == "passing" for line in lines))
    verdict.failures = [line["detail"] for line in lines if line["kind"] == "failure"]
    proven = {line["id"] for line in lines if line["kind"] == "proven"}
    arrivals = [line for line in lines if line["kind"] == "arrival"]
    _compare_visits(verdict, arrivals, proven, visits)
    moves = [(line, move) for line in lines if line["kind"] in ("arrival", "departure") for move in line["custody"]]
    picked_up = {move["consignment"] for line, move in moves if move["stop"] == 1 and line["id"] in proven}
    signed = {line["consignment"]: truth.seconds(line["time"]) for line in lines if line["kind"] == "signed"}
    found = {ref: [event for event in events if _moves(event)] for ref, events in custody.items()}
    for line, move in moves:
        ref = move["consignment"]
        match = _take(found.get(ref, []), move, truth.seconds(line["time"]))
        if line["id"] not in proven or ref not in picked_up:
            if match is None and move["stop"] == 2 and ref in signed:  # a receipt takes effect by itself until then
                _take(found.get(ref, []), move, signed[ref])
            continue
        verdict.custody += 1
        if match is None:
            verdict.missing.append(f"custody of {ref}: {move['from']} → {move['to']} at {line['time']}")
        elif move["stop"] == 2 and ref in signed:
            verdict.confirmed += 1
            if match["status"] != "confirmed":
                verdict.missing.append(f"{ref} was signed for, but is {match['status']}")
    for ref, events in found.items():
        verdict.invented += [f"custody of {ref}: {e['kind']} to {e['to_party']} at {e['event_at']}" for e in events]
    return verdict


def _compare_visits(
    verdict: Verdict, arrivals: Sequence[truth.Line], proven: set[int], visits: Sequence[dict[str, Any]]
) -> None:
    left = list(visits)
    for arrival in arrivals:
        match = next((v for v in left if _same_stay(v, arrival)), None)
        if match is not None:
            left.remove(match)
        if arrival["id"] not in proven:
            verdict.open += 1
            continue
        verdict.arrivals += 1
        if match is None:
            verdict.missing.append(f"{arrival['vehicle']} at {arrival['place']}, {arrival['time']}")
    verdict.invented += [f"{v['tracker']} at {v['place']}, {v['entered_at']}" for v in left]


def _same_stay(visit: dict[str, Any], arrival: truth.Line) -> bool:
    same = visit["tracker"] == arrival["tracker"] and visit["place"] == arrival["place"]
    return same and abs(_seconds(visit["entered_at"]) - truth.seconds(arrival["time"])) < CLOSE_S


def _moves(event: dict[str, Any]) -> bool:
    return event["kind"] in MOVES and event["to_party"] is not None and event["ended_at"] is None


def _take(events: list[dict[str, Any]], move: dict[str, Any], at_s: float) -> dict[str, Any] | None:
    """Remove from the events the one that a true change of hands led to, and return it."""
    for event in events:
        same = event["stop"] == move["stop"] and event["to_party"] == move["to"]
        if same and abs(_seconds(event["event_at"]) - at_s) < CLOSE_S:
            events.remove(event)
            return event
    return None


def _seconds(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()


async def _visits(office: api.Api, trackers: set[str], lines: Sequence[truth.Line]) -> list[dict[str, Any]]:
    """Return the arrived visits of the fleet since it began."""
    began_s = min((truth.seconds(line["time"]) for line in lines if line["kind"] == "arrival"), default=0.0)
    found: list[dict[str, Any]] = []
    async for visit in office.pages("/visits", arrived="true", limit=500):
        if visit["tracker"] in trackers and not visit["retracted"]:
            found.append(visit)
            if _seconds(visit["entered_at"]) < began_s - CLOSE_S:
                break
    return found


async def _custody(office: api.Api, refs: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the custody history of each consignment."""
    found: dict[str, list[dict[str, Any]]] = {}

    async def read(ref: str) -> None:
        found[ref] = (await office.get(f"/consignments/{api.part(ref)}/custody"))["history"]

    await api.few(map(read, refs))
    return found
