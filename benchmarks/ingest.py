"""What P1 and P2 share: a live fleet against the running service, and the ceiling beside it, turn by turn.

Of a hundred trucks 77 are under way and pass by places, 3 are parked and report on, 20 serve two places each; of these
5 carry a consignment between them. A fifth of the positions lie inside a fence.

Time is six times as dense as with most fleets: a report every 5 s instead of 30, a stay of two minutes, and so a halt
of 20 s, not 120, is an arrival at these places. Each repetition has trucks of its own, which report up to a little
ahead of now. Minutes are sent within seconds, so silence means something only after half an hour here: nobody is
silent, and the clock decides nothing, as it would be live. The first reports are sent before the measuring: a fleet is
known to a service that runs. The ceiling is measured with half of the rows before the service, with half after it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import psycopg

from benchmarks import ceiling, fleet, results, service, world

TRUCKS = 2_000
PLACES = 5_000
CADENCE_S = 5.0
ROUNDS = 150
FIRST_ROUNDS = 20  # sent before the measuring
BEFORE_NOW_S = 640.0  # the last report is 110 s ahead of now: 10 less than what makes a fix doubtful
HABITS = fleet.Habits(hop_m=1_000.0, stand_s=(110.0, 140.0))
RULES = {"halt_s": 20.0, "silence_s": 1800.0}
CONNECTIONS = 8  # unless told otherwise

Say = Callable[[str], None]
Encode = Callable[[fleet.Pings, Sequence[str]], list[bytes]]


class Repetition(msgspec.Struct, frozen=True, kw_only=True):
    """Positions a second, of the service and of the database alone, and what the service decided meanwhile."""

    figure: float
    ceiling: float
    visits: int
    entries: int


class Stage:
    """The running service with its places, and the ceiling on its server."""

    def __init__(self, running: service.Service, below: ceiling.Ceiling, say: Say) -> None:
        self.service = running
        self.say = say
        self._below = below
        self._random = np.random.default_rng(20_240_501)
        self._ground = fleet.Ground.make(PLACES, self._random)
        self._group = 0
        world.fill(running.dsn, self._ground, RULES)

    def repeat(
        self, encode: Encode, send: Callable[[list[list[bytes]]], float], connections: int = CONNECTIONS
    ) -> Repetition:
        """Measure once; `send` takes the messages by connection and returns seconds."""
        now = time.time()
        trucks = fleet.mixed(self._ground, TRUCKS, HABITS, now - BEFORE_NOW_S, self._random)
        laden = range(round(TRUCKS * HABITS.laden))
        since = dt.datetime.fromtimestamp(now - 3_600, dt.UTC)
        self._group += 1
        enlisted = world.enlist(self.service.dsn, trucks, self._group, laden, since)
        pings = fleet.rounds(trucks, float(int(now - BEFORE_NOW_S)), CADENCE_S, ROUNDS, self._random)
        first = FIRST_ROUNDS * TRUCKS
        half = (first + len(pings)) // 2
        send(_by_connection(pings[:first], encode(pings[:first], enlisted.identities), connections))
        measured = _by_connection(pings[first:], encode(pings[first:], enlisted.identities), connections)
        below = self._below.seconds(_columns(pings[first:half], enlisted))
        seconds = send(measured)
        below += self._below.seconds(_columns(pings[half:], enlisted))
        visits, entries = self._check(enlisted, len(pings))
        count = len(pings) - first
        return Repetition(figure=count / seconds, ceiling=count / below, visits=visits, entries=entries)

    def _check(self, enlisted: world.Enlisted, expected: int) -> tuple[int, int]:
        """Return how many visits and ledger entries there are, once every position is seen to be stored."""
        with psycopg.connect(self.service.dsn) as connection:
            row = connection.execute(_COUNTS, {"ids": enlisted.ids}).fetchone()
        assert row is not None
        stored, visits, entries, told = row
        if stored != expected:
            raise RuntimeError(f"{expected} positions were sent, {stored} are stored")
        if not visits or not entries or told != entries:
            raise RuntimeError(f"{visits} visits, {entries} ledger entries, {told} of them in the outbox")
        return visits, entries


_COUNTS = """
WITH entry AS (
    SELECT e.id FROM ledger_entry e JOIN leg l USING (consignment_id) JOIN assignment a USING (vehicle_id)
    WHERE a.tracker_id = ANY(%(ids)s)
)
SELECT (SELECT count(*) FROM position WHERE tracker_id = ANY(%(ids)s)),
    (SELECT count(*) FROM visit WHERE tracker_id = ANY(%(ids)s)),
    (SELECT count(*) FROM entry),
    (SELECT count(*) FROM outbox JOIN entry ON (body ->> 'entry')::bigint = entry.id)
"""


@contextlib.contextmanager
def stage(cache: Path, say: Say) -> Iterator[Stage]:
    """Yield the service on a fresh data folder, which is removed afterwards."""
    folder = cache / "ingest"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o711)
    try:
        with service.running(folder) as running, ceiling.Ceiling(running.dsn) as below:
            yield Stage(running, below, say)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measured(on: Stage, name: str, count: int, target: float, once: Callable[[], Repetition]) -> results.Part:
    """Repeat, and return medians."""
    done = []
    for i in range(count):
        done.append(r := once())
        on.say(
            f"{name} {i + 1}/{count}: {r.figure:,.0f}/s of {r.ceiling:,.0f}/s = {r.figure / r.ceiling:.3f};"
            f" {r.visits} visits, {r.entries} ledger entries"
        )
    return results.compared(
        name, [r.figure for r in done], [r.ceiling for r in done], unit="positions/s", target=target, at_least=True
    )


def _by_connection(pings: fleet.Pings, messages: list[bytes], connections: int) -> list[list[bytes]]:
    """Deal messages out by truck, so that each truck's stay in order."""
    dealt: list[list[bytes]] = [[] for _ in range(connections)]
    for truck, message in zip(pings.truck.tolist(), messages, strict=True):
        dealt[truck % connections].append(message)
    return dealt


def _columns(pings: fleet.Pings, enlisted: world.Enlisted) -> ceiling.Columns:
    """Return the rows that the service will make of RMC sentences."""
    count = len(pings)
    return {
        "tracker_id": np.array(enlisted.ids)[pings.truck],
        "fix_time": pings.time_ms,
        "lat_e7": pings.lat_e7,
        "lon_e7": pings.lon_e7,
        "received_at": np.full(count, time.time_ns() // 1_000_000),
        "speed_cms": np.rint(np.abs(pings.speed_mps) * 100),
        "course_ddeg": np.rint(pings.course * 10),
        "flags": np.zeros(count),
        "trust": np.full(count, 2),
        "protocol": np.ones(count),
    }
