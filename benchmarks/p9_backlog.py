"""P9: a backlog that comes late, against the same fixes in order; over HTTP to the running service.

100 trackers report every 3 minutes for 8 hours. Of these the 5 hours that end an hour before the newest are the
backlog, 10,000 fixes: in order they come before what follows them, late they come after it. In one request, and as
10,000 requests on 32 connections, there newest first. Both ways must end in the same visits (law L2).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import psycopg

from benchmarks import fleet, load, results, service, wire, world

TITLE = "a backlog of 10,000 fixes, against in order"
TARGET_BATCH, TARGET_REQUESTS = 3.0, 10.0
REPETITIONS_BATCH, REPETITIONS_REQUESTS = 3, 2
TRUCKS = 100
PLACES = 5_000
CADENCE_S = 180.0
BEFORE, BACKLOG, AFTER = 40, 100, 20  # reports of each tracker: 2, 5 and 1 hours
HABITS = fleet.Habits(hop_m=3_000.0, stand_s=(1_200.0, 2_400.0))
CONNECTIONS = 32
NEWEST_AGE_S = 60.0
PATH = "/api/v1/positions"

Say = Callable[[str], None]
Order = Callable[[fleet.Pings], fleet.Pings]


def run(cache: Path, say: Say) -> list[results.Part]:
    """Measure both ways to send it; say what each run took."""
    with _bench(cache, say) as bench:
        bench.pair(bench.as_batch, _oldest_first)  # warm-up
        batch = [bench.pair(bench.as_batch, _oldest_first) for _ in range(REPETITIONS_BATCH)]
        requests = [bench.pair(bench.as_requests, _newest_first) for _ in range(REPETITIONS_REQUESTS)]
    return [
        results.compared(name, [late for late, _ in pairs], [plain for _, plain in pairs], unit="s", target=target)
        for name, pairs, target in (
            ("late in one request", batch, TARGET_BATCH),
            ("late as 10,000 requests, newest first", requests, TARGET_REQUESTS),
        )
    ]


class Bench:
    """The running service, and fleets of the same tracks under names of their own."""

    def __init__(self, running: service.Service, say: Say) -> None:
        self._service = running
        self._say = say
        self._ground = fleet.Ground.make(PLACES, np.random.default_rng(9))
        self._group = 0
        self._newest_s = float(int(time.time() - NEWEST_AGE_S))
        world.fill(running.dsn, self._ground)

    def pair(self, send: Callable[[fleet.Pings, Sequence[str]], float], order: Order) -> tuple[float, float]:
        """Return the seconds that the backlog takes late, in this order, and in order before what follows it."""
        plain, plain_ids = self._fleet(send, _oldest_first, late=False)
        late, late_ids = self._fleet(send, order, late=True)
        self._same_visits(plain_ids, late_ids)
        self._say(f"{send.__name__}: {late:.2f} s late, {plain:.2f} s in order = {late / plain:.2f}")
        return late, plain

    def as_batch(self, pings: fleet.Pings, identities: Sequence[str]) -> float:
        """Send all in one request."""
        return self._drive([[b"[" + b",".join(wire.json_pings(pings, identities)) + b"]"]])

    def as_requests(self, pings: fleet.Pings, identities: Sequence[str]) -> float:
        """Send each in a request of its own; a tracker keeps to its connection."""
        dealt: list[list[bytes]] = [[] for _ in range(CONNECTIONS)]
        for truck, ping in zip(pings.truck.tolist(), wire.json_pings(pings, identities), strict=True):
            dealt[truck % CONNECTIONS].append(ping)
        return self._drive(dealt)

    def _drive(self, bodies: Sequence[Sequence[bytes]]) -> float:
        token = self._service.token
        streams = [load.framed([wire.post(PATH, token, body) for body in mine]) for mine in bodies]
        return service.drive("http", self._service.port, streams)

    def _fleet(
        self, send: Callable[[fleet.Pings, Sequence[str]], float], order: Order, *, late: bool
    ) -> tuple[float, list[int]]:
        """Send a fleet's reports; return the seconds that the backlog took, and the trackers' ids."""
        self._group += 1
        random = np.random.default_rng(99)
        count = BEFORE + BACKLOG + AFTER
        from_s = self._newest_s - count * CADENCE_S
        trucks = fleet.mixed(self._ground, TRUCKS, HABITS, from_s, random)
        since = dt.datetime.fromtimestamp(from_s - 3_600, dt.UTC)
        enlisted = world.enlist(self._service.dsn, trucks, self._group, range(round(TRUCKS * HABITS.laden)), since)
        pings = fleet.rounds(trucks, from_s, CADENCE_S, count, random)
        first, end = BEFORE * TRUCKS, (BEFORE + BACKLOG) * TRUCKS
        before, backlog, after = pings[:first], pings[first:end], pings[end:]
        self.as_batch(before, enlisted.identities)
        if late:
            self.as_batch(after, enlisted.identities)
        seconds = send(order(backlog), enlisted.identities)
        if not late:
            self.as_batch(after, enlisted.identities)
        return seconds, enlisted.ids

    def _same_visits(self, plain: list[int], late: list[int]) -> None:
        with psycopg.connect(self._service.dsn) as connection:
            found = [connection.execute(_VISITS, {"ids": ids}).fetchall() for ids in (plain, late)]
        if not found[0] or found[0] != found[1]:
            odd = sorted(set(found[0]) ^ set(found[1]))
            raise RuntimeError(f"{len(odd)} of {len(found[0])} visits differ by the order of arrival: {odd[:4]}")


_VISITS = """
SELECT t.n, v.place_id, v.first_in, v.entered_at, v.exited_at, v.arrived
FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY AS t (id, n) JOIN visit v ON v.tracker_id = t.id AND NOT v.retracted
ORDER BY t.n, v.first_in, v.place_id
"""


def _oldest_first(pings: fleet.Pings) -> fleet.Pings:
    return pings


def _newest_first(pings: fleet.Pings) -> fleet.Pings:
    return pings[::-1]


@contextlib.contextmanager
def _bench(cache: Path, say: Say) -> Iterator[Bench]:
    folder = cache / "backlog"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(0o711, parents=True)
    try:
        with service.running(folder) as running:
            yield Bench(running, say)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
