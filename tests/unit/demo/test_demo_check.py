"""The demo's audit agrees with what is true, and with nothing else."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fleettrack.demo import check, truth

ARRIVAL_S, PICKUP_S = 1_700_000_600.0, 1_700_000_300.0


def move(stop: int, giver: str, taker: str) -> dict[str, object]:
    return {"consignment": "c-1", "stop": stop, "from": giver, "to": taker}


def lines() -> list[truth.Line]:
    """A truck takes c-1 on at the depot, passes the shop, and delivers at the clinic."""
    who = {"tracker": "gps-1", "vehicle": "truck-1"}

    def line(kind: str, at_s: float, **facts: object) -> truth.Line:
        return {"kind": kind, "time": truth.iso(at_s), **facts}

    return [
        line("begin", PICKUP_S - 300),
        line("ordered", PICKUP_S - 300, consignment="c-1"),
        line("arrival", PICKUP_S - 240, id=1, **who, place="depot", custody=[]),
        line("departure", PICKUP_S, id=2, **who, place="depot", custody=[move(1, "shipper", "carrier")]),
        line("passing", PICKUP_S + 60, **who, place="shop", stood_s=30.0),
        line("arrival", ARRIVAL_S, id=3, **who, place="clinic", custody=[move(2, "carrier", "clinic")]),
        *(line("proven", ARRIVAL_S + 200, id=number) for number in (1, 2, 3)),
    ]


def visits() -> list[dict[str, Any]]:
    return [
        {"tracker": "gps-1", "place": "depot", "entered_at": truth.iso(PICKUP_S - 243)},
        {"tracker": "gps-1", "place": "clinic", "entered_at": truth.iso(ARRIVAL_S + 8)},
    ]


def event(kind: str, stop: int, taker: str | None, at_s: float, **more: object) -> dict[str, Any]:
    said = {"kind": kind, "stop": stop, "to_party": taker, "event_at": truth.iso(at_s), "status": "provisional"}
    return {**said, "ended_at": None, **more}


def custody() -> dict[str, list[dict[str, Any]]]:
    return {
        "c-1": [
            event("arrived", 1, None, PICKUP_S - 243),
            event("picked_up", 1, "carrier", PICKUP_S + 12),
            event("transferred", 2, "clinic", ARRIVAL_S + 8),
        ]
    }


def signed(said: list[truth.Line]) -> None:
    said.append({"kind": "signed", "consignment": "c-1", "time": truth.iso(ARRIVAL_S + 150)})


def test_truth_and_ledger_agree() -> None:
    verdict = check.compare(lines(), visits(), custody())
    assert verdict.agree
    assert (verdict.arrivals, verdict.custody, verdict.passings, verdict.open) == (2, 2, 1, 0)


def test_a_signature_has_to_make_custody_certain() -> None:
    said, known = lines(), custody()
    signed(said)
    assert check.compare(said, visits(), known).missing == ["c-1 was signed for, but is provisional"]
    known["c-1"][2] |= {"ended_at": truth.iso(ARRIVAL_S + 151)}
    known["c-1"].append(event("received", 2, "clinic", ARRIVAL_S + 8, status="confirmed"))
    verdict = check.compare(said, visits(), known)
    assert verdict.agree
    assert verdict.confirmed == 1


def test_what_is_not_proven_yet_may_be_known_or_not() -> None:
    said = [line for line in lines() if line.get("id") != 3 or line["kind"] != "proven"]
    for seen, known in ((visits(), custody()), (visits()[:1], {"c-1": custody()["c-1"][:2]})):
        verdict = check.compare(said, seen, known)
        assert verdict.agree
        assert (verdict.arrivals, verdict.open, verdict.custody) == (1, 1, 1)


def test_a_signature_counts_by_itself_until_the_arrival_is_proven() -> None:
    said = lines()
    signed(said)
    known = {"c-1": [*custody()["c-1"][:2], event("received", 2, "clinic", ARRIVAL_S + 150, status="confirmed")]}
    assert not check.compare(said, visits(), known).agree
    said = [line for line in said if line.get("id") != 3 or line["kind"] != "proven"]
    assert check.compare(said, visits()[:1], known).agree
    known["c-1"][2]["event_at"] = truth.iso(ARRIVAL_S + 150 + 2 * check.CLOSE_S)
    assert not check.compare(said, visits()[:1], known).agree


World = tuple[list[truth.Line], list[dict[str, Any]], dict[str, list[dict[str, Any]]]]


def _forget_visit(world: World) -> None:
    del world[1][1]


def _arrive_at_shop(world: World) -> None:
    world[1].append({"tracker": "gps-1", "place": "shop", "entered_at": truth.iso(PICKUP_S + 60)})


def _arrive_twice(world: World) -> None:
    world[1].append(copy.deepcopy(world[1][1]))


def _arrive_late(world: World) -> None:
    world[1][1]["entered_at"] = truth.iso(ARRIVAL_S + 2 * check.CLOSE_S)


def _forget_pickup(world: World) -> None:
    del world[2]["c-1"][1]


def _deliver_to_another(world: World) -> None:
    world[2]["c-1"][2]["to_party"] = "shop"


def _deliver_before_pickup_was_possible(world: World) -> None:
    world[2]["c-1"][2]["event_at"] = truth.iso(PICKUP_S - 1_000)


def _fail(world: World) -> None:
    world[0].append({"kind": "failure", "detail": "an order was refused", "time": truth.iso(ARRIVAL_S)})


@pytest.mark.parametrize(
    ("harm", "missing", "invented", "failures"),
    [
        (_forget_visit, 1, 0, 0),
        (_arrive_at_shop, 0, 1, 0),
        (_arrive_twice, 0, 1, 0),
        (_arrive_late, 1, 1, 0),
        (_forget_pickup, 1, 0, 0),
        (_deliver_to_another, 1, 1, 0),
        (_deliver_before_pickup_was_possible, 1, 1, 0),
        (_fail, 0, 0, 1),
    ],
)
def test_whatever_differs_is_told(harm: Callable[[World], None], missing: int, invented: int, failures: int) -> None:
    world = lines(), visits(), custody()
    harm(world)
    verdict = check.compare(*world)
    assert not verdict.agree
    assert (len(verdict.missing), len(verdict.invented), len(verdict.failures)) == (missing, invented, failures)


def test_a_line_that_is_being_written_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    assert truth.read(path) == []
    writer = truth.Writer(path)
    writer.write("begin", 1_700_000_000.0, seed=1)
    writer.close()
    with path.open("a") as file:
        file.write('{"kind": "arr')
    assert truth.read(path) == [{"kind": "begin", "seed": 1, "time": "2023-11-14T22:13:20.000Z"}]
