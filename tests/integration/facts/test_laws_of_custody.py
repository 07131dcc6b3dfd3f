from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec
import worlds_of_goods as w
from hypothesis import given, settings
from hypothesis import strategies as st

from fleettrack.domain import errors, units
from fleettrack.services import assignments, claims, packing, receipts, statements, tracing
from fleettrack.services import objects as making
from fleettrack.services.forms import actors as who
from fleettrack.services.forms import facts as forms
from fleettrack.services.forms import goods, traced
from fleettrack.services.tracing import lives
from fleettrack.storage import objects

SERIALS = 4
UNITS = 3
HOURS = (5.0, 6.0, 7.5, 8.5, 9.2, 9.7, 10.5, 20.0)

hours = st.sampled_from([6.5, 7.2, 8.3, 9.1, 9.5, 9.9, 10.4])
serial = st.integers(0, SERIALS - 1)
some = st.sets(serial, max_size=SERIALS)
unit = st.integers(0, UNITS - 1)

steps = st.one_of(
    st.tuples(st.just("ping"), st.integers(0, 3)),
    st.tuples(st.just("receive"), hours, some, st.booleans()),
    st.tuples(st.just("full"), hours),
    st.tuples(st.just("hand_over"), hours, some, st.sampled_from(["acme", "fast", "shop"])),
    st.tuples(st.just("pack"), hours, unit, serial),
    st.tuples(st.just("unpack"), hours, serial),
    st.tuples(st.just("repack"), hours, unit, serial),
    st.tuples(st.just("stack"), hours, unit, unit),
    st.tuples(st.just("void"), st.integers(0, 3)),
    st.tuples(st.just("end"), hours),
    st.tuples(st.just("ship_again"), some),
)


class Story:
    """One consignment in a world that may hold others, and what is done with it."""

    def __init__(self, world: w.World, number: int) -> None:
        self.world = world
        self.ref = f"L{number}"
        self.serials = [f"{self.ref}-{i}" for i in range(SERIALS)]
        self.units = [w.sscc(100 * number + i) for i in range(UNITS)]
        self.tracker = f"t-{number}"
        trip = w.drive([("plant", 7, 8), ("store", 9, 10)], self.tracker)
        self.parts = [trip[i::4] for i in range(4)]
        self.facts: list[int] = []

    async def begin(self) -> None:
        """Ship the serials, the first two in the first unit."""
        planner = self.world.planner
        spare = goods.NewUnits(issuer="acme", ssccs=self.units[1:], commissioned_at=w.hour(6))
        await making.commission_units(planner, spare, now=w.NOW)
        items = [
            goods.NewItem(serial=s, gtin=w.GTIN, unit=self.units[0] if i < 2 else None)
            for i, s in enumerate(self.serials)
        ]
        await self.world.consignment(self.ref, items=items, vehicle=None)
        await claims.register(planner, who.NewTracker(identity=self.tracker))
        form = who.NewAssignment(tracker=self.tracker, consignment=self.ref, valid_from=w.hour(6))
        self.assignment = (await assignments.assign(planner, form, now=w.NOW)).id

    def named(self, chosen: set[int]) -> list[str]:
        """Return serials by number."""
        return [self.serials[i] for i in sorted(chosen)]

    async def ping(self, part: int) -> None:
        """Send a part of the trip."""
        await self.world.send(self.parts[part])

    async def receive(self, at: float, came: set[int], rest_follows: bool) -> None:
        """Receive what is listed."""
        form = forms.NewReceipt(stop=2, event_at=w.hour(at), received=self.named(came), rest_follows=rest_follows)
        await self._fact(receipts.receive(self.world.planner, self.ref, form, actor="law", now=w.NOW))

    async def full(self, at: float) -> None:
        """Receive all."""
        form = forms.NewReceipt(event_at=w.hour(at))
        await self._fact(receipts.receive(self.world.planner, self.ref, form, actor="law", now=w.NOW))

    async def hand_over(self, at: float, chosen: set[int], to: str) -> None:
        """Hand something over."""
        form = forms.NewHandover(event_at=w.hour(at), to_party=to, objects=self.named(chosen) or None)
        await self._fact(statements.hand_over(self.world.planner, self.ref, form, actor="law", now=w.NOW))

    async def _fact(self, stating: Awaitable[object]) -> None:
        self.facts.append((await stating).id)  # type: ignore[attr-defined]

    async def void(self, which: int) -> None:
        """Void one of the facts so far."""
        if self.facts:
            form = forms.NewCorrection(kind="void_fact", fact=self.facts[which % len(self.facts)])
            await statements.correct(self.world.planner, self.ref, form, actor="law", now=w.NOW)

    async def pack(self, at: float, into: int, one: int) -> None:
        """Put a serial into a unit."""
        form = goods.NewPacking(objects=[self.serials[one]], at=w.hour(at))
        await packing.pack(self.world.planner, self.units[into], form, now=w.NOW)

    async def unpack(self, at: float, one: int) -> None:
        """Take a serial out of the unit it lies in."""
        found = await tracing.trace(self.world.db, self.serials[one], at=w.hour(at), now=w.NOW)
        form = goods.NewPacking(objects=[self.serials[one]], at=w.hour(at))
        await packing.unpack(self.world.planner, (found.parents or self.units)[0], form, now=w.NOW)

    async def repack(self, at: float, into: int, one: int) -> None:
        """Take a serial out of a unit and put it into another."""
        await self.unpack(at, one)
        await self.pack(at, into, one)

    async def stack(self, at: float, into: int, one: int) -> None:
        """Put a unit into a unit."""
        form = goods.NewPacking(objects=[self.units[one]], at=w.hour(at))
        await packing.pack(self.world.planner, self.units[into], form, now=w.NOW)

    async def end(self, at: float) -> None:
        """State until when the tracker was with the goods."""
        await assignments.end(self.world.planner, self.assignment, w.hour(at))

    async def ship_again(self, chosen: set[int]) -> None:
        """Send serials on with another consignment."""
        items = [goods.NewItem(serial=s, gtin=w.GTIN) for s in self.named(chosen)]
        number = self.world.rows("SELECT count(*) FROM consignment")[0][0]
        await self.world.consignment(f"{self.ref}+{number}", items=items, effective_from=w.hour(10))

    async def ask(self, known: dt.datetime | None = None) -> Answer:
        """Tell of everything who holds it, where it lies and what happened to it, at all hours, as known at a time."""
        async with self.world.db.connection() as connection:
            known = await tracing.settled(connection, known)
            ids = await objects.find(connection, [*self.serials, *self.units])
            held = await lives.load(connection, ids.values(), known)
        told = {}
        for name, object_id in ids.items():
            life = held[object_id]
            for h in HOURS:
                at_ms = units.to_ms(w.hour(h))
                holding = life.holding(at_ms)
                who_holds = None if holding is None else (holding.id, holding.entry.to_party, holding.entry.status)
                told[name, h] = who_holds, life.up(at_ms), tuple(x.id for x in life.in_force(at_ms))
        return Answer(known, told)


class Answer(NamedTuple):
    """What was known at a time: (holding entry, holder, status), lineage and entries by (name, hour)."""

    known: dt.datetime
    told: dict[tuple[str, float], tuple[tuple[int, int | None, str] | None, tuple[int, ...], tuple[int, ...]]]


@settings(max_examples=15)
@given(st.lists(steps, min_size=1, max_size=8))
async def test_one_holder_and_nothing_known_changes(module_database_url: str, story: list[tuple[Any, ...]]) -> None:
    async with w.world(module_database_url, fresh=False) as world:
        told = Story(world, world.rows("SELECT count(*) FROM tracker")[0][0] + 1)
        await told.begin()
        answers = [await told.ask()]
        for name, *arguments in story:
            act: Callable[..., Awaitable[None]] = getattr(told, name)
            with contextlib.suppress(errors.Invalid, errors.Conflict):  # what is illegal is refused
                await act(*arguments)
            answers.append(await told.ask())
        for answer in answers:
            for (_, h), (holding, _, _) in answer.told.items():  # law L3: one holder, from commissioning on
                assert (holding is None) == (h < 6)
            assert await told.ask(answer.known) == answer  # and what was known is known for good
        whole = await traced_whole(world, told)
        await told.ping(0)
        for found in whole:
            again = await tracing.trace(world.db, found.serial, at=found.at, known_at=found.known_at, now=w.NOW)
            assert msgspec.structs.replace(again, position=None) == msgspec.structs.replace(found, position=None)
        assert world.rows(
            "SELECT count(*) FROM containment a JOIN containment b ON a.child = b.child AND a.id < b.id "
            "AND a.valid && b.valid AND a.recorded && b.recorded"
        ) == [(0,)]


async def traced_whole(world: w.World, told: Story) -> list[traced.Trace]:
    """Return whole answers about some of the goods."""
    names = (told.serials[0], told.serials[-1], told.units[0])
    return [await tracing.trace(world.db, name, at=w.hour(h), now=w.NOW) for name in names for h in (8.5, 20.0)]


async def test_a_knowledge_time_that_is_not_settled_is_answered_as_of_then(database_url: str) -> None:
    async with w.world(database_url) as world:
        await world.consignment(items=[goods.NewItem(serial="A", gtin=w.GTIN)])
        ahead = await tracing.trace(world.db, "A", known_at=w.NOW.replace(year=2090), now=w.NOW)
        assert ahead.known_at.year < 2090
        async with world.planner.plan() as edit:
            await edit.connection.execute("SELECT 1")
            during = await tracing.trace(world.db, "A", now=w.NOW)
            await edit.connection.execute("SELECT 1")
            later = await tracing.trace(world.db, "A", now=w.NOW)
            assert during.known_at == later.known_at
        after = await tracing.trace(world.db, "A", now=w.NOW)
        assert after.known_at > later.known_at
