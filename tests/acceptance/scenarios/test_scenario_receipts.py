"""What receivers confirm, before, after and against what trackers say; told and asked over HTTP (design 6)."""

from __future__ import annotations

import pytest
import scenes
import world
from test_scenario_trips import AT_B, CARRIER, CONSIGNEE, DELIVERED, PICKED_UP, SHIPPER

CONFIRMED = ("CONS", "confirmed")
CORRECTED = [*DELIVERED[:-1], DELIVERED[-1] + " corrected"]


async def deliver(scene: scenes.Scene) -> str:
    """Bring two loose serials, and two in a case, to B with truck V; return the number of the case."""
    case = scene.sscc(1)
    cased = [{"serial": serial, "unit": case} for serial in ("in1", "in2")]
    await scene.ship([{"serial": "good"}, {"serial": "bad"}, {"unit": case}, *cased], vehicle=scene.own("V"))
    await scene.tracker("T", vehicle="V")
    await scene.send(scene.drive("T", ("A", 0, 20), ("B", 40, 60)))
    await scene.remember("good", "bad", "in1", "in2")
    return case


async def check(scene: scenes.Scene, serial: str, kind: str, fact: int, moved: str) -> None:
    """Check that a receipt decides about a serial from the arrival on, with the visit beside it."""
    told = await scene.trace(serial, scenes.END)
    arrival = await scene.visit("T", "B")
    decided = told["history"][-1]
    assert (decided["kind"], decided["status"], decided["event_at"]) == (kind, "confirmed", arrival["entered_at"])
    assert f"{decided['from_party']}>{decided['to_party'] or ''}" == moved
    assert [(e["level"], e["kind"], e["id"]) for e in decided["evidence"]] == [
        ("E2", "scan", f"fact:{fact}"),
        ("E2", "corroboration", f"visit:{arrival['id']}"),
    ]


async def test_in_full(scene: scenes.Scene) -> None:
    await deliver(scene)
    fact = await scene.receive(55)
    for serial in ("good", "in1"):
        assert (await scene.story(serial))[:-1] == CORRECTED
        await check(scene, serial, "received", fact["id"], "CARR>CONS")
        assert await scene.holders(serial, 30, 41, 100) == [CARRIER, CONFIRMED, CONFIRMED]
    assert await scene.exceptions() == []
    held = (await scene.custody(100))["held"]
    assert [(h["items"], h["holder"]["party"], h["holder"]["status"]) for h in held] == [(3, "CONS", "confirmed")]


async def test_in_part_and_the_rest_follows(scene: scenes.Scene) -> None:
    case = await deliver(scene)
    fact = await scene.receive(50, received=[scene.link(case)], rest_follows=True)
    await check(scene, "in1", "received", fact["id"], "CARR>CONS")
    assert await scene.holders("good", 30, 45) == [CARRIER, CONSIGNEE]  # as the arrival says, until somebody confirms
    await scene.remember("good", "in1")
    await scene.receive(70, received=[scene.link("good"), scene.link("bad")], rest_follows=True)
    assert await scene.holder("good", 100) == CONFIRMED
    assert await scene.exceptions() == []


async def test_what_is_not_listed_as_received_is_short(scene: scenes.Scene) -> None:
    await deliver(scene)
    fact = await scene.receive(50, received=[scene.link("good"), scene.link("in1")])
    await check(scene, "in1", "received", fact["id"], "CARR>CONS")
    for serial in ("bad", "in2"):
        await check(scene, serial, "short", fact["id"], "CARR>")
        assert await scene.holders(serial, 41, 100) == [CARRIER, CARRIER]
    assert await scene.exceptions() == ["short"]


async def test_short(scene: scenes.Scene) -> None:
    case = await deliver(scene)
    missing = [{"object": scene.link(serial), "outcome": "short"} for serial in ("bad", "in2")]
    fact = await scene.receive(50, lines=missing)
    for serial in ("bad", "in2"):
        await check(scene, serial, "short", fact["id"], "CARR>")
        assert await scene.holders(serial, 30, 41, 100) == [CARRIER, CARRIER, CARRIER]
        assert (await scene.trace(serial, 100))["place"] is None  # it was looked for at B, and not found
    for serial in ("good", "in1"):
        await check(scene, serial, "received", fact["id"], "CARR>CONS")
    assert [(await scene.trace("in2", minute))["parents"] for minute in (45, 51)] == [[scene.link(case)], []]
    assert (await scene.trace("in1", 51))["parents"] == [scene.link(case)]
    assert await scene.exceptions() == ["short"]
    await scene.remember("bad", "in2")

    await scene.receive(90, received=[scene.link("bad")], rest_follows=True, effective_at=scene.at(90))
    assert await scene.holders("bad", 89, 90) == [CARRIER, CONFIRMED]
    assert await scene.holder("in2", 100) == CARRIER


async def test_over(scene: scenes.Scene) -> None:
    case = await deliver(scene)
    stray = {"issuer": scene.own("OTHER"), "gtin": world.GTIN, "serials": [scene.own("stray")]}
    await scene.make("/serials", commissioned_at=scene.at(-100), **stray)
    line = {"object": scene.link("stray"), "outcome": "over", "found_in": scene.link(case)}
    await scene.receive(50, lines=[line])
    assert await scene.story("stray") == [
        "-100 commissioned confirmed >OTHER - E2 batch",
        "50 over confirmed >CONS B E2 fact",
    ]
    assert await scene.holders("stray", 49, 50) == [("OTHER", "confirmed"), CONFIRMED]
    assert [(await scene.trace("stray", m))["parents"] for m in (49, 51)] == [[], [scene.link(case)]]
    assert await scene.holder("good", 51) == CONFIRMED
    assert await scene.exceptions() == ["over"]


async def test_damaged(scene: scenes.Scene) -> None:
    await deliver(scene)
    fact = await scene.receive(50, lines=[{"object": scene.link("bad"), "outcome": "damaged"}])
    await check(scene, "bad", "damaged", fact["id"], "CARR>CONS")
    await check(scene, "good", "received", fact["id"], "CARR>CONS")
    assert await scene.exceptions() == ["damaged"]


async def test_refused_and_brought_again(scene: scenes.Scene) -> None:
    case = await deliver(scene)
    fact = await scene.receive(50, lines=[{"object": scene.link(case), "outcome": "refused"}])
    await check(scene, "good", "received", fact["id"], "CARR>CONS")
    assert (await scene.story("in1"))[-2:] == [DELIVERED[-1], "50 refused confirmed CONS>CARR B E2 fact"]
    assert await scene.holders("in1", 45, 50, 100) == [CONSIGNEE, ("CARR", "confirmed"), ("CARR", "confirmed")]
    assert await scene.exceptions() == ["refused"]
    await scene.remember("good", "in1")

    await scene.receive(110, received=[scene.link(case)], rest_follows=True)
    assert await scene.holders("in1", 109, 110) == [("CARR", "confirmed"), CONFIRMED]
    assert await scene.holder("good", 110) == CONFIRMED


async def test_receipt_before_the_late_arrival_ping(scene: scenes.Scene) -> None:
    await scene.ship(vehicle=scene.own("V"))
    await scene.tracker("T", vehicle="V")
    day = scene.drive("T", ("A", 0, 20), ("B", 40, 60))
    await scene.send(day, until=35)
    fact = await scene.receive(55)
    assert await scene.story("s1") == [*PICKED_UP, "55 received confirmed CARR>CONS B E2 fact"]
    assert await scene.holders("s1", 45, 54, 55) == [CARRIER, CARRIER, CONFIRMED]
    then = await scene.remember("s1")

    await scene.send(day, since=35)
    arrival = await scene.visit("T", "B")
    told = await scene.trace("s1", 50)
    assert told["holder"] == {"party": "CONS", "status": "confirmed", "since": arrival["entered_at"]}
    assert [e["id"] for e in told["evidence"]] == [f"fact:{fact['id']}", f"visit:{arrival['id']}"]
    assert AT_B in await scene.story("s1")
    assert [line for line in await scene.story("s1") if "transferred" in line] == []
    assert await scene.holder("s1", 45) == CONFIRMED
    assert await scene.holder("s1", 45, then) == CARRIER
    assert (await scene.trace("s1", 60, then))["holder"]["since"] == scene.told(55)
    assert await scene.exceptions() == []


@pytest.mark.parametrize("stated", ["before", "after"])
async def test_tracker_that_goes_home_after_the_receipt(scene: scenes.Scene, stated: str) -> None:
    await scene.ship()
    await scene.tracker("G", consignment="C1")
    day = scene.drive("G", ("A", 0, 20), ("B", 40, 60), ("A", 80, 100))
    await scene.send(day, until=50)
    if stated == "before":
        await scene.receive(52)
        await scene.remember("s1")
        await scene.send(day, since=50)
    else:  # the tracker is home already, which looked as if the goods had left
        await scene.send(day, since=50)
        assert await scene.exceptions() == ["left_with_goods"]
        await scene.remember("s1")
        await scene.receive(52)
    assert await scene.holders("s1", 20, 30, 45, 70, 100) == [SHIPPER, CARRIER, CONFIRMED, CONFIRMED, CONFIRMED]
    assert await scene.exceptions() == []
    told = await scene.trace("s1", 100)
    assert told["place"] == "B"
    assert scenes.minute(told["position"]["time"]) <= 52  # where the tracker is now says nothing of the goods
    (assignment,) = (await scene.get("/assignments", tracker=scene.own("G")))["items"]
    assert assignment["valid_to"] == scene.told(52)
    assert [e["kind"] for e in told["history"] if e["ended_at"] is None] == [
        "commissioned",
        "arrived",
        "departed",
        "picked_up",
        "arrived",
        "received",
    ]


async def test_tracker_goes_out_again_with_other_goods(scene: scenes.Scene) -> None:
    """The receipt has ended its assignment; voiding the receipt does not put it back on goods it has left."""
    await scene.ship()
    await scene.ship(["s2"], ref="C2")
    await scene.tracker("G", consignment="C1")
    day = scene.drive("G", ("A", 0, 20), ("B", 40, 60), ("A", 80, 100), ("B", 120, 130))

    async def put_on_c2(minute: float) -> int:
        form = {"tracker": scene.own("G"), "consignment": scene.own("C2"), "valid_from": scene.at(minute)}
        return (await scene.service.ask("POST", "/assignments", form)).status

    async def until() -> str | None:
        found: str | None = (await scene.get("/assignments", tracker=scene.own("G")))["items"][0]["valid_to"]
        return found

    async def void(fact: dict[str, int]) -> None:
        await scene.make(f"/consignments/{scene.own('C1')}/corrections", kind="void_fact", fact=fact["id"])

    await scene.send(day, until=55)
    assert await put_on_c2(70) == 409  # nobody has said yet that the first goods are where they belong
    wrong = await scene.receive(50)
    assert await until() == scene.told(50)
    await void(wrong)
    assert await until() is None
    assert await put_on_c2(70) == 409

    fact = await scene.receive(52)
    await scene.send(day, since=55)
    assert await put_on_c2(51) == 409  # it was still with them
    assert await put_on_c2(70) == 201
    spans = (await scene.get("/assignments", tracker=scene.own("G")))["items"]
    assert [(s["consignment"], s["valid_from"], s["valid_to"]) for s in spans] == [
        ("C1", scene.told(-60), scene.told(52)),
        ("C2", scene.told(70), None),
    ]
    assert await scene.holders("s2", 75, 110, 121) == [SHIPPER, CARRIER, CONSIGNEE]
    assert await scene.holder("s1", 130) == CONFIRMED
    await scene.remember("s1", "s2")

    await void(fact)
    assert await scene.holders("s1", 45, 130) == [CONSIGNEE, CONSIGNEE]
    assert await scene.holders("s2", 110, 121) == [CARRIER, CONSIGNEE]
