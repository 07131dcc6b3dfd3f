from __future__ import annotations

import datetime as dt

import msgspec
import pytest
import worlds_of_goods as w

from fleettrack.domain import errors
from fleettrack.services import actors, assignments, attention, claims, consignments, loads, objects, packing, places
from fleettrack.services import tracing as traces
from fleettrack.services.forms import actors as who
from fleettrack.services.forms import goods
from fleettrack.storage import fences


async def holder(world: w.World, name: str, at: float = 12) -> str:
    found = (await traces.trace(world.db, name, at=w.hour(at), now=w.NOW)).holder
    assert found is not None
    return found.party


def serials(*names: str) -> list[goods.NewItem]:
    return [goods.NewItem(serial=name, gtin=w.GTIN) for name in names]


async def test_held_pings_of_a_tracker_count_once_it_is_claimed(database_url: str) -> None:
    async with w.world(database_url) as world:
        await world.consignment(items=serials("A"))
        answer = await world.send(w.drive([("plant", 7, 8), ("store", 9, 10)]))
        claimed = await claims.register(world.planner, who.NewTracker(identity="t1", carrier="fast"))
        assert claimed.adopted == len(answer.outcomes)
        assert (claimed.tracker.carrier, claimed.tracker.has_secret) == ("fast", False)
        assert world.rows("SELECT count(*), min(received_at) FROM position") == [(claimed.adopted, w.NOW)]
        assert world.rows("SELECT count(*) FROM held_ping") == [(0,)]
        assert await holder(world, "A") == "acme"
        form = who.NewAssignment(tracker="t1", vehicle="T1", valid_from=w.hour(0))
        await assignments.assign(world.planner, form, now=w.NOW)
        assert await holder(world, "A") == "shop"
        with pytest.raises(errors.Conflict, match="tracker with this identity"):
            await claims.register(world.planner, who.NewTracker(identity="t1"))
        with pytest.raises(errors.Invalid, match="secrets follow it"):
            await claims.register(world.planner, who.NewTracker(identity="t1~x"))
        assert (await claims.get(world.db, "t1")).identity == "t1"
        assert [t.identity for t in await claims.page(world.db, carrier="fast")] == ["t1"]
        assert await claims.page(world.db, carrier="acme") == []


async def test_an_assignment_ended_backwards_takes_back_what_it_moved(database_url: str) -> None:
    async with w.world(database_url) as world:
        await world.track()
        await world.consignment(items=serials("A"))
        await world.send(w.drive([("plant", 7, 8), ("store", 9, 10)]))
        assert await holder(world, "A") == "shop"
        (made,) = await assignments.page(world.db)
        before = (await traces.trace(world.db, "A", now=w.NOW)).known_at
        ended = await assignments.end(world.planner, made.id, w.hour(8.5))
        assert (ended.id, ended.valid_from, ended.valid_to) == (made.id, w.hour(0), w.hour(8.5))
        assert await holder(world, "A") == "fast"
        as_then = await traces.trace(world.db, "A", known_at=before, now=w.NOW)
        assert as_then.holder is not None
        assert as_then.holder.party == "shop"
        await assignments.end(world.planner, made.id, w.hour(20))
        assert await holder(world, "A") == "shop"
        with pytest.raises(errors.Invalid, match="began at"):
            await assignments.end(world.planner, made.id, w.hour(0))


async def test_a_tracker_is_on_one_thing_at_a_time_and_can_be_moved(database_url: str) -> None:
    async with w.world(database_url) as world:
        await world.track()
        await world.consignment(items=serials("A"))
        (made,) = await assignments.page(world.db, tracker="t1")
        onto = who.NewAssignment(tracker="t1", consignment="C1", valid_from=w.hour(7))
        with pytest.raises(errors.Conflict, match="assigned to something else"):
            await assignments.assign(world.planner, onto, now=w.NOW)
        moved = await assignments.move(world.planner, made.id, onto, now=w.NOW)
        assert (moved.consignment, moved.valid_from, moved.valid_to) == ("C1", w.hour(7), None)
        assert [(a.id, a.valid_to) for a in await assignments.page(world.db)] == [
            (made.id, w.hour(7)),
            (moved.id, None),
        ]
        await world.send(w.drive([("plant", 7, 8), ("store", 9, 10)]))
        assert await holder(world, "A") == "shop"
        await claims.register(world.planner, who.NewTracker(identity="t2"))
        other = who.NewAssignment(tracker="t2", vehicle="T1", valid_from=w.hour(9))
        with pytest.raises(errors.Invalid, match="of another tracker"):
            await assignments.move(world.planner, made.id, other, now=w.NOW)
        with pytest.raises(errors.Invalid, match="exactly one"):
            await assignments.assign(world.planner, who.NewAssignment(tracker="t2"), now=w.NOW)
        back = who.NewAssignment(tracker="t2", vehicle="T1", valid_from=w.hour(9), valid_to=w.hour(8))
        with pytest.raises(errors.Invalid, match="ends before it begins"):
            await assignments.assign(world.planner, back, now=w.NOW)


def linked(world: w.World) -> list[str]:
    rows = world.rows(
        "SELECT c.ref FROM assignment_consignment l JOIN consignment c ON c.id = l.consignment_id ORDER BY c.ref"
    )
    return [ref for (ref,) in rows]


async def test_a_tracker_on_a_unit_finds_its_consignments_whatever_comes_first(database_url: str) -> None:
    async with w.world(database_url) as world:
        units = goods.NewUnits(issuer="acme", ssccs=[w.sscc(i) for i in (1, 2, 3)], commissioned_at=w.hour(1))
        await objects.commission_units(world.planner, units, now=w.NOW)
        await claims.register(world.planner, who.NewTracker(identity="t1"))
        form = who.NewAssignment(tracker="t1", unit=w.sscc(1), valid_from=w.hour(2))
        made = await assignments.assign(world.planner, form, now=w.NOW)
        assert made.unit == w.unit(1)
        assert linked(world) == []
        await world.consignment(items=[goods.NewItem(unit=w.sscc(2))])
        assert linked(world) == []
        into = goods.NewPacking(objects=[w.sscc(1)], at=w.hour(3))
        await packing.pack(world.planner, w.sscc(2), into, now=w.NOW)
        assert linked(world) == ["C1"]
        await world.consignment("C2", items=[goods.NewItem(unit=w.sscc(3))])
        await consignments.add_items(world.planner, "C2", [goods.NewItem(unit=w.sscc(1))], now=w.NOW)
        assert linked(world) == ["C1", "C2"]


async def test_a_unit_packed_late_travels_with_its_tracker(database_url: str) -> None:
    async with w.world(database_url) as world:
        item = goods.NewItem(unit=w.sscc(1), serial="A", gtin=w.GTIN)
        await world.consignment(items=[item], vehicle=None)
        await claims.register(world.planner, who.NewTracker(identity="t1"))
        form = who.NewAssignment(tracker="t1", unit=w.sscc(1), valid_from=w.hour(6))
        await assignments.assign(world.planner, form, now=w.NOW)
        await world.send(w.drive([("plant", 7, 8), ("store", 9, 10)]))
        assert await holder(world, "A", 8.5) == "fast"
        assert await holder(world, "A") == "shop"
        found = await traces.trace(world.db, "A", at=w.hour(9.5), now=w.NOW)
        assert found.position is not None
        assert (round(found.position.lat, 3), round(found.position.lon, 3)) == w.SITES["store"][1:]


async def test_scanned_loads(database_url: str) -> None:
    async with w.world(database_url) as world:
        await actors.create_vehicle(world.planner, who.NewVehicle(ref="T2", carrier="fast"))
        await world.track()
        await world.consignment(vehicle=None, items=serials("A", "B"))
        form = goods.NewLoad(vehicle="T1", consignment="C1", at=w.hour(7.5))
        made = await loads.load(world.planner, form, now=w.NOW)
        await world.send(w.drive([("plant", 7, 8), ("store", 9, 10)]))
        assert await holder(world, "A", 8.5) == "fast"
        assert await holder(world, "A") == "shop"
        riding = await traces.trace(world.db, "A", at=w.hour(8.5), now=w.NOW)
        assert riding.position is not None
        with pytest.raises(errors.Conflict, match="it is on T1 since"):
            await loads.load(world.planner, goods.NewLoad(vehicle="T1", consignment="C1", at=w.hour(9)), now=w.NOW)
        unloaded = await loads.unload(world.planner, made.id, w.hour(9.5), now=w.NOW)
        assert (unloaded.id, unloaded.loaded_until) == (made.id, w.hour(9.5))
        with pytest.raises(errors.Invalid, match="it left the vehicle"):
            await loads.unload(world.planner, made.id, w.hour(9.8), now=w.NOW)
        again = goods.NewLoad(vehicle="T2", consignment="C1", at=w.hour(9))
        second = await loads.load(world.planner, again, now=w.NOW)
        assert [(x.vehicle, x.loaded_until) for x in await loads.page(world.db, consignment="C1")] == [
            ("T1", w.hour(9)),
            ("T2", w.hour(9.5)),
        ]
        assert [x.id for x in await loads.page(world.db, vehicle="T2")] == [second.id]
        one = goods.NewLoad(vehicle="T2", consignment="C1", object="A", at=w.hour(10))
        assert (await loads.load(world.planner, one, now=w.NOW)).object == w.link("A")
        new = goods.NewSerials(issuer="acme", serials=["X"], gtin=w.GTIN, commissioned_at=w.hour(1))
        await objects.commission(world.planner, new, now=w.NOW)
        stranger = goods.NewLoad(vehicle="T2", consignment="C1", object="X", at=w.hour(10))
        with pytest.raises(errors.Invalid, match="not part of the consignment"):
            await loads.load(world.planner, stranger, now=w.NOW)


async def test_a_fence_drawn_later_decides_again(database_url: str) -> None:
    async with w.world(database_url) as world:
        await world.track()
        await world.consignment(items=serials("A"))
        await world.send(w.drive([("plant", 7, 8), ("store", 9, 10)]))
        (fence,) = await places.list_fences(world.db, place="store")
        await places.delete_fence(world.planner, fence.id, at=w.hour(8), now=w.NOW)
        assert await holder(world, "A") == "fast"
        assert (await places.get(world.db, "store")).geofences == ()
        with pytest.raises(errors.NotFound, match="ended before"):
            await places.delete_fence(world.planner, fence.id, at=w.hour(9), now=w.NOW)
        shape = {"type": "Circle", "lat": 47.1, "lon": 8.2, "radius_m": 300}
        form = who.NewFence(shape=shape, valid_from=w.hour(8.5))
        drawn = await places.add_fence(world.planner, "store", form, now=w.NOW)
        assert (drawn.valid_from, drawn.valid_to, drawn.shape) == (w.hour(8.5), None, shape)
        assert await holder(world, "A") == "shop"
        far = who.NewFence(shape=shape | {"lat": 48.0}, valid_from=w.hour(8.6))
        changed = await places.change_fence(world.planner, drawn.id, far, now=w.NOW)
        assert changed.id == drawn.id
        assert await holder(world, "A") == "fast"
        told = (await places.get(world.db, "store")).geofences
        assert [f.shape["lat"] for f in told] == [48.0]


async def test_places_are_checked(database_url: str) -> None:
    async with w.world(database_url) as world:
        circle = {"type": "Circle", "lat": 1, "lon": 1, "radius_m": 50}
        cases: list[tuple[dict[str, object], str]] = [
            ({"timezone": "Europe/Bielefeld"}, "no such time zone"),
            ({"geofences": (who.NewFence(shape={"type": "Point"}),)}, "Polygon"),
            ({"geofences": (who.NewFence(shape=circle, rules={"halt_s": "x"}),)}, "halt_s"),
            ({"geofences": (who.NewFence(shape=circle, rules={"halt_seconds": 60}),)}, "halt_seconds"),
        ]
        for wrong, reason in cases:
            form = who.NewPlace(**({"ref": "p", "name": "p", "party": "acme"} | wrong))  # type: ignore[arg-type]
            with pytest.raises(errors.Invalid, match=reason):
                await places.create(world.planner, form, now=w.NOW)
        with pytest.raises(errors.NotFound, match="party"):
            await places.create(world.planner, who.NewPlace(ref="p", name="p", party="who"), now=w.NOW)
        with pytest.raises(errors.Conflict, match="place with this reference"):
            await places.create(world.planner, who.NewPlace(ref="store", name="p", party="acme"), now=w.NOW)
        assert [p.ref for p in await places.page(world.db, after="depot")] == ["plant", "store"]
        with pytest.raises(errors.NotFound):
            await places.get(world.db, "p")


async def test_parties_and_vehicles(database_url: str) -> None:
    async with w.world(database_url) as world:
        form = who.NewParty(ref="zoo", name="Zoo", gln="0614141000005")
        assert (await actors.create_party(world.planner, form)).gln == "0614141000005"
        with pytest.raises(errors.Conflict, match="party with this reference"):
            await actors.create_party(world.planner, form)
        with pytest.raises(errors.Invalid, match="check digit of this GLN"):
            await actors.create_party(world.planner, who.NewParty(ref="x", name="x", gln="0614141000006"))
        assert [p.ref for p in await actors.list_parties(world.db, after="fast", limit=1)] == ["shop"]
        assert [v.ref for v in await actors.list_vehicles(world.db, carrier="fast")] == ["T1"]
        assert (await actors.get_vehicle(world.db, "T1")).carrier == "fast"
        with pytest.raises(errors.NotFound):
            await actors.get_party(world.db, "nobody")


async def test_a_visit_held_for_a_person_moves_custody_once_accepted(database_url: str) -> None:
    async with w.world(database_url) as world:
        await world.track()
        await world.consignment(items=serials("A"))
        fixes = w.drive([("plant", 7, 8), ("store", 9, 10)])
        days = dt.timedelta(days=4)
        late = days // dt.timedelta(milliseconds=1)
        newer = [msgspec.structs.replace(f, time_ms=f.time_ms + late) for f in w.drive([("depot", 0, 1)])]
        await world.send(newer, w.NOW + days)
        await world.send(fixes, w.NOW + days)
        assert await holder(world, "A") == "acme"
        tasks = await attention.tasks(world.db)
        held = [v for (v,) in world.rows("SELECT DISTINCT visit_id FROM visit_event WHERE held ORDER BY 1")]
        assert held
        revisions = [await attention.accept_visit(world.planner, visit, actor="ann", now=w.NOW) for visit in held]
        assert all(r > 1 for r in revisions)
        assert await holder(world, "A") == "shop"
        with pytest.raises(errors.Conflict, match="follows visit"):
            await attention.accept_visit(world.planner, held[0], actor="ann", now=w.NOW)
        with pytest.raises(errors.NotFound):
            await attention.accept_visit(world.planner, 999, actor="ann", now=w.NOW)
        assert await attention.tasks(world.db) == [t for t in tasks if t.visit not in held]
        done = await attention.tasks(world.db, open_only=False)
        assert {t.done_by for t in done if t.visit in held} <= {"ann"}


async def test_rules_of_a_fence_are_the_defaults_but_for_what_is_set(database_url: str) -> None:
    async with w.world(database_url) as world:
        circle = {"type": "Circle", "lat": 1, "lon": 1, "radius_m": 50}
        for ref, said in (("one", {}), ("two", {"through_road": True}), ("three", {"through_road": True, "out_m": 70})):
            fence = who.NewFence(shape=circle, rules=said)
            form = who.NewPlace(ref=ref, name=ref, party="acme", geofences=(fence,))
            await places.create(world.planner, form, now=w.NOW)
        async with world.db.connection() as connection:
            terms = [f.terms for f in (await fences.read(connection, await fences.current(connection))).values()][-3:]
        assert [(t.halt_s, t.out_m, t.silence_s) for t in terms] == [(120, 50, 300), (300, 50, 300), (300, 70, 300)]
