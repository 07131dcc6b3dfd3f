from __future__ import annotations

import asyncio

import psycopg
import pytest
import recording
import worlds_of_goods as w

from fleettrack.domain import errors
from fleettrack.services import attention, consignments, objects, receipts, statements, tracing
from fleettrack.services.forms import facts as forms
from fleettrack.services.forms import goods
from fleettrack.storage import locks


async def delivered(world: w.World, count: int = 6) -> None:
    """Drive a consignment of serials, two in a case, to the store; nobody has confirmed anything yet."""
    await world.track()
    items = [goods.NewItem(serial=f"A{i}", gtin=w.GTIN, unit=w.sscc(1 + i // 2)) for i in range(count)]
    await world.consignment(items=items)
    await world.send(w.drive([("plant", 7, 8), ("store", 9, 10)]))


async def receive(world: w.World, **form: object) -> object:
    given = {"event_at": w.hour(9.5), **form}
    return await receipts.receive(
        world.planner,
        "C1",
        forms.NewReceipt(**given),
        actor="test",
        now=w.NOW,  # type: ignore[arg-type]
    )


async def holders(world: w.World, at: float = 12, count: int = 6) -> dict[str, str]:
    found = {}
    for i in range(count):
        traced = await tracing.trace(world.db, f"A{i}", at=w.hour(at), now=w.NOW)
        assert traced.holder is not None
        found[f"A{i}"] = f"{traced.holder.party} {traced.holder.status}"
    return found


async def open_exceptions(world: w.World) -> list[str]:
    return [e.kind for e in await attention.exceptions(world.db, consignment="C1")]


async def test_a_receipt_in_full_confirms_the_delivery(database_url: str) -> None:
    async with w.world(database_url) as world:
        await delivered(world)
        assert set((await holders(world)).values()) == {"shop provisional"}
        fact = await receipts.receive(
            world.planner, "C1", forms.NewReceipt(event_at=w.hour(9.5), level="signatures"), actor="key:1", now=w.NOW
        )
        assert (fact.kind, fact.stop, fact.to_party, fact.level) == ("receipt", 2, "shop", "signatures")
        assert (fact.actor, fact.only_listed, fact.outcomes) == ("key:1", False, {})
        assert set((await holders(world)).values()) == {"shop confirmed"}
        found = await tracing.trace(world.db, "A0", now=w.NOW)
        assert [(e.level, e.kind, e.id) for e in found.evidence[:1]] == [("E4", "signatures", f"fact:{fact.id}")]
        assert [f.id for f in await statements.page(world.db, "C1")] == [fact.id]


async def test_a_listing_of_what_came_leaves_the_rest_short(database_url: str) -> None:
    async with w.world(database_url) as world:
        await delivered(world)
        fact = await receive(world, received=["A0", w.link("A1"), "A2", w.sscc(3)])
        assert fact.outcomes == {"short": 1}  # type: ignore[attr-defined]
        assert await holders(world) == {f"A{i}": "shop confirmed" for i in (0, 1, 2, 4, 5)} | {"A3": "fast provisional"}
        short = await tracing.trace(world.db, "A3", now=w.NOW)
        assert short.parents == []
        assert (await tracing.trace(world.db, "A3", at=w.hour(9.4), now=w.NOW)).parents == [w.unit(2)]
        assert (await tracing.trace(world.db, "A2", now=w.NOW)).parents == [w.unit(2)]
        assert "short" in await open_exceptions(world)


async def test_a_voided_receipt_puts_back_what_it_took_out(database_url: str) -> None:
    async with w.world(database_url) as world:
        await delivered(world)
        before = await tracing.trace(world.db, "A3", now=w.NOW)
        fact = await receive(world, received=["A0", "A1", "A2"])
        learned = await tracing.trace(world.db, "A3", now=w.NOW)
        assert learned.parents == []
        void = forms.NewCorrection(kind="void_fact", fact=fact.id)  # type: ignore[attr-defined]
        await statements.correct(world.planner, "C1", void, actor="test", now=w.NOW)
        after = await tracing.trace(world.db, "A3", now=w.NOW)
        assert after.parents == before.parents == [w.unit(2)]
        assert after.holder == before.holder
        as_then = await tracing.trace(world.db, "A3", known_at=learned.known_at, now=w.NOW)
        assert as_then == learned
        with pytest.raises(errors.Conflict, match="voided before"):
            await statements.correct(world.planner, "C1", void, actor="test", now=w.NOW)


async def test_a_listing_can_say_that_the_rest_follows(database_url: str) -> None:
    async with w.world(database_url) as world:
        await delivered(world)
        fact = await receive(world, received=["A0"], rest_follows=True)
        assert fact.only_listed  # type: ignore[attr-defined]
        assert fact.outcomes == {"received": 1}  # type: ignore[attr-defined]
        assert await holders(world) == {"A0": "shop confirmed"} | {f"A{i}": "shop provisional" for i in range(1, 6)}
        await receive(world, event_at=w.hour(9.6))
        assert set((await holders(world)).values()) == {"shop confirmed"}


async def test_lines_name_what_differs(database_url: str) -> None:
    async with w.world(database_url) as world:
        await delivered(world)
        lines = [
            forms.Line(object="A0", outcome="damaged"),
            forms.Line(object=w.sscc(2), outcome="refused"),
            forms.Line(object="A5", outcome="short"),
        ]
        await receive(world, lines=lines)
        found = await holders(world)
        assert found["A0"] == found["A1"] == found["A4"] == "shop confirmed"
        assert found["A2"] == found["A3"] == "fast confirmed"
        assert found["A5"] == "fast provisional"
        assert {"damaged", "refused", "short"} <= set(await open_exceptions(world))


LOCK_ONE = "SELECT FROM consignment WHERE ref = %s FOR UPDATE"
WAITING = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.mark.parametrize("said", [
    {"lines": (forms.Line(object="A0", outcome="over"),)},
    {"received": ["A0", "B0"]},
    {"lines": (forms.Line(object="A0", outcome="received"),), "rest_follows": True},
])  # fmt: skip
async def test_what_moves_between_consignments_waits_for_who_locks_them_in_order(database_url: str, said: dict) -> None:
    async with w.world(database_url) as world:
        await world.consignment(items=[goods.NewItem(serial="A0", gtin=w.GTIN)])
        await world.consignment("C2", items=[goods.NewItem(serial="B0", gtin=w.GTIN)])
        named = forms.NewHandover(to_party="fast", stop=1, objects=["A0"], event_at=w.hour(7))
        await statements.hand_over(world.planner, "C1", named, actor="test", now=w.NOW)
        form = forms.NewReceipt(event_at=w.hour(9), **said)
        async with await psycopg.AsyncConnection.connect(database_url) as batch:
            await batch.execute("SELECT pg_advisory_xact_lock_shared(%s)", [locks.CONFIGURATION])
            await batch.execute(LOCK_ONE, ["C1"])
            stated = asyncio.create_task(receipts.receive(world.planner, "C2", form, actor="test", now=w.NOW))
            await recording.until(lambda: world.rows(WAITING))
            await batch.execute(LOCK_ONE, ["C2"])
        await stated
        assert await holders(world, count=1) == {"A0": "shop confirmed"}


async def test_what_is_over_is_held_by_the_finder_where_it_was_found(database_url: str) -> None:
    async with w.world(database_url) as world:
        await delivered(world)
        units = goods.NewUnits(issuer="acme", ssccs=[w.sscc(9)], commissioned_at=w.hour(1))
        await objects.commission_units(world.planner, units, now=w.NOW)
        new = goods.NewSerials(issuer="acme", serials=["X", "Y"], gtin=w.GTIN, commissioned_at=w.hour(1))
        await objects.commission(world.planner, new, now=w.NOW)
        lines = [forms.Line(object="X", outcome="over", found_in=w.sscc(1))]
        await receive(world, received=[w.sscc(1), w.sscc(2), w.sscc(3), "Y"], lines=lines)
        over = await tracing.trace(world.db, "X", now=w.NOW)
        assert over.holder is not None
        assert over.holder.party == "shop"
        assert over.parents == [w.unit(1)]
        assert (await tracing.trace(world.db, "X", at=w.hour(9.4), now=w.NOW)).parents == []
        unlisted = await tracing.trace(world.db, "Y", now=w.NOW)
        assert unlisted.holder is not None
        assert unlisted.holder.party == "shop"
        assert set((await holders(world)).values()) == {"shop confirmed"}


@pytest.mark.parametrize(
    ("form", "reason", "values"),
    [
        ({"event_at": w.hour(200)}, "not happened yet", None),
        ({"event_at": w.hour(5)}, "before the consignment", None),
        ({"stop": 7}, "no stop 7", None),
        ({"received": ["LATE"]}, "commissioned later", [w.link("LATE")]),
        ({"lines": [forms.Line(object="OTHER", outcome="short")]}, "not due at this stop", ["OTHER"]),
        ({"lines": [forms.Line(object="A1", outcome="over")]}, "so it is not over", ["A1"]),
        ({"stop": 1, "lines": [forms.Line(object="A1", outcome="damaged")]}, "not due at this stop", ["A1"]),
        (
            {"lines": [forms.Line(object="A1", outcome="short"), forms.Line(object="A1", outcome="damaged")]},
            "two outcomes",
            ["A1"],
        ),
        (
            {"lines": [forms.Line(object="A1", outcome="short", found_in=w.sscc(1))]},
            "only what is over",
            ["A1"],
        ),
    ],
)
async def test_illegal_receipts_are_refused(
    database_url: str, form: dict[str, object], reason: str, values: list[str] | None
) -> None:
    async with w.world(database_url) as world:
        await delivered(world)
        for name, at in (("OTHER", 1), ("LATE", 11)):
            new = goods.NewSerials(issuer="acme", serials=[name], gtin=w.GTIN, commissioned_at=w.hour(at))
            await objects.commission(world.planner, new, now=w.NOW)
        before = await holders(world)
        with pytest.raises(errors.Invalid, match=reason) as caught:
            await receive(world, **form)
        if values is not None:
            assert [p["value"] for p in caught.value.facts["problems"]] == values
        assert await holders(world) == before
        assert await statements.page(world.db, "C1") == []


async def test_unknown_objects_and_consignments_are_not_found(database_url: str) -> None:
    async with w.world(database_url) as world:
        await delivered(world)
        with pytest.raises(errors.NotFound) as caught:
            await receive(world, received=["A1", "B1", "B2"])
        assert caught.value.facts["unknown"] == ["B1", "B2"]
        with pytest.raises(errors.NotFound):
            await receipts.receive(world.planner, "C9", forms.NewReceipt(), actor="test", now=w.NOW)
        with pytest.raises(errors.NotFound):
            await statements.page(world.db, "C9")


async def test_a_handover_of_listed_objects(database_url: str) -> None:
    async with w.world(database_url) as world:
        await world.consignment(items=[goods.NewItem(serial=f"A{i}", gtin=w.GTIN) for i in range(2)])
        form = forms.NewHandover(to_party="fast", stop=1, event_at=w.hour(7), objects=["A0"])
        fact = await statements.hand_over(world.planner, "C1", form, actor="test", now=w.NOW)
        assert fact.outcomes == {"handed_over": 1}
        assert await holders(world, count=2) == {"A0": "fast confirmed", "A1": "acme confirmed"}
        new = goods.NewSerials(issuer="acme", serials=["X"], gtin=w.GTIN, commissioned_at=w.hour(1))
        await objects.commission(world.planner, new, now=w.NOW)
        stranger = forms.NewHandover(to_party="fast", stop=1, event_at=w.hour(7), objects=["X"])
        with pytest.raises(errors.Invalid, match="not part of the consignment"):
            await statements.hand_over(world.planner, "C1", stranger, actor="test", now=w.NOW)
        wrong = forms.NewHandover(to_party="shop", from_party="acme", event_at=w.hour(8), objects=["A0"])
        with pytest.raises(errors.Invalid, match="held by fast") as caught:
            await statements.hand_over(world.planner, "C1", wrong, actor="test", now=w.NOW)
        assert [p["value"] for p in caught.value.facts["problems"]] == ["A0"]


async def test_a_fact_that_only_contradicts_later_ones_is_taken(database_url: str) -> None:
    async with w.world(database_url) as world:
        await delivered(world)
        await receive(world)
        earlier = forms.NewHandover(to_party="acme", from_party="fast", event_at=w.hour(8.5), objects=["A0"])
        await statements.hand_over(world.planner, "C1", earlier, actor="test", now=w.NOW)
        found = await tracing.trace(world.db, "A0", at=w.hour(8.6), now=w.NOW)
        assert found.holder is not None
        assert found.holder.party == "acme"
        assert (await holders(world))["A0"] == "shop confirmed"


async def test_corrections_name_what_they_correct(database_url: str) -> None:
    async with w.world(database_url) as world:
        await delivered(world)
        skip = forms.NewCorrection(kind="skip_stop", stop=2, note="closed for stock-taking")
        fact = await statements.correct(world.planner, "C1", skip, actor="ann", now=w.NOW)
        assert (fact.kind, fact.stop, fact.note, fact.actor) == ("skip_stop", 2, "closed for stock-taking", "ann")
        for wrong in (
            forms.NewCorrection(kind="skip_stop"),
            forms.NewCorrection(kind="void_fact", stop=2),
            forms.NewCorrection(kind="void_fact", stop=2, fact=fact.id),
        ):
            with pytest.raises(errors.Invalid, match="name the fact"):
                await statements.correct(world.planner, "C1", wrong, actor="ann", now=w.NOW)
        with pytest.raises(errors.NotFound):
            await statements.correct(
                world.planner, "C1", forms.NewCorrection(kind="void_fact", fact=99), actor="ann", now=w.NOW
            )


async def test_a_closed_consignment_takes_what_happened_before(database_url: str) -> None:
    async with w.world(database_url) as world:
        await delivered(world)
        closed = await consignments.close(world.planner, "C1", w.hour(10), now=w.NOW)
        assert closed.closed_at == w.hour(10)
        with pytest.raises(errors.Invalid, match="was closed at"):
            await receive(world, event_at=w.hour(11))
        await receive(world, event_at=w.hour(9.5))
        assert set((await holders(world)).values()) == {"shop confirmed"}


async def test_voiding_a_receipt_of_what_was_over_puts_the_goods_own_consignment_right(database_url: str) -> None:
    async with w.world(database_url) as world:
        await world.consignment(items=[goods.NewItem(serial=s, gtin=w.GTIN, unit=w.sscc(1)) for s in ("A0", "A1")])
        await world.consignment("C2", items=[goods.NewItem(serial="B0", gtin=w.GTIN)])
        await receive(world, lines=(forms.Line(object=w.link("A0"), outcome="damaged"),), event_at=w.hour(10))

        async def history() -> list[tuple[object, ...]]:
            told = await tracing.trace(world.db, "A0", at=w.hour(11), now=w.NOW)
            return [(e.kind, e.to_party, e.event_at) for e in told.history if e.ended_at is None]

        before = await history()
        line = forms.Line(object="A0", outcome="over")
        form = forms.NewReceipt(event_at=w.hour(8), to_party="acme", lines=(line,))
        over = await receipts.receive(world.planner, "C2", form, actor="t", now=w.NOW)
        assert await history() != before
        void = forms.NewCorrection(kind="void_fact", fact=over.id)
        await statements.correct(world.planner, "C2", void, actor="t", now=w.NOW)
        assert await history() == before
