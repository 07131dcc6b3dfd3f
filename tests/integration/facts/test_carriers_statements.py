"""What a carrier's own key may state: C1 goes with `fast` to the store, C2 with `slow` to its own depot."""

from __future__ import annotations

from typing import Any

import pytest
import worlds_of_goods as w

from fleettrack.domain import errors
from fleettrack.services import actors, objects, packing, receipts, statements, tracing
from fleettrack.services.forms import actors as who
from fleettrack.services.forms import facts as forms
from fleettrack.services.forms import goods
from fleettrack.storage import facts


async def two_carriers(world: w.World) -> None:
    """A0 and A1 lie in unit 1 of C1; B0 and B1 in unit 9 of C2, which goes on with `slow` by way of `fast`."""
    await actors.create_party(world.planner, who.NewParty(ref="slow", name="slow"))
    await world.consignment(items=[goods.NewItem(serial=s, gtin=w.GTIN, unit=w.sscc(1)) for s in ("A0", "A1")])
    await world.consignment(
        "C2",
        carrier=None,
        vehicle=None,
        stops=[
            goods.NewStop(place="plant", role="pickup"),
            goods.NewStop(place="depot", role="drop", party="slow"),
            goods.NewStop(place="store", role="drop"),
        ],
        legs=[
            goods.NewLeg(from_stop=1, to_stop=2, carrier="fast"),
            goods.NewLeg(from_stop=2, to_stop=3, carrier="slow"),
        ],
        items=[
            goods.NewItem(serial="B0", gtin=w.GTIN, unit=w.sscc(9), to_stop=2),
            goods.NewItem(serial="B1", gtin=w.GTIN, unit=w.sscc(9), to_stop=2),
            goods.NewItem(serial="B2", gtin=w.GTIN, to_stop=3),
        ],
    )
    for ref in ("C1", "C2"):
        form = forms.NewHandover(to_party="fast", stop=1, level="dock_read", event_at=w.hour(8))
        await statements.hand_over(world.planner, ref, form, actor="test", now=w.NOW)


async def holder(world: w.World, serial: str) -> str:
    """Return who has a serial at noon, and how firmly."""
    found = (await tracing.trace(world.db, serial, at=w.hour(12), now=w.NOW)).holder
    assert found is not None
    return f"{found.party} {found.status}"


async def received(world: w.World, **more: Any) -> facts.Fact:
    """Have `slow` state by its key that goods of C2 came to its depot."""
    form = forms.NewReceipt(**({"event_at": w.hour(10), "to_party": "slow"} | more))
    return await receipts.receive(world.planner, "C2", form, actor="key:9", now=w.NOW, carrier="slow")


async def handed_over(world: w.World, **more: Any) -> facts.Fact:
    """Have `slow` state by its key that it took goods of C2 on from its depot."""
    form = forms.NewHandover(to_party="slow", stop=2, event_at=w.hour(10), **more)
    return await statements.hand_over(world.planner, "C2", form, actor="key:9", now=w.NOW, carrier="slow")


def line(name: str, outcome: forms.LineOutcome, **more: Any) -> forms.Line:
    """Return a line of a receipt."""
    return forms.Line(object=name, outcome=outcome, **more)


async def test_a_carrier_receives_what_is_due_at_its_own_stop(database_url: str) -> None:
    async with w.world(database_url) as world:
        await two_carriers(world)
        await received(world, lines=(line("B0", "received"),), rest_follows=True)
        assert [await holder(world, s) for s in ("B0", "B1")] == ["slow confirmed", "fast provisional"]
        await received(world, lines=(line("B1", "damaged"),))
        assert await holder(world, "B1") == "slow confirmed"


@pytest.mark.parametrize("said", [
    {"lines": (line(w.link("A0"), "over"),)},
    {"lines": (line(w.unit(1), "over"),)},
    {"lines": (line(w.link("A0"), "over", found_in=w.unit(9)),)},
    {"lines": (line(w.link("A0"), "received"),), "rest_follows": True},
    {"received": [w.unit(9), w.link("A0")]},
    {"lines": (line(w.link("B2"), "over"),)},
    {"lines": (line(w.link("B2"), "over", found_in=w.unit(9)),)},
    {"lines": (line(w.link("B2"), "received"),), "rest_follows": True},
])  # fmt: skip
async def test_a_carrier_takes_nothing_that_is_not_due(database_url: str, said: dict[str, Any]) -> None:
    async with w.world(database_url) as world:
        await two_carriers(world)
        with pytest.raises((errors.Invalid, errors.NotFound)):
            await received(world, **said)
        assert [await holder(world, s) for s in ("A0", "A1", "B2")] == ["fast provisional"] * 3


@pytest.mark.parametrize("said", [
    {"lines": (line(w.link("B0"), "refused"),)},
    {"lines": (line(w.link("B0"), "short"),)},
    {"received": [w.link("B1")]},
])  # fmt: skip
async def test_a_carrier_leaves_nothing_with_another_for_certain(database_url: str, said: dict[str, Any]) -> None:
    async with w.world(database_url) as world:
        await two_carriers(world)
        with pytest.raises(errors.Invalid, match="only what was received or damaged") as refused:
            await received(world, **said)
        assert [p["value"] for p in refused.value.facts["problems"]] == [w.link("B0")]
        assert await holder(world, "B0") == "fast provisional"


async def test_what_lies_in_a_listed_unit_is_not_taken_from_who_holds_it(database_url: str) -> None:
    async with w.world(database_url) as world:
        await two_carriers(world)
        form = forms.NewReceipt(event_at=w.hour(9), received=["A0"], rest_follows=True, level="signatures")
        await receipts.receive(world.planner, "C1", form, actor="test", now=w.NOW)
        packed = goods.NewPacking(objects=[w.unit(1)], at=w.hour(9.6))
        await packing.pack(world.planner, w.unit(9), packed, now=w.NOW)
        with pytest.raises(errors.Invalid):  # it came with unit 9 only after the time for which it is stated
            await received(world, effective_at=w.hour(9.5), lines=(line(w.unit(1), "received"),), rest_follows=True)
        assert await holder(world, "A0") == "shop confirmed"


@pytest.mark.parametrize("name", ["A0", w.link("A0"), w.unit(1), "none", "B0-twice"])
async def test_what_is_not_of_its_consignment_does_not_exist_for_a_carrier(database_url: str, name: str) -> None:
    async with w.world(database_url) as world:
        await two_carriers(world)
        for issuer in ("acme", "shop"):  # a bare code of two others
            form = goods.NewSerials(issuer=issuer, product=issuer, serials=["B0-twice"], commissioned_at=w.hour(5))
            await objects.commission(world.planner, form, now=w.NOW)
        for outcome in ("over", "received", "damaged"):
            with pytest.raises(errors.NotFound) as unknown:
                await received(world, lines=(line("absent", outcome), line(name, outcome)))
            assert unknown.value.facts == {"kind": "object", "unknown": ["absent", name]}
        with pytest.raises(errors.NotFound) as unknown:
            await received(world, lines=(line("B2", "over", found_in=name),))
        assert unknown.value.facts == {"kind": "object", "unknown": [name]}
        with pytest.raises(errors.NotFound) as unknown:
            await handed_over(world, objects=["B2", name])
        assert unknown.value.facts == {"kind": "object", "unknown": [name]}


async def test_a_bare_code_that_others_use_too_is_the_one_of_its_consignment(database_url: str) -> None:
    async with w.world(database_url) as world:
        await two_carriers(world)
        other = goods.NewSerials(issuer="acme", product="thing", serials=["B1"], commissioned_at=w.hour(5))
        await objects.commission(world.planner, other, now=w.NOW)
        await received(world, lines=(line("B1", "received"),), rest_follows=True)
        assert await holder(world, w.link("B1")) == "slow confirmed"


async def test_who_else_holds_goods_and_who_there_is_are_not_told_to_a_carrier(database_url: str) -> None:
    async with w.world(database_url) as world:
        await two_carriers(world)
        form = forms.NewHandover(to_party="shop", objects=["B2"], event_at=w.hour(9))
        await statements.hand_over(world.planner, "C2", form, actor="test", now=w.NOW)
        with pytest.raises(errors.Invalid, match="held for certain by another then") as held:
            await handed_over(world, objects=["B2"])
        assert "shop" not in str(held.value.facts)
        for party in ("acme", "nobody"):
            with pytest.raises(errors.Invalid, match="it is not to give goods at stop 2"):
                await handed_over(world, from_party=party)
