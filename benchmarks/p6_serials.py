"""P6: a consignment with 100,000 serials arrives as cheaply as one with 1,000; a partial receipt of it.

Over HTTP to the running service, on a keep-alive connection: the answer to the ping that decides an arrival comes
after the commit that holds the ledger's entry, and so does the answer to a receipt. The database is filled through
the interface once, kept in the cache, and copied for each run.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg import conninfo

from benchmarks import goods, results, service
from benchmarks.http_client import Client
from fleettrack.storage import embedded

TITLE = "arrival and receipt of 100,000 serials"
LARGE, SMALL = 100_000, 1_000
LARGE_NUMBERS = range(5)
SMALL_NUMBERS = range(5, 13)
WARM_UP = 3  # small ones that arrive before the measuring
SHORT = 10  # serials that a partial receipt lacks
LISTED = 3  # large consignments whose receipt lists what was there; the others' lists what was not
ARRIVAL_MS, GROWTH, RECEIPT_S = 50.0, 2.0, 3.0

A, B = (46.95, 7.45), (46.95, 7.52)  # 5.3 km apart
RADIUS_M = 150
SHORT_OF_B = 0.0066  # degrees of longitude: 500 m

Say = Callable[[str], None]


def run(cache: Path, say: Say) -> list[results.Part]:
    """Measure arrivals of large and small consignments turn by turn, then the receipts of the large ones."""
    with (
        _database(cache, say) as (folder, dsn),
        service.running(folder, dsn) as running,
        contextlib.closing(Client(running.port, running.token)) as client,
    ):
        for number in SMALL_NUMBERS[:WARM_UP]:
            _arrive(client, dsn, number)
        pairs = list(zip(LARGE_NUMBERS, SMALL_NUMBERS[WARM_UP:], strict=True))
        arrivals = [(_arrive(client, dsn, large), _arrive(client, dsn, small)) for large, small in pairs]
        say("arrivals, ms with 100,000 and with 1,000: " + ", ".join(f"{a:.1f} and {b:.1f}" for a, b in arrivals))
        listed = [_receive(client, dsn, number, listed=True) for number in LARGE_NUMBERS[:LISTED]]
        named = [_receive(client, dsn, number, listed=False) for number in LARGE_NUMBERS[LISTED:]]
    large, small = [a for a, _ in arrivals], [b for _, b in arrivals]
    return [
        _figure("arrival with 100,000 serials", large, "ms", ARRIVAL_MS),
        results.compared("the same against 1,000 serials", large, small, unit="ms", target=GROWTH),
        _figure("receipt that lists the 99,990 received", listed, "s", RECEIPT_S),
        _figure("receipt that lists the 10 short", named, "s", RECEIPT_S),
    ]


def _figure(name: str, figures: list[float], unit: str, target: float) -> results.Part:
    return results.Part(
        name=name,
        figure=statistics.median(figures),
        unit=unit,
        target=target,
        judged="figure",
        spread=(min(figures), max(figures)),
    )


def _arrive(client: Client, dsn: str, number: int) -> float:
    """Bring a consignment from A to B; return the milliseconds from the deciding ping to the committed ledger."""
    *before, deciding = _pings(number, time.time())
    client.post("/positions", before)
    if _entries(dsn, number, "transferred"):
        raise RuntimeError("the arrival was decided too early")
    began = time.monotonic()
    client.post("/positions", deciding)
    took_ms = (time.monotonic() - began) * 1000
    if _entries(dsn, number, "transferred") != 1:
        raise RuntimeError("the deciding ping did not move custody")
    return took_ms


def _pings(number: int, now: float) -> list[dict[str, Any]]:
    """Return a truck's way: it stands at A, drives, is 500 m short of B, stands there; the last ping decides.

    It crosses the fence 29 s after the ping on the way, by its speed: the ping 155 s after that one is the first
    that stands there longer than the 120 s an arrival takes.
    """
    way = [(A, -1_300.0 + 30 * i, 0.0) for i in range(12)]
    for share in (0.2, 0.5, 0.8):
        way.append(((A[0], A[1] + share * (B[1] - A[1])), -900.0 + 600 * share, 12.0))
    way.append(((B[0], B[1] - SHORT_OF_B), -160.0, 12.0))
    way += [(B, at, 0.0) for at in (-125.0, -95.0, -65.0, -35.0, -5.0)]
    return [
        {"tracker": _tracker(number), "time": int((now + at) * 1000), "lat": p[0], "lon": p[1], "speed_mps": v}
        for p, at, v in way
    ]


def _receive(client: Client, dsn: str, number: int, *, listed: bool) -> float:
    """State the receipt of all but the last ten serials; return seconds."""
    links = goods.links(number, LARGE)
    lines = [{"object": link, "outcome": "short"} for link in links[-SHORT:]]
    said: dict[str, Any] = {"received": links[:-SHORT]} if listed else {"lines": lines}
    began = time.monotonic()
    client.post(f"/consignments/{goods.consignment(number)}/receipts", said | {"stop": 2}, status=201)
    took_s = time.monotonic() - began
    if not _entries(dsn, number, "received") or not _entries(dsn, number, "short"):
        raise RuntimeError("the receipt left no trace in the ledger")
    return took_s


_ENTRIES = """
SELECT count(*) FROM ledger_entry e JOIN consignment c ON c.id = e.consignment_id WHERE c.ref = %s AND e.kind = %s
"""


def _entries(dsn: str, number: int, kind: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(_ENTRIES, (goods.consignment(number), kind)).fetchone()
    assert row is not None
    count: int = row[0]
    return count


def _tracker(number: int) -> str:
    return f"T{number}"


@contextlib.contextmanager
def _database(cache: Path, say: Say) -> Iterator[tuple[Path, str]]:
    """Yield a folder for the service, and a copy of the filled database, which is filled where there is none yet."""
    folder = cache / "serials"
    folder.mkdir(0o711, parents=True, exist_ok=True)
    filled = f"filled_{_version()}"
    with embedded.Server.start(folder) as server, psycopg.connect(server.dsn, autocommit=True) as connection:
        names = {name for (name,) in connection.execute("SELECT datname FROM pg_database").fetchall()}
        if filled not in names:
            for name in names - {"postgres", "template0", "template1"}:
                connection.execute(f'DROP DATABASE "{name}"')
            connection.execute("CREATE DATABASE filling")
            _fill(folder, conninfo.make_conninfo(server.dsn, dbname="filling"), say)
            connection.execute(f"ALTER DATABASE filling RENAME TO {filled}")
        connection.execute("DROP DATABASE IF EXISTS run")
        connection.execute(f"CREATE DATABASE run TEMPLATE {filled} STRATEGY file_copy")
        connection.execute("CHECKPOINT")
        yield folder, conninfo.make_conninfo(server.dsn, dbname="run")
        connection.execute("DROP DATABASE run WITH (FORCE)")


def _version() -> str:
    """Return what a filled database depends on: the schema, and what is filled in."""
    schema = Path(embedded.__file__).parent / "sql" / "schema"
    digest = hashlib.sha256()
    for file in (*sorted(schema.iterdir()), Path(goods.__file__), Path(__file__)):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _fill(folder: Path, dsn: str, say: Say) -> None:
    with service.running(folder, dsn) as running, contextlib.closing(Client(running.port, running.token)) as client:
        for ref in ("SHIPPER", "CARRIER", "RECEIVER"):
            client.post("/parties", {"ref": ref, "name": ref}, status=201)
        for ref, (lat, lon), party in (("A", A, "SHIPPER"), ("B", B, "RECEIVER")):
            shape = {"type": "Circle", "lat": lat, "lon": lon, "radius_m": RADIUS_M}
            place = {"ref": ref, "name": ref, "party": party, "geofences": [{"shape": shape}]}
            client.post("/places", place, status=201)
        for number in (*LARGE_NUMBERS, *SMALL_NUMBERS):
            _ship(client, number, LARGE if number in LARGE_NUMBERS else SMALL, say)


def _ship(client: Client, number: int, count: int, say: Say) -> None:
    long_ago = (dt.datetime.now(dt.UTC) - dt.timedelta(days=1)).isoformat()
    body = goods.manifest(number, count)
    began = time.monotonic()
    client.post(f"/consignments?effective_from={long_ago.replace('+', '%2B')}", body, status=201, kind="text/csv")
    say(f"a manifest of {count:,} serials was imported in {time.monotonic() - began:.1f} s")
    client.post("/trackers", {"identity": _tracker(number)}, status=201)
    assigned = {"tracker": _tracker(number), "consignment": goods.consignment(number), "valid_from": long_ago}
    client.post("/assignments", assigned, status=201)
