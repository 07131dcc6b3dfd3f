"""What the demo prints is news, told once and in words."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fleettrack.client import api
from fleettrack.demo import check, seed, show, trips, truth, watch, world

EPOCH_S = 1_700_000_000.0


class Office(api.Api):
    """A service as far as the watch asks it."""

    def __init__(self) -> None:
        self.visits: list[dict[str, Any]] = []
        self.custody: dict[str, list[dict[str, Any]]] = {}
        self.names: dict[str, str] = {}
        self.asked: list[str] = []

    async def get(self, path: str, **query: object) -> Any:
        self.asked.append(path)
        if path == "/visits":
            return {"items": self.visits}
        ref = path.split("/")[2]
        if ref not in self.custody:
            raise api.Refused("there is no such consignment", status=404)
        return {"history": self.custody[ref]}

    async def pages(self, path: str, **query: object) -> AsyncIterator[Any]:
        for ref, name in self.names.items():
            yield {"ref": ref, "name": name}


def visit(truck: world.Truck, site: world.Site, **more: object) -> dict[str, Any]:
    said = {"id": 1, "tracker": truck.tracker, "place": site.ref, "entered_at": truth.iso(EPOCH_S - 200)}
    said["recorded_at"] = truth.iso(EPOCH_S - 50)
    return {**said, "exited_at": None, "retracted": False, "rule": "a", **more}


async def test_arrivals_and_custody_are_told_once_by_name() -> None:
    place = world.build(7, 1)
    truck, order = seed.first_orders(place, EPOCH_S)[0]
    shipment = order.shipments[0]
    office = Office()
    office.names = {shipment.drop.ref: "The Clinic", shipment.drop.party.ref: "The Clinic", truck.carrier.ref: "Alpen"}
    board = watch.Watch(office, place, EPOCH_S)
    await board.learn_names()
    assert await board.news(EPOCH_S) == []

    office.visits = [visit(truck, shipment.drop)]
    entry = {
        "kind": "transferred",
        "stop": 2,
        "status": "provisional",
        "event_at": truth.iso(EPOCH_S - 200),
        "recorded_at": truth.iso(EPOCH_S - 40),
        "from_party": truck.carrier.ref,
        "to_party": shipment.drop.party.ref,
        "evidence": [{"kind": "geofence"}, {"kind": "fix"}],
    }
    office.custody[shipment.load.ref] = [{**entry, "kind": "arrived", "to_party": None}, entry]
    arrived, handed = await board.news(EPOCH_S + 1)
    assert arrived == watch.Arrived(EPOCH_S - 200, EPOCH_S - 50, truck.ref, truck.carrier.name, "The Clinic", "a")
    assert isinstance(handed, watch.Handed)
    assert (handed.giver, handed.taker, handed.status, handed.evidence) == (
        "Alpen",
        "The Clinic",
        "provisional",
        "geofence",
    )
    assert handed.learned_s == EPOCH_S - 40
    assert handed.serials == len(shipment.load.serials)
    assert await board.news(EPOCH_S + 2) == []


async def test_shipments_are_looked_at_until_they_are_long_done() -> None:
    place = world.build(7, 1)
    truck = place.trucks[0]
    start_s = trips.starts_s(truck, place.seed, EPOCH_S)
    plan = trips.of_truck(truck, place.seed, start_s)
    first, second = next(plan), next(plan)
    office = Office()
    board = watch.Watch(office, place, EPOCH_S)
    await board.news(EPOCH_S)
    ref = first.shipments[0].load.ref
    assert f"/consignments/{ref}/custody" in office.asked
    office.asked.clear()
    await board.news(first.end_s + watch.DONE_AFTER_S + 1)
    assert not any(ref in path for path in office.asked)
    assert any(second.shipments[0].load.ref in path for path in office.asked)


@pytest.mark.parametrize("as_json", [True, False])
def test_everything_is_shown_as_a_line(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    screen = show.Show(as_json=as_json)
    screen.ready({"url": "http://127.0.0.1:1"}, ["a hint"])
    screen.news(watch.Arrived(EPOCH_S, EPOCH_S + 1, "truck-1", "Alpen", "The Clinic", "a"))
    words = ("Alpen", "The Clinic", "transferred", "provisional", "geofence")
    screen.news(watch.Handed(EPOCH_S, EPOCH_S + 1, "c-1", 3, *words))
    screen.status(5)
    screen.verdict(check.Verdict(arrivals=1, custody=1, missing=[f"thing {i}" for i in range(12)]))
    lines = capsys.readouterr().out.splitlines()
    assert json.loads(lines[0]) == {"event": "ready", "url": "http://127.0.0.1:1"}
    if as_json:
        assert [json.loads(line)["event"] for line in lines] == ["ready", "arrived", "custody", "status", "verdict"]
        assert json.loads(lines[1])["learned"] == truth.iso(EPOCH_S + 1)
        assert json.loads(lines[-1])["agree"] is False
    else:
        text = "\n".join(lines)
        assert "truck-1 (Alpen) arrived at The Clinic" in text
        assert "c-1, 3 serials: Alpen → The Clinic, provisional (geofence)" in text
        assert "… and 2 more" in text
        assert lines[-1] == "Truth and ledger DISAGREE."
