"""Small worlds of all that people state, to be told in many orders: each statement says when it is about itself."""

from __future__ import annotations

import contextlib
import dataclasses
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import ground
import hypothesis.strategies as st

from fleettrack import metrics
from fleettrack.domain import errors, fix, units
from fleettrack.serials import gs1
from fleettrack.services import (
    actors,
    assignments,
    claims,
    consignments,
    custody,
    loads,
    packing,
    places,
    planning,
    receipts,
    statements,
)
from fleettrack.services.forms import actors as who
from fleettrack.services.forms import facts as forms
from fleettrack.services.forms import goods
from fleettrack.services.track import pipeline
from fleettrack.storage import database

GTIN = "09506000134352"
PARTIES = ("ship", "cons", "carr", "other")
TRACKERS = ("T1", "T2")
VEHICLES = ("V1", "V2")
CONSIGNMENTS = ("C1", "C2")
SUBJECTS = ("V1", "V2", "C1", "C2", "U1", "U2")  # what a tracker can be put on; U is the unit of the consignment
RECEIVED_MS = ground.T0 + 2 * 3_600_000  # all of it: some fixes are ahead of that
END_MS = ground.T0 + 3 * 86_400_000  # when all silence has been heard
NOW = units.utc(END_MS)
MINUTE_MS = 60_000


def sscc(number: int) -> str:
    """Return the number of a unit."""
    body = f"10614141{number:09d}"
    return body + gs1.check_digit(body)


UNITS = {ref: sscc(number) for number, ref in enumerate(CONSIGNMENTS)}
SERIALS = {ref: [f"{ref}-{i}" for i in range(3)] for ref in CONSIGNMENTS}


def at(minute: int) -> Any:
    """Return a time of the story."""
    return units.utc(ground.T0 + minute * MINUTE_MS)


@dataclasses.dataclass
class World:
    """A database, the pipeline on it, and what edits it."""

    line: pipeline.Pipeline
    editor: planning.Planner
    db: database.Database
    ids: dict[str, int] = dataclasses.field(default_factory=dict)
    refused: set[str] = dataclasses.field(default_factory=set)


@dataclasses.dataclass(frozen=True)
class Kept:
    """The answer to a statement that leaves the id of its chain as it was."""

    id: int


@contextlib.asynccontextmanager
async def world(url: str) -> AsyncIterator[World]:
    """Yield a world in which there are parties and vehicles, and nothing else."""
    db = database.Database(url, pool_max=3)
    await db.open()
    line = pipeline.Pipeline(db, custody.Custody(), metrics.Metrics())
    made = World(line, planning.Planner(db, line), db)
    try:
        for ref in PARTIES:
            await actors.create_party(made.editor, who.NewParty(ref=ref, name=ref))
        for ref in VEHICLES:
            await actors.create_vehicle(made.editor, who.NewVehicle(ref=ref, carrier="carr"))
        yield made
    finally:
        await db.close()


@dataclasses.dataclass(frozen=True)
class Deed:
    """A statement. It comes after those that made what it names, and those of its chain that were drawn before it."""

    name: str
    do: Callable[[World], Awaitable[Any]]
    needs: tuple[str, ...] = ()
    chain: str = ""

    async def tell(self, told: World) -> None:
        """State it; what is illegal is refused, and noted."""
        try:
            answer = await self.do(told)
        except (errors.Invalid, errors.Conflict, errors.NotFound):
            told.refused.add(self.name)
            return
        if isinstance(answer, who.Place):
            answer = answer.geofences[0]
        told.ids[self.chain or self.name] = getattr(answer, "id", 0)


# What a story is drawn from. A draw is plain data, so that what Hypothesis shows can be read.

minutes = st.integers(0, 75)
drives = st.tuples(
    st.sampled_from(["AB", "ABC", "ABA", "AC", "B"]), st.lists(st.sampled_from([420, 300, 60]), min_size=3)
)
ways = st.sampled_from(["AB", "ABC", "ABA", "BC"])
consignment = st.sampled_from(CONSIGNMENTS)
serial = st.integers(0, 2)

maybe_stop = st.sampled_from([None, 2, 3])

statement = st.one_of(
    st.tuples(st.just("receive"), consignment, minutes, maybe_stop, st.booleans(), st.none() | minutes),
    st.tuples(st.just("list"), consignment, minutes, st.sets(serial), st.booleans()),
    st.tuples(st.just("differ"), consignment, minutes, serial, st.sampled_from(["damaged", "refused", "short"])),
    st.tuples(st.just("hand_over"), consignment, minutes, st.sets(serial), st.sampled_from(PARTIES), maybe_stop),
    st.tuples(
        st.just("correct"), consignment, minutes, st.sampled_from(["skip_stop", "complete_stop"]), st.integers(1, 3)
    ),
    st.tuples(st.just("void"), consignment),
    st.tuples(st.just("load"), consignment, minutes, st.sampled_from(VEHICLES), st.none() | serial),
    st.tuples(st.just("close"), consignment, minutes),
    st.tuples(st.just("pack"), consignment, minutes, serial, st.booleans()),
    st.tuples(st.just("draw"), st.sampled_from("ABC"), minutes, st.sampled_from([20, 60, 500, 3_000])),
    st.tuples(st.just("delete"), st.sampled_from("ABC"), minutes),
    st.tuples(st.just("more"), st.sampled_from("ABC"), minutes),
    st.tuples(st.just("end"), st.sampled_from(TRACKERS), minutes),
    st.tuples(st.just("move"), st.sampled_from(TRACKERS), minutes, st.sampled_from(SUBJECTS)),
)
trusts = st.tuples(*[st.sampled_from([fix.Trust.API_KEY] * 4 + [fix.Trust.NONE])] * 2)
on_arrival = st.sampled_from(["transfer"] * 4 + ["propose"])
statements_ = st.lists(statement, min_size=2, max_size=8)

wild = st.fixed_dictionaries(
    {
        "drives": st.tuples(drives, drives),
        "ways": st.tuples(ways, ways),
        "planned": st.tuples(*[st.sampled_from([None, *VEHICLES])] * 2),
        "on": st.tuples(*[st.sampled_from(SUBJECTS)] * 2),
        "trusts": trusts,
        "on_arrival": on_arrival,
        "statements": statements_,
    }
)
as_planned = st.builds(
    lambda ways, stays, second, **more: {
        "drives": tuple(zip(ways, stays, strict=True)),
        "ways": ways,
        "planned": ("V1", "V2" if second == "V2" else None),
        "on": ("V1", second),
        **more,
    },
    ways=st.tuples(ways, ways),
    stays=st.tuples(*[st.lists(st.sampled_from([420, 300]), min_size=3, max_size=3)] * 2),
    second=st.sampled_from(["V2", "C2", "U2"]),
    trusts=trusts,
    on_arrival=on_arrival,
    statements=statements_,
)
stories = as_planned | wild
Story = dict[str, Any]


def deeds(story: Story) -> list[Deed]:
    """Return all that is stated in a story, in an order in which it can be."""
    made = [_place(name) for name in "ABC"]
    for ref, way, vehicle in zip(CONSIGNMENTS, story["ways"], story["planned"], strict=True):
        made.append(_ship(ref, way, vehicle, story["on_arrival"]))
    made += [_claim(tracker) for tracker in TRACKERS]
    made += [_assign(tracker, subject) for tracker, subject in zip(TRACKERS, story["on"], strict=True)]
    for number, (kind, *more) in enumerate(story["statements"]):
        deed = _STATED[kind](*more)
        made.append(dataclasses.replace(deed, name=f"{number} {kind}"))
    return made


def interleave(told: Sequence[Deed], rng: random.Random) -> list[tuple[float, Deed]]:
    """Return statements at random points of [0, 1), each after those that it has to follow."""
    points: dict[str, float] = {}
    last: dict[str, float] = {}
    for deed in told:
        least = max([0.0, last.get(deed.chain, 0.0) if deed.chain else 0.0, *(points[need] for need in deed.needs)])
        points[deed.name] = least + rng.random() * (1 - least)
        if deed.chain:
            last[deed.chain] = points[deed.name]
    return sorted(((points[deed.name], deed) for deed in told), key=lambda pair: pair[0])


def _circle(name: str, radius_m: float, north: float = 0.0) -> dict[str, Any]:
    lat, lon = ground.PLACES[name]
    return {"type": "Circle", "lat": lat + north, "lon": lon, "radius_m": radius_m}


def _place(name: str) -> Deed:
    owner = "ship" if name == "A" else "cons"
    form = who.NewPlace(ref=name, name=name, party=owner, geofences=(who.NewFence(shape=_circle(name, 200)),))
    return Deed(f"place {name}", lambda w: places.create(w.editor, form, now=NOW), chain=f"fence {name}")


def _ship(ref: str, way: str, vehicle: str | None, on_arrival: Any) -> Deed:
    stops = [
        goods.NewStop(place=place, role="drop" if i else "pickup", on_arrival=on_arrival if i else None)
        for i, place in enumerate(way)
    ]
    items = [
        goods.NewItem(serial=serial, gtin=GTIN, unit=UNITS[ref] if i < 2 else None, to_stop=len(way) if i < 2 else 2)
        for i, serial in enumerate(SERIALS[ref])
    ]
    form = goods.NewConsignment(
        ref=ref,
        consignor="ship",
        consignee="cons",
        carrier="carr",
        vehicle=vehicle,
        stops=stops,
        items=tuple(items),
        effective_from=at(-600),
    )
    needs = tuple(f"place {place}" for place in sorted(set(way)))
    return Deed(f"ship {ref}", lambda w: consignments.create(w.editor, form, now=NOW), needs, ref)


def _claim(tracker: str) -> Deed:
    form = who.NewTracker(identity=tracker, carrier="carr")
    return Deed(f"claim {tracker}", lambda w: claims.register(w.editor, form))


def _on(tracker: str, subject: str, minute: int) -> tuple[who.NewAssignment, tuple[str, ...]]:
    """Return the form that puts a tracker on something, and what has to be there for it."""
    ref = f"C{subject[1:]}"
    on = {"V": {"vehicle": subject}, "C": {"consignment": subject}, "U": {"unit": UNITS[ref]}}[subject[0]]
    form = who.NewAssignment(tracker=tracker, valid_from=at(minute), **on)
    return form, (f"claim {tracker}", *(() if subject[0] == "V" else (f"ship {ref}",)))


def _assign(tracker: str, subject: str) -> Deed:
    form, needs = _on(tracker, subject, 0)
    return Deed(f"on {tracker}", lambda w: assignments.assign(w.editor, form, now=NOW), needs, tracker)


def _move(tracker: str, minute: int, subject: str) -> Deed:
    form, needs = _on(tracker, subject, minute)
    return Deed("", lambda w: assignments.move(w.editor, w.ids.get(tracker, 0), form, now=NOW), needs, tracker)


def _end(tracker: str, minute: int) -> Deed:
    return Deed("", lambda w: assignments.end(w.editor, w.ids.get(tracker, 0), at(minute)), (f"on {tracker}",), tracker)


def _draw(place: str, minute: int, radius_m: int) -> Deed:
    form = who.NewFence(shape=_circle(place, radius_m), valid_from=at(minute))
    chain = f"fence {place}"
    return Deed("", lambda w: places.change_fence(w.editor, w.ids.get(chain, 0), form, now=NOW), chain=chain)


def _delete(place: str, minute: int) -> Deed:
    chain = f"fence {place}"

    async def do(w: World) -> Any:
        fence = w.ids.get(chain, 0)
        await places.delete_fence(w.editor, fence, at=at(minute), now=NOW)
        return Kept(fence)

    return Deed("", do, chain=chain)


def _more(place: str, minute: int) -> Deed:
    form = who.NewFence(shape=_circle(place, 150, 0.002), valid_from=at(minute))
    return Deed("", lambda w: places.add_fence(w.editor, place, form, now=NOW), (f"place {place}",))


def _stated(ref: str, do: Callable[[World], Awaitable[Any]]) -> Deed:
    return Deed("", do, (f"ship {ref}",), ref)


def _receipt(ref: str, form: forms.NewReceipt) -> Deed:
    return _stated(ref, lambda w: receipts.receive(w.editor, ref, form, actor="story", now=NOW))


def _receive(ref: str, minute: int, stop: int | None, scanned: bool, effective: int | None) -> Deed:
    level: forms.LevelName = "scan" if scanned else "dock_read"
    effective_at = None if effective is None else at(effective)
    return _receipt(ref, forms.NewReceipt(stop=stop, event_at=at(minute), level=level, effective_at=effective_at))


def _list(ref: str, minute: int, came: set[int], rest_follows: bool) -> Deed:
    received = [SERIALS[ref][i] for i in sorted(came)]
    return _receipt(ref, forms.NewReceipt(stop=2, event_at=at(minute), received=received, rest_follows=rest_follows))


def _differ(ref: str, minute: int, which: int, became: forms.LineOutcome) -> Deed:
    line = forms.Line(object=SERIALS[ref][which], outcome=became)
    return _receipt(ref, forms.NewReceipt(event_at=at(minute), lines=(line,)))


def _hand_over(ref: str, minute: int, which: set[int], to: str, stop: int | None) -> Deed:
    listed = [SERIALS[ref][i] for i in sorted(which)] or None
    form = forms.NewHandover(event_at=at(minute), to_party=to, objects=listed, stop=stop)
    return _stated(ref, lambda w: statements.hand_over(w.editor, ref, form, actor="story", now=NOW))


def _correct(ref: str, minute: int, kind: Any, stop: int) -> Deed:
    form = forms.NewCorrection(kind=kind, stop=stop, event_at=at(minute))
    return _stated(ref, lambda w: statements.correct(w.editor, ref, form, actor="story", now=NOW))


def _void(ref: str) -> Deed:
    """Void what was stated last about a consignment."""

    async def do(w: World) -> Any:
        form = forms.NewCorrection(kind="void_fact", fact=w.ids.get(ref, 0))
        return await statements.correct(w.editor, ref, form, actor="story", now=NOW)

    return _stated(ref, do)


def _load(ref: str, minute: int, vehicle: str, which: int | None) -> Deed:
    form = goods.NewLoad(
        vehicle=vehicle, consignment=ref, at=at(minute), object=None if which is None else SERIALS[ref][which]
    )

    async def do(w: World) -> Any:
        await loads.load(w.editor, form, now=NOW)
        return Kept(w.ids.get(ref, 0))

    return _stated(ref, do)


def _close(ref: str, minute: int) -> Deed:
    async def do(w: World) -> Any:
        await consignments.close(w.editor, ref, at(minute), now=NOW)
        return Kept(w.ids.get(ref, 0))

    return _stated(ref, do)


def _pack(ref: str, minute: int, which: int, into: bool) -> Deed:
    form = goods.NewPacking(objects=[SERIALS[ref][which]], at=at(minute))

    async def do(w: World) -> Any:
        await (packing.pack if into else packing.unpack)(w.editor, UNITS[ref], form, now=NOW)
        return Kept(w.ids.get(ref, 0))

    return _stated(ref, do)


_STATED: dict[str, Callable[..., Deed]] = {
    "receive": _receive,
    "list": _list,
    "differ": _differ,
    "hand_over": _hand_over,
    "correct": _correct,
    "void": _void,
    "load": _load,
    "close": _close,
    "pack": _pack,
    "draw": _draw,
    "delete": _delete,
    "more": _more,
    "end": _end,
    "move": _move,
}
