"""Random small worlds: every kind of fact, mostly sensible, often contradictory."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import msgspec
import stories as s
from hypothesis import strategies as st

from fleettrack.domain import consignment, custody, effective, fix

PLACES = (s.A, s.B, s.C)
PARTIES = (s.SHIPPER, s.CARRIER, s.CONSIGNEE, s.SECOND, s.OTHER)
PALLET, CASE, SERIAL, LOOSE, STRANGER, INNER = 501, 502, 503, 504, 505, 506
UP = {PALLET: (), CASE: (PALLET,), SERIAL: (CASE, PALLET), LOOSE: (), STRANGER: (), INNER: (CASE, PALLET)}
LINES = {PALLET: 11, LOOSE: 12}
"""What contains what, and which item set a line is of. INNER is in the case, and never named by anybody."""

MOMENTS = st.integers(0, 120).map(lambda quarter: s.START + quarter * 900_000)
SPANS = st.tuples(MOMENTS, MOMENTS).map(sorted)
LEVELS = st.sampled_from(consignment.Level)
OBJECTS = st.frozensets(st.sampled_from((PALLET, CASE, SERIAL, LOOSE, STRANGER)), max_size=2)


class Revealed(msgspec.Struct, frozen=True):
    """One thing to learn: of what kind, and for a visit which revision of which (None: retracted)."""

    field: str
    what: object
    visit_id: int = 0
    revision: int = 0


@st.composite
def plans(draw: st.DrawFn) -> consignment.Consignment:
    count = draw(st.integers(2, 4))
    stops = [
        s.stop(
            seq,
            PLACES[draw(st.sampled_from((seq - 1, seq - 1, 0, 1))) % 3],
            "pickup" if seq == 1 else "drop" if seq == count else draw(st.sampled_from(("pickup", "drop", "waypoint"))),
            draw(st.sampled_from(PARTIES)),
            on_arrival=draw(st.sampled_from(("transfer", "transfer", "transfer", "propose", "record"))),
            window_from_ms=draw(st.sampled_from((None, None, s.at(3)))),
        )
        for seq in range(1, count + 1)
    ]
    docks = draw(st.sets(st.integers(2, count - 1))) if count > 2 else set()
    cuts = [1, *sorted(docks), count]
    vehicles = st.sampled_from((s.TRUCK, s.TRUCK, s.TRUCK2, None))
    legs = [
        s.leg(a, b, draw(st.sampled_from((s.CARRIER, s.SECOND))), draw(vehicles)) for a, b in itertools.pairwise(cuts)
    ]
    sets = [s.item_set(11, 1, count), s.item_set(12, draw(st.integers(1, count - 1)), count)]
    if count > 2:
        sets[0] = s.item_set(11, 1, draw(st.integers(2, count)))
    closed = draw(st.sampled_from((None, None, None, 12.0)))
    return s.plan(stops, legs, sets, closed)


@st.composite
def assignments(draw: st.DrawFn) -> consignment.Assignment:
    start, end = draw(SPANS)
    level = draw(st.sampled_from(("unit", "consignment", "vehicle", "vehicle")))
    tracker = draw(st.sampled_from((s.GOODS_BOX, s.PALLET_BOX) if level != "vehicle" else (s.TRUCK_BOX, s.TRUCK2_BOX)))
    return consignment.Assignment(
        tracker_id=tracker,
        level=level,
        from_ms=draw(st.sampled_from((s.START, start))),
        to_ms=draw(st.none() | st.just(end)),
        object_id=draw(st.sampled_from((PALLET, CASE, LOOSE))) if level == "unit" else None,
        vehicle_id=draw(st.sampled_from((s.TRUCK, s.TRUCK2))) if level == "vehicle" else None,
    )


def seen_at(
    id_: int, tracker: int, place: int, start: int, end: int | None, ended: tuple[int, int, bool]
) -> consignment.Visit:
    return consignment.Visit(
        id=id_,
        tracker_id=tracker,
        place_id=place,
        enter_ms=start,
        lo_ms=start - 30_000,
        hi_ms=start + 30_000,
        rule="a",
        confirmed_ms=start + 200_000,
        trust=ended[0],
        exit_ms=end,
        exit_trust=ended[1],
        cut_off=ended[2] and end is not None,
    )


_TRUST = st.sampled_from((fix.Trust.API_KEY,) * 4 + (fix.Trust.NONE,))
ENDED = st.tuples(_TRUST, _TRUST, st.sampled_from((False,) * 4 + (True,)))  # trusts, and whether cut off


@st.composite
def visits(draw: st.DrawFn, id_: int) -> consignment.Visit:
    """Some tracker somewhere."""
    start, end = draw(SPANS)
    place = draw(st.sampled_from((*PLACES, s.ELSEWHERE)))
    return seen_at(
        id_, draw(st.sampled_from(TRACKERS)), place, start, draw(st.sampled_from((end + 1, None))), draw(ENDED)
    )


@st.composite
def trips(draw: st.DrawFn, plan: consignment.Consignment, tracker: int, first_id: int) -> list[consignment.Visit]:
    """A tracker along the stops, now and then by way of another place or twice, leaving the last one or not."""
    places = [stop.place_id for stop in plan.stops]
    if draw(st.booleans()):
        places.insert(draw(st.integers(0, len(places))), draw(st.sampled_from((*PLACES, s.ELSEWHERE))))
    if draw(st.sampled_from((False, False, True))):
        places.append(places[-1])
    quarters = sorted(draw(st.sets(st.integers(0, 100), min_size=2 * len(places), max_size=2 * len(places))))
    times = [s.START + quarter * 900_000 for quarter in quarters]
    if draw(st.booleans()):
        times[-1] = 0
    ended = draw(ENDED)
    return [
        seen_at(first_id + i, tracker, place, times[2 * i], times[2 * i + 1] or None, ended)
        for i, place in enumerate(places)
    ]


@st.composite
def facts(draw: st.DrawFn, id_: int, stops: int, moments: list[int]) -> consignment.Fact:
    kind = draw(st.sampled_from(("receipt",) * 3 + ("handover",) * 3 + ("skip_stop", "complete_stop", "void_fact")))
    party = st.sampled_from((None, None, *PARTIES))
    outcomes = st.sampled_from(("received", "short", "over", "damaged", "refused", "handed_over"))
    seqs = {"receipt": st.sampled_from((stops, stops, None, 2))}.get(
        kind, st.sampled_from((1, None, 2, stops, stops + 1))
    )
    return consignment.Fact(
        id=id_,
        kind=kind,
        event_ms=draw(st.sampled_from(moments)) + draw(st.sampled_from((300_000, 300_000, -300_000, 0))),
        level=draw(LEVELS),
        stop_seq=draw(seqs),
        from_party=draw(party),
        to_party=draw(party),
        effective_ms=(draw(st.sampled_from((True, False, False))) and draw(MOMENTS)) or None,
        only_listed=draw(st.sampled_from((False, False, True))),
        objects=draw(st.dictionaries(outcomes, OBJECTS, max_size=2)),
        target_fact_id=draw(st.integers(1, 4)) if kind == "void_fact" else None,
    )


TRACKERS = (s.TRUCK_BOX, s.TRUCK2_BOX, s.GOODS_BOX, s.PALLET_BOX)
USUAL = (s.on_truck(), s.on_goods(), s.on_unit(), s.on_truck(s.TRUCK2_BOX, s.TRUCK2))


@st.composite
def things(draw: st.DrawFn, plan: consignment.Consignment) -> list[Revealed]:
    """Everything there will be to learn about one consignment, in no order."""
    found = [Revealed("assignments", a) for a in draw(st.sets(st.sampled_from(USUAL), min_size=1, max_size=2))]
    found += [Revealed("assignments", a) for a in draw(st.lists(assignments(), max_size=1))]
    for number, tracker in enumerate(draw(st.sets(st.sampled_from(TRACKERS), min_size=1, max_size=2))):
        found += [Revealed("visits", v, v.id) for v in draw(trips(plan, tracker, 10 * number + 10))]
    for id_ in range(1, draw(st.integers(1, 3))):
        found.append(Revealed("visits", draw(visits(id_)), id_))
    seen = {f.visit_id: f.what for f in found if isinstance(f.what, consignment.Visit)}
    for id_ in draw(st.sets(st.sampled_from(sorted(seen)), max_size=2)):
        found.append(Revealed("visits", draw(revised(seen[id_])), id_, 1))
    moments = sorted(v.enter_ms for v in seen.values())
    for id_ in range(1, draw(st.integers(1, 5))):
        found.append(Revealed("facts", draw(facts(id_, len(plan.stops), moments))))
    return found + draw(oddities())


@st.composite
def revised(draw: st.DrawFn, old: consignment.Visit) -> consignment.Visit | None:
    """What late fixes make of a visit: none at all, or one that began at another time."""
    moved = draw(st.sampled_from((None, 60_000, -900_000, 7_200_000)))
    if moved is None:
        return None
    start = old.enter_ms + moved if old.exit_ms is None else min(old.enter_ms + moved, old.exit_ms - 1)
    return seen_at(old.id, old.tracker_id, old.place_id, start, old.exit_ms, (old.trust, old.exit_trust, old.cut_off))


@st.composite
def oddities(draw: st.DrawFn) -> list[Revealed]:
    """Scans, silences, far fixes and trackers that disagree."""
    found = []
    for vehicle in draw(st.lists(st.sampled_from((s.TRUCK, s.TRUCK2)), max_size=1)):
        start, end = draw(SPANS)
        load = consignment.Load(
            vehicle_id=vehicle,
            from_ms=start,
            to_ms=draw(st.sampled_from((None, end + 1))),
            object_id=draw(st.sampled_from((None, PALLET, LOOSE))),
        )
        found.append(Revealed("loads", load))
    for tracker in draw(st.lists(st.sampled_from(TRACKERS), max_size=1)):
        start, end = draw(SPANS)
        found.append(Revealed("silences", consignment.Silence(tracker_id=tracker, from_ms=start, to_ms=end)))
    for tracker in draw(st.lists(st.sampled_from(TRACKERS), max_size=1)):
        start, end = draw(SPANS)
        place, trust = draw(st.sampled_from(PLACES)), draw(st.sampled_from((3, 0)))
        far = consignment.Beyond(
            tracker_id=tracker, place_id=place, since_ms=start, before_ms=start, time_ms=end, trust=trust
        )
        found.append(Revealed("beyond", far))
    for visit_id in draw(st.lists(st.integers(10, 24), max_size=1)):
        apart = consignment.Apart(visit_id=visit_id, tracker_id=draw(st.sampled_from(TRACKERS)), metres=5000.0)
        found.append(Revealed("apart", apart))
    return found


@st.composite
def worlds(draw: st.DrawFn) -> tuple[consignment.Consignment, list[Revealed]]:
    """A plan, and everything there will be to learn."""
    plan = draw(plans())
    return plan, draw(things(plan))


def as_known(plan: consignment.Consignment, learned: list[Revealed]) -> consignment.Known:
    """What is known once these things have been learned, in this order: of each visit the newest revision."""
    newest: dict[int, Revealed] = {}
    fields: dict[str, list[object]] = {}
    for thing in learned:
        if not thing.visit_id:
            fields.setdefault(thing.field, []).append(thing.what)
        elif thing.visit_id not in newest or newest[thing.visit_id].revision < thing.revision:
            newest[thing.visit_id] = thing
    fields["visits"] = [t.what for t in newest.values() if t.what is not None]
    homes = [
        consignment.Home(object_id=o, item_set_id=None if o == STRANGER else LINES[(o, *UP[o])[-1]], ancestors=UP[o])
        for o in (PALLET, CASE, SERIAL, LOOSE, STRANGER)
    ]
    return consignment.Known(consignment=plan, homes=tuple(homes), **{k: tuple(v) for k, v in fields.items()})  # type: ignore[arg-type]


BORN = custody.Entry(
    key="born",
    kind="commissioned",
    scope=custody.Scope(only=tuple(UP)),
    event_ms=s.START - 10**9,
    status="confirmed",
    level=consignment.Level.SCAN,
    to_party=s.THIRD,
)


def lineage(object_id: int) -> Callable[[int], tuple[int, ...]]:
    return lambda _: (object_id, *UP[object_id])


def line_of(object_id: int, _at_ms: int) -> int | None:
    return LINES.get(object_id)


def holder(entries: list[custody.Entry], object_id: int, at_ms: int) -> custody.Entry:
    found = effective.effective([BORN, *entries], lineage(object_id), at_ms, line_of)
    assert found is not None
    return found[0]
