"""A consignment of 100,000 serials in cases and pallets: imported, delivered, and each of them traced."""

from __future__ import annotations

import csv
import io
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib import parse

import pytest
import service as real
import world

from fleettrack.serials import gs1
from fleettrack.services.manifest import table

pytestmark = pytest.mark.long

SERIALS, IN_CASE, ON_PALLET = 100_000, 50, 40  # 2,000 cases on 50 pallets
BY_CLI, BY_HTTP = 5, 100  # how many are traced
ENTRIES_MAX = 10  # of the whole trip, whatever it carries
HEAD = {"consignment": "C1", "consignor": "SHIP", "consignee": "CONS", "carrier": "CARR"}


def sscc(number: int) -> str:
    body = f"10614141{number:09d}"
    return body + gs1.check_digit(body)


def rows() -> Iterator[dict[str, object]]:
    yield HEAD | {"stop": 1, "place": "A", "role": "pickup", "window_from": "2025-11-24T15:00:00Z"}
    yield HEAD | {"stop": 2, "place": "B", "role": "drop"}
    cases = SERIALS // IN_CASE
    for case in range(cases):
        yield HEAD | {"unit": sscc(case), "parent_unit": sscc(cases + case // ON_PALLET)}
    for number in range(SERIALS):
        yield HEAD | {"unit": sscc(number // IN_CASE), "gtin": world.GTIN, "serial": f"S{number:06d}", "lot": "L7"}


def manifest() -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, table.COLUMNS, restval="")
    writer.writeheader()
    writer.writerows(rows())
    return text.getvalue().encode()


async def by_cli(service: real.Service, file: Path) -> dict[str, Any]:
    code, said = await service.command("import", str(file), "--json")
    assert code == 0, said
    report: dict[str, Any] = json.loads(said)
    return report


async def by_http(service: real.Service, file: Path) -> dict[str, Any]:
    with file.open("rb") as body:
        answer = await service.ask("POST", "/consignments", data=body, headers={"Content-Type": "text/csv"})
    assert answer.status == 201, answer
    report: dict[str, Any] = answer.body
    return report


@pytest.mark.parametrize("bring", [by_cli, by_http])
async def test_any_serial_of_a_hundred_thousand_is_traced(bring: Any, disk_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "manifest.csv"
    file.write_bytes(manifest())
    async with real.Service(disk_dir) as service:
        await set_up(service)
        began = time.monotonic()
        report = await bring(service, file)
        print(f"\n{bring.__name__}: imported in {time.monotonic() - began:.1f} s")
        assert (report["serials"], report["units"], report["contained"]) == (SERIALS, 2_050, SERIALS + 2_000)
        assert report["items"] == 50
        await service.make("/assignments", {"tracker": "T", "consignment": "C1", "valid_from": world.LONG_AGO})
        before = entries(service)

        trip = world.drive("T", [("A", 600), ("B", 600)])[:-5]  # it stays at B
        began = time.monotonic()
        answer = await service.ask("POST", "/positions", [ping.json() for ping in trip])
        print(f"arrived, with all its pings, in {(time.monotonic() - began) * 1000:.0f} ms")
        assert (answer.status, answer.body["accepted"]) == (200, len(trip))
        assert 0 < entries(service) - before <= ENTRIES_MAX

        visits = (await service.ask("GET", "/visits?place=B&arrived=true")).body["items"]
        await check_traces(service, visits)
        code, said = await service.command("ledger", "verify")
        assert code == 0, said


async def set_up(service: real.Service) -> None:
    for party in ("SHIP", "CARR", "CONS"):
        await service.make("/parties", {"ref": party, "name": party.title()})
    for place, owner in (("A", "SHIP"), ("B", "CONS")):
        lat, lon = world.PLACES[place]
        fence = {"shape": {"type": "Circle", "lat": lat, "lon": lon, "radius_m": 200}}
        await service.make("/places", {"ref": place, "name": place, "party": owner, "geofences": [fence]})
    await service.make("/trackers", {"identity": "T", "carrier": "CARR"})


def entries(service: real.Service) -> int:
    ((count,),) = service.rows("SELECT count(*) FROM ledger_entry")
    return int(count)


async def check_traces(service: real.Service, visits: list[dict[str, Any]]) -> None:
    """Ask for serials at random, by both interfaces: holder, status, place, time and evidence."""
    (visit,) = visits
    numbers = random.sample(range(SERIALS), BY_HTTP)
    took = []
    for number in numbers:
        link = f"https://id.gs1.org/01/{world.GTIN}/21/S{number:06d}"
        began = time.monotonic()
        answer = await service.ask("GET", f"/serials/{parse.quote(link, safe='')}")
        took.append(time.monotonic() - began)
        assert answer.status == 200, answer
        check(answer.body, number, visit)
    print(f"traced in {sorted(took)[len(took) // 2] * 1000:.1f} ms (median of {len(took)})")
    for number in numbers[:BY_CLI]:
        code, said = await service.command("trace", f"S{number:06d}", "--json")
        assert code == 0, said
        check(json.loads(said), number, visit)


def check(told: dict[str, Any], number: int, visit: dict[str, Any]) -> None:
    assert told["holder"] == {"party": "CONS", "status": "provisional", "since": visit["entered_at"]}
    assert (told["place"], told["consignment"]) == ("B", "C1")
    case = number // IN_CASE
    pallet = SERIALS // IN_CASE + case // ON_PALLET
    assert told["parents"] == [f"https://id.gs1.org/00/{sscc(unit)}" for unit in (case, pallet)]
    assert told["evidence"][0] == {"level": "E0", "kind": "geofence", "id": f"visit:{visit['id']}"}
    assert any(e["kind"] == "fix" for e in told["evidence"])
    assert [e["kind"] for e in told["history"] if e["to_party"]] == ["commissioned", "picked_up", "transferred"]
