"""Small worlds to tell journeys in: times in hours from the start, places and parties by letter."""

from __future__ import annotations

from collections.abc import Sequence

from fleettrack.domain import consignment, custody, effective, fix, journey

HOUR = 3_600_000
START = 1_750_000_000_000

SHIPPER, CARRIER, CONSIGNEE, SECOND, OTHER, THIRD = 1, 2, 3, 4, 5, 6
A, B, C, D, ELSEWHERE, PUMP = 101, 102, 103, 104, 105, 106
TRUCK, TRUCK2 = 201, 202
TRUCK_BOX, GOODS_BOX, PALLET_BOX, TRUCK2_BOX = 301, 302, 303, 304
SET, PALLET, ITEM = 401, 501, 502


def at(hours: float) -> int:
    return START + round(hours * HOUR)


def hours(ms: int | None) -> float | None:
    return None if ms is None else (ms - START) / HOUR


def stop(seq: int, place: int, role: consignment.Role, party: int, **more: object) -> consignment.Stop:
    on_arrival = more.pop("on_arrival", "transfer" if role == "drop" else "record")
    return consignment.Stop(id=seq, seq=seq, place_id=place, role=role, party_id=party, on_arrival=on_arrival, **more)  # type: ignore[arg-type]


def leg(start: int, end: int, carrier: int = CARRIER, vehicle: int | None = None) -> consignment.Leg:
    return consignment.Leg(from_seq=start, to_seq=end, carrier_id=carrier, vehicle_id=vehicle)


def item_set(id_: int, start: int, end: int, lines: int | None = None) -> consignment.ItemSet:
    return consignment.ItemSet(id=id_, from_seq=start, to_seq=end, lines=lines)


def plan(
    stops: Sequence[consignment.Stop] | None = None,
    legs: Sequence[consignment.Leg] | None = None,
    sets: Sequence[consignment.ItemSet] | None = None,
    closed: float | None = None,
) -> consignment.Consignment:
    """A to B with the truck, unless told otherwise."""
    return consignment.Consignment(
        id=1,
        consignor_id=SHIPPER,
        consignee_id=CONSIGNEE,
        effective_from_ms=START,
        stops=tuple(stops or (stop(1, A, "pickup", SHIPPER), stop(2, B, "drop", CONSIGNEE))),
        legs=tuple(legs or (leg(1, 2, vehicle=TRUCK),)),
        item_sets=tuple(sets or (item_set(SET, 1, 2),)),
        closed_ms=None if closed is None else at(closed),
    )


def on_goods(tracker: int = GOODS_BOX, since: float = 0, until: float | None = None) -> consignment.Assignment:
    return consignment.Assignment(
        tracker_id=tracker, level="consignment", from_ms=at(since), to_ms=None if until is None else at(until)
    )


def on_unit(tracker: int = PALLET_BOX, unit: int = PALLET, since: float = 0) -> consignment.Assignment:
    return consignment.Assignment(tracker_id=tracker, level="unit", from_ms=at(since), object_id=unit)


def on_truck(tracker: int = TRUCK_BOX, vehicle: int = TRUCK, since: float = -100) -> consignment.Assignment:
    return consignment.Assignment(tracker_id=tracker, level="vehicle", from_ms=at(since), vehicle_id=vehicle)


def visit(
    id_: int,
    place: int,
    enter: float,
    leave: float | None = None,
    tracker: int = TRUCK_BOX,
    trust: int = fix.Trust.API_KEY,
    **more: object,
) -> consignment.Visit:
    return consignment.Visit(
        id=id_,
        tracker_id=tracker,
        place_id=place,
        enter_ms=at(enter),
        lo_ms=at(enter) - 20_000,
        hi_ms=at(enter) + 10_000,
        rule="b",
        confirmed_ms=at(enter) + 180_000,
        trust=trust,
        exit_ms=None if leave is None else at(leave),
        **({"exit_trust": trust} | more),  # type: ignore[arg-type]
    )


def receipt(id_: int, when: float, seq: int = 2, **more: object) -> consignment.Fact:
    return consignment.Fact(id=id_, kind="receipt", event_ms=at(when), stop_seq=seq, **_named(more))  # type: ignore[arg-type]


def handover(
    id_: int, when: float, seq: int | None, giver: int | None, taker: int | None, **more: object
) -> consignment.Fact:
    return consignment.Fact(
        id=id_, kind="handover", event_ms=at(when), stop_seq=seq, from_party=giver, to_party=taker, **_named(more)
    )  # type: ignore[arg-type]


def _named(more: dict[str, object]) -> dict[str, object]:
    objects = {k: frozenset(more.pop(k)) for k in list(more) if k in consignment.Outcome.__args__}  # type: ignore[attr-defined, call-overload]
    effective_at = more.pop("effective", None)
    return more | {"objects": objects, "effective_ms": None if effective_at is None else at(effective_at)}  # type: ignore[arg-type]


def home(object_id: int, set_id: int | None = SET, *ancestors: int) -> consignment.Home:
    return consignment.Home(object_id=object_id, item_set_id=set_id, ancestors=ancestors)


def known(the_plan: consignment.Consignment | None = None, **more: Sequence[object] | bool) -> consignment.Known:
    given = {k: v if isinstance(v, bool) else tuple(v) for k, v in more.items()}
    return consignment.Known(consignment=the_plan or plan(), **given)  # type: ignore[arg-type]


class Told:
    """A journey, asked in the words of the stories."""

    def __init__(self, world: consignment.Known, owner: int = SHIPPER) -> None:
        self.world = world
        self.journey = journey.journey(world)
        self._owner = owner

    def holder(self, hour: float, *up: int, set_id: int = SET) -> tuple[int | None, str]:
        """Who holds an object (in what contains it; an item line of the set at last) at a time, and how firmly."""
        born = custody.Entry(
            key="born",
            kind="commissioned",
            scope=custody.Scope(only=(0,)),
            event_ms=START - 1,
            status="confirmed",
            level=consignment.Level.SCAN,
            to_party=self._owner,
        )
        line = up or (-1,)
        found = effective.effective(
            [born, *self.journey.entries],
            lambda _: (*line, 0),
            at(hour),
            lambda o, _: set_id if o == line[-1] else None,
        )
        assert found is not None
        return found[0].to_party, found[0].status

    def kinds(self) -> list[str]:
        return [e.kind for e in self.journey.entries]

    def entry(self, kind: str, **like: object) -> custody.Entry:
        found = [e for e in self.journey.entries if e.kind == kind and all(getattr(e, k) == v for k, v in like.items())]
        assert len(found) == 1, (kind, found)
        return found[0]

    def problems(self) -> list[str]:
        return sorted(p.kind for p in self.journey.problems)

    def progress(self, seq: int) -> custody.Progress:
        return next(p for p in self.journey.progress if p.stop_seq == seq)


def tell(the_plan: consignment.Consignment | None = None, **more: Sequence[object] | bool) -> Told:
    return Told(known(the_plan, **more))
