"""More than one tracker, more than one truck: which of them speaks for the goods (design 2 and 6)."""

from __future__ import annotations

import scenes
from test_scenario_trips import BORN, CARRIER, CONSIGNEE, DELIVERED, SHIPPER


async def mixed(scene: scenes.Scene) -> str:
    """Make a consignment of a loose serial, and one on a pallet that has a tracker of its own; return the pallet."""
    pallet = scene.sscc(1)
    items = [{"serial": "loose"}, {"unit": pallet}, {"serial": "packed", "unit": pallet}]
    await scene.ship(items, vehicle=scene.own("V"))
    await scene.tracker("T", vehicle="V")
    await scene.tracker("P", unit=pallet)
    return pallet


async def test_truck_and_pallet_that_disagree(scene: scenes.Scene) -> None:
    pallet = await mixed(scene)
    await scene.send(scene.drive("P", ("A", 0, 80)))
    await scene.send(scene.drive("T", ("A", 0, 20), ("B", 40, 80)))
    assert [line for line in await scene.story("loose") if "corrected" not in line] == DELIVERED
    assert await scene.holders("loose", 20, 30, 45) == [SHIPPER, CARRIER, CONSIGNEE]
    for left_behind in ("packed", pallet):
        assert await scene.holders(left_behind, 20, 30, 45, 80) == [SHIPPER] * 4
        told = await scene.trace(left_behind, 80)
        assert told["place"] == "A"
        assert told["evidence"][0]["kind"] == "scan"
        assert {line for line in await scene.story(left_behind) if "corrected" not in line} == {
            BORN,
            "0 arrived provisional SHIP> A E0 visit",
        }
    seen = await scene.trace("packed", 80), await scene.trace("loose", 80)
    assert seen[0]["position"]["lon"] != seen[1]["position"]["lon"]
    (problem,) = (await scene.get("/exceptions", consignment=scene.own("C1")))["items"]
    assert problem["kind"] == "divergence"
    assert problem["visit"] == (await scene.visit("T", "B"))["id"]
    await scene.remember("loose", "packed")

    await scene.send(scene.drive("P", ("A", 81, 90), ("B", 110, 120)))  # somebody brings it after all
    assert await scene.holders("packed", 80, 100, 111) == [SHIPPER, CARRIER, CONSIGNEE]
    assert await scene.holder("loose", 111) == CONSIGNEE


async def test_truck_and_pallet_that_agree(scene: scenes.Scene) -> None:
    await mixed(scene)
    await scene.send(scene.drive("P", ("A", 0, 20), ("B", 40, 60)))
    await scene.send(scene.drive("T", ("A", 0, 20), ("B", 40, 60)))
    for serial in ("loose", "packed"):
        assert await scene.holders(serial, 20, 30, 45) == [SHIPPER, CARRIER, CONSIGNEE]
    arrived = [e for e in (await scene.trace("packed", 60))["history"] if e["kind"] == "transferred"][-1]
    visits = [f"visit:{(await scene.visit(tracker, 'B'))['id']}" for tracker in ("P", "T")]
    assert [e["id"] for e in arrived["evidence"] if e["kind"] != "fix"] == visits
    assert await scene.exceptions() == []


async def test_scan_onto_another_truck_than_planned(scene: scenes.Scene) -> None:
    await scene.ship(vehicle=scene.own("V"))
    await scene.make("/vehicles", ref=scene.own("V2"), carrier=scene.own("CARR"))
    await scene.tracker("T", vehicle="V")
    await scene.tracker("T2", vehicle="V2")
    await scene.send(scene.drive("T", ("A", 0, 20), ("B", 40, 60)))
    assert await scene.holders("s1", 30, 45) == [CARRIER, CONSIGNEE]
    await scene.remember("s1")

    load = await scene.make("/loads", vehicle=scene.own("V2"), consignment=scene.own("C1"), at=scene.at(15))
    assert await scene.story("s1") != DELIVERED
    assert await scene.holders("s1", 30, 45) == [SHIPPER, SHIPPER]  # the planned truck took nothing along
    await scene.remember("s1")

    day = scene.drive("T2", ("A", 10, 50), ("B", 80, 100))
    await scene.send(day)
    assert await scene.holders("s1", 45, 60, 81) == [SHIPPER, CARRIER, CONSIGNEE]
    standing = [line for line in await scene.story("s1") if "corrected" not in line and "voided" not in line]
    assert standing == [
        BORN,
        "0 arrived provisional SHIP> A E0 visit",  # of the planned truck: until the scan the plan speaks
        "51 departed provisional SHIP> A E0 visit",
        "51 picked_up provisional SHIP>CARR A E0 visit",
        "79-80 arrived provisional CARR> B E0 visit",
        "79-80 transferred provisional CARR>CONS B E0 visit",
    ]
    await scene.remember("s1")

    unloaded = await scene.service.ask("PATCH", f"/loads/{load['id']}", {"loaded_until": scene.at(95)})
    assert unloaded.status == 200, unloaded
    await scene.send(scene.drive("T2", ("B", 101, 101), ("nowhere", 120, 130)))
    assert await scene.exceptions() == []  # it was unloaded, so it left empty


async def test_pickup_that_people_confirmed(scene: scenes.Scene) -> None:
    await scene.ship(vehicle=scene.own("V"))
    await scene.tracker("T", vehicle="V")
    taken = {"stop": 1, "event_at": scene.at(15), "from_party": scene.own("SHIP"), "to_party": scene.own("CARR")}
    fact = await scene.make(f"/consignments/{scene.own('C1')}/handovers", **taken)
    assert await scene.holders("s1", 14, 15) == [SHIPPER, ("CARR", "confirmed")]
    await scene.remember("s1")
    await scene.send(scene.drive("T", ("A", 0, 20), ("B", 40, 60)))
    told = await scene.trace("s1", 30)
    assert told["holder"] == {"party": "CARR", "status": "confirmed", "since": scene.told(15)}
    assert told["evidence"][0] == {"level": "E2", "kind": "scan", "id": f"fact:{fact['id']}"}
    assert await scene.holder("s1", 45) == CONSIGNEE
