"""What a carrier's own key may state: it takes over where its leg starts, and takes nothing from anybody else."""

from __future__ import annotations

from typing import Any

import pytest
import scenes
import service as real
import world

FAST, SLOW = ("CARR", "confirmed"), ("CARR2", "confirmed")
CONFIRMED = ("CONS", "confirmed")


async def state(scene: scenes.Scene, party: str, path: str, minute: float, **more: Any) -> real.Answer:
    """State something with the key of a carrier."""
    role = scene.own(party)
    await scene.service.key(role, role)
    form = {"to_party": role, "event_at": scene.at(minute)} | more
    return await scene.service.ask("POST", f"/consignments/{scene.own('C1')}/{path}", form, role=role)


async def hand_over(scene: scenes.Scene, minute: float, to: str, **more: Any) -> None:
    """State a handover that both sides signed."""
    form = {"to_party": scene.own(to), "event_at": scene.at(minute), "level": "signatures"} | more
    await scene.make(f"/consignments/{scene.own('C1')}/handovers", **form)


async def relay(scene: scenes.Scene) -> None:
    """Ship two serials from A to B with CARR, and on to C with CARR2."""
    legs = [
        {"from_stop": 1, "to_stop": 2, "carrier": scene.own("CARR")},
        {"from_stop": 2, "to_stop": 3, "carrier": scene.own("CARR2")},
    ]
    await scene.ship(["s1", "s2"], ["A pickup", "B waypoint", "C drop"], legs=legs, carrier=None)


async def test_a_carrier_takes_over_where_its_leg_starts(scene: scenes.Scene) -> None:
    await relay(scene)
    taken = await state(scene, "CARR", "handovers", 10)
    assert (taken.status, taken.body["stop"]) == (201, 1), taken
    assert await scene.holder("s1", 20) == FAST
    for stop in (1, 3):
        assert (await state(scene, "CARR2", "handovers", 40, stop=stop)).status == 422
    taken = await state(scene, "CARR2", "handovers", 40, objects=[scene.link("s1")])
    assert (taken.status, taken.body["stop"]) == (201, 2), taken
    assert await scene.holder("s1", 50) == SLOW
    assert await scene.holder("s2", 50) == FAST


async def test_a_carrier_takes_nothing_back_from_the_one_after_it(scene: scenes.Scene) -> None:
    await relay(scene)
    await hand_over(scene, 10, "CARR", stop=1)
    await hand_over(scene, 40, "CARR2", stop=2, objects=[scene.link("s1")])
    for more in ({}, {"objects": [scene.link("s1")]}, {"stop": 1}, {"objects": [scene.link(s) for s in ("s1", "s2")]}):
        refused = await state(scene, "CARR", "handovers", 60, **more)
        assert refused.status == 422, refused
        assert [p["value"] for p in refused.body["problems"]] == [scene.link("s1")]
    assert (await state(scene, "CARR", "receipts", 60, stop=3)).status == 422
    assert await scene.holder("s1", 100) == SLOW


@pytest.mark.parametrize("path", ["handovers", "receipts"])
async def test_a_carrier_takes_nothing_from_who_has_received_it(scene: scenes.Scene, path: str) -> None:
    await scene.ship(["s1"])
    await hand_over(scene, 10, "CARR", stop=1)
    await scene.receive(60, level="signatures")
    listed = {"objects" if path == "handovers" else "received": [scene.link("s1")]}
    for more in ({}, {"stop": 1}, {"stop": 2}, listed):
        assert (await state(scene, "CARR", path, 70, **more)).status == 422
    assert await scene.holder("s1", 100) == CONFIRMED


async def test_what_ends_where_a_leg_starts_is_not_taken_on(scene: scenes.Scene) -> None:
    case = scene.sscc(1)
    items = [
        {"serial": "here", "to_stop": 2},
        {"unit": case, "to_stop": 3},
        {"serial": "in1", "unit": case, "to_stop": 3},
    ]
    legs = [
        {"from_stop": 1, "to_stop": 2, "carrier": scene.own("CARR")},
        {"from_stop": 2, "to_stop": 3, "carrier": scene.own("CARR2")},
    ]
    await scene.ship(items, ["A pickup", "B drop", "C drop"], legs=legs, carrier=None)
    refused = await state(scene, "CARR2", "handovers", 5)  # nobody has brought it there yet
    assert {p["value"] for p in refused.body["problems"]} == {scene.link(case), scene.link("in1")}
    await hand_over(scene, 10, "CARR", stop=1)
    refused = await state(scene, "CARR2", "handovers", 40, objects=[scene.link("here")])
    assert (refused.status, refused.body["problems"][0]["value"]) == (422, scene.link("here"))
    assert (await state(scene, "CARR2", "handovers", 40)).status == 201
    assert await scene.holder("in1", 50) == SLOW
    assert await scene.holder("here", 50) == FAST


async def test_a_carrier_receives_what_ends_at_a_stop_of_its_own(scene: scenes.Scene) -> None:
    stops = [
        {"place": scene.own("A"), "role": "pickup"},
        {"place": scene.own("B"), "role": "drop", "party": scene.own("CARR2")},
    ]
    await scene.make(
        "/consignments",
        ref=scene.own("C1"),
        consignor=scene.own("SHIP"),
        consignee=scene.own("CONS"),
        effective_from=scene.at(-120),
        stops=stops,
        legs=[{"from_stop": 1, "to_stop": 2, "carrier": scene.own("CARR2")}],
        items=[{"gtin": world.GTIN, "serial": scene.own("s1")}],
    )
    await hand_over(scene, 10, "CARR2", stop=1)
    assert (await state(scene, "CARR2", "receipts", 60)).status == 201
    assert await scene.holder("s1", 100) == SLOW
