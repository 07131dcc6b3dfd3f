"""Gathers what the journeys of consignments depend on: the plan from storage, and what the trackers saw of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

import msgspec
import numpy as np

from fleettrack.domain import consignment, fix
from fleettrack.domain.journey import world
from fleettrack.geofence import earth
from fleettrack.geofence.index import FenceIndex
from fleettrack.storage import database, journeys, positions

SILENT_MS = 3_600_000  # a tracker that said nothing for so long does not govern; parked ones wake every 25-40 min
BEYOND_M = 1_000.0  # so far from a pickup the goods have left it
NEAR_MS = 600_000  # a fix so old still tells where another tracker was
CHUNK = 2_000  # fixes read at a time in search of a departure

DOUBT = fix.UNDECIDING & 0xFF


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """What a journey reads, and which trackers' next fixes may change it."""

    known: consignment.Known
    watches: tuple[journeys.Watch, ...]
    keep_others_silent: tuple[int, ...] = ()  # trackers before which others do not speak, unless they are silent

    def watches_after(self, ended: Collection[tuple[int, int]]) -> list[journeys.Watch]:
        """Return the watches that the journey leaves, which found that receipts ended assignments: (tracker, ms)."""
        until = _heard_until(self.known, ended)
        head = self.known.consignment
        silences = [
            journeys.Watch(
                tracker_id=t,
                consignment_id=head.id,
                place_id=None,
                since_ms=head.effective_from_ms,
                until_ms=until[t],
            )
            for t in self.keep_others_silent
        ]
        return [*silences, *self.watches]


async def gather(
    connection: database.Connection, ids: Iterable[int], index: FenceIndex, *, none_trust_may_transfer: bool
) -> dict[int, Gathered]:
    """Lock the consignments and return what their journeys read, by id."""
    plans = await journeys.lock_plans(connection, ids)
    if not plans:
        return {}
    trackers = {a.tracker_id for plan in plans.values() for a in plan.assignments}
    earliest = min(plan.consignment.effective_from_ms for plan in plans.values())
    by_tracker: defaultdict[int, list[consignment.Visit]] = defaultdict(list)
    for visit in await journeys.visits(connection, trackers, earliest, none_trust_may_transfer=none_trust_may_transfer):
        by_tracker[visit.tracker_id].append(visit)
    found = {}
    for id_, plan in plans.items():
        mine = sorted({a.tracker_id for a in plan.assignments})
        seen = msgspec.structs.replace(
            plan,
            visits=tuple(v for t in mine for v in by_tracker[t]),
            none_trust_may_transfer=none_trust_may_transfer,
        )
        found[id_] = await _observe(connection, seen, index)
    return found


async def _observe(connection: database.Connection, plan: consignment.Known, index: FenceIndex) -> Gathered:
    trackers = sorted({a.tracker_id for a in plan.assignments})
    near: list[journeys.Watch] = []
    always = set[int]()
    silences: list[consignment.Silence] = []
    apart: list[consignment.Apart] = []
    if len(trackers) > 1:
        silences = await journeys.silences(
            connection, _heard_until(plan), plan.consignment.effective_from_ms, SILENT_MS
        )
        apart, near = await _apart(connection, plan, trackers, index)
        always = _silence_matters(plan)
    beyond, departures = await _beyond(connection, plan, index)
    named = {(o, f.event_ms) for f in plan.facts for objects in f.objects.values() for o in objects}
    named |= {(a.object_id, a.from_ms) for a in plan.assignments if a.object_id is not None}
    named |= {(load.object_id, load.from_ms) for load in plan.loads if load.object_id is not None}
    known = msgspec.structs.replace(
        plan,
        silences=tuple(silences),
        apart=tuple(apart),
        beyond=tuple(beyond),
        homes=tuple(await journeys.homes(connection, plan.consignment.id, named)),
    )
    return Gathered(
        known=known, watches=tuple(dict.fromkeys((*near, *departures))), keep_others_silent=tuple(sorted(always))
    )


def _heard_until(plan: consignment.Known, ended: Collection[tuple[int, int]] = ()) -> dict[int, int | None]:
    """Return until when (ms) a fix of each tracker can tell whether it speaks for the goods; None: for ever.

    That is the end of its last assignment, and not after the consignment was closed. `ended` is what the journey says
    of receipts, (tracker, ms). A fix after this end only closes a silence that was open then, which changes nothing.
    """
    ends = defaultdict[int, list[int | None]](list)
    for a in plan.assignments:
        received = [ms for t, ms in ended if t == a.tracker_id and a.from_ms < ms <= world.end(a.to_ms)]
        ends[a.tracker_id].append(_earlier(a.to_ms, plan.consignment.closed_ms, *received))
    return {t: max(found, key=world.end) for t, found in ends.items()}


def _silence_matters(plan: consignment.Known) -> set[int]:
    """Return the trackers that keep others from speaking as long as they are not silent."""
    found, on_vehicle = set[int](), defaultdict[int, set[int]](set)
    for a in plan.assignments:
        if a.level != "vehicle":
            found.add(a.tracker_id)
        elif a.vehicle_id is not None:
            on_vehicle[a.vehicle_id].add(a.tracker_id)
    return found.union(*(some for some in on_vehicle.values() if len(some) > 1))


async def _apart(
    connection: database.Connection, plan: consignment.Known, trackers: list[int], index: FenceIndex
) -> tuple[list[consignment.Apart], list[journeys.Watch]]:
    """Return how far the other trackers were from each stop that was entered, and a watch on what tells of that."""
    stops = {s.place_id for s in plan.consignment.stops}
    wanted = [(v, t) for v in plan.visits if v.place_id in stops for t in trackers if t != v.tracker_id]
    if not wanted:
        return [], []
    watches = [
        journeys.Watch(
            tracker_id=t,
            consignment_id=plan.consignment.id,
            place_id=None,
            since_ms=v.hi_ms - NEAR_MS,
            until_ms=v.hi_ms,
        )
        for v, t in wanted
    ]
    near = await journeys.near_time(connection, [(t, v.hi_ms) for v, t in wanted], NEAR_MS)
    found = [
        consignment.Apart(
            visit_id=v.id, tracker_id=t, metres=index.nearest(index.in_force(v.place_id, v.hi_ms), *near[i])
        )
        for i, (v, t) in enumerate(wanted)
        if i in near and index.in_force(v.place_id, v.hi_ms)
    ]
    return found, watches


async def _beyond(
    connection: database.Connection, plan: consignment.Known, index: FenceIndex
) -> tuple[list[consignment.Beyond], list[journeys.Watch]]:
    """Find the departures that no visit tells of: the first fix far from a pickup of a tracker with the goods.

    Where that proves nothing about its sender, also the first that does, which alone moves custody (law L5): as it
    would be if there were no others.
    """
    found, watches = [], []
    pickups = {s.place_id for s in plan.consignment.stops if s.role == "pickup"}
    for tracker_id, since, until in _with_goods(plan):
        for place_id in sorted(pickups):
            if any(_seen_there(v, tracker_id, place_id, since, until) for v in plan.visits):
                continue
            for trust in (fix.Trust.NONE, fix.Trust.NONE + 1):
                hit = await _first_beyond(connection, tracker_id, trust, place_id, since, until, index)
                watches.append(
                    journeys.Watch(
                        tracker_id=tracker_id,
                        consignment_id=plan.consignment.id,
                        place_id=place_id,
                        trust=trust,
                        since_ms=since,
                        until_ms=_earlier(hit.time_ms if hit else until, plan.consignment.closed_ms),
                    )
                )
                if hit:
                    found.append(hit)
                if hit is None or hit.trust > fix.Trust.NONE or plan.none_trust_may_transfer:
                    break
    return found, watches


def _seen_there(visit: consignment.Visit, tracker_id: int, place_id: int, since_ms: int, until_ms: int | None) -> bool:
    """Tell whether a visit shows the tracker at a place in a time: earlier ones say nothing of the goods."""
    there = (visit.tracker_id, visit.place_id) == (tracker_id, place_id)
    left = visit.exit_ms is not None and visit.exit_ms <= since_ms
    return there and not left and (until_ms is None or visit.enter_ms < until_ms)


def _with_goods(plan: consignment.Known) -> list[tuple[int, int, int | None]]:
    """Return (tracker, from ms, to ms) for trackers on the goods themselves, and on vehicles after a load scan."""
    spans: dict[tuple[int, int], int | None] = {}
    for a in plan.assignments:
        if a.level != "vehicle":
            spans[a.tracker_id, max(a.from_ms, plan.consignment.effective_from_ms)] = a.to_ms
            continue
        for load in plan.loads:
            if load.vehicle_id == a.vehicle_id and (a.to_ms is None or load.from_ms < a.to_ms):
                spans[a.tracker_id, max(a.from_ms, load.from_ms)] = _earlier(a.to_ms, load.to_ms)
    return [(t, since, until) for (t, since), until in sorted(spans.items())]


def _earlier(*moments: int | None) -> int | None:
    return min((x for x in moments if x is not None), default=None)


async def _first_beyond(
    connection: database.Connection,
    tracker_id: int,
    trust: int,
    place_id: int,
    since_ms: int,
    until_ms: int | None,
    index: FenceIndex,
) -> consignment.Beyond | None:
    before, start = since_ms, since_ms
    fences = index.in_force(place_id, since_ms)
    while fences:
        rows = await positions.track(connection, tracker_id, trust, start, until_ms, CHUNK)
        usable = [r for r in rows if not r.flags & DOUBT]
        if usable:
            metres = place_distance(index, fences, [r.lat_e7 for r in usable], [r.lon_e7 for r in usable])
            far = np.flatnonzero(metres > BEYOND_M)
            if len(far):
                hit = usable[far[0]]
                before = usable[far[0] - 1].time_ms if far[0] else before
                return consignment.Beyond(
                    tracker_id=tracker_id,
                    place_id=place_id,
                    since_ms=since_ms,
                    before_ms=before,
                    time_ms=hit.time_ms,
                    trust=hit.trust,
                )
            before = usable[-1].time_ms
        if len(rows) < CHUNK:
            return None
        start = rows[-1].time_ms + 1
    return None


def place_distance(
    index: FenceIndex, fences: Iterable[int], lat_e7: Iterable[int], lon_e7: Iterable[int]
) -> earth.Floats:
    """Return the distance in metres of each point from the nearest of these fences; negative inside."""
    points = earth.ecef(np.array(list(lat_e7)), np.array(list(lon_e7)))
    each = [index.distances(points, np.full(points.shape[1], f)) for f in fences]
    return np.min(each, axis=0) if each else np.full(points.shape[1], np.inf)


def fired(
    watches: Iterable[journeys.Watch], columns: positions.Columns, late: Mapping[int, int], index: FenceIndex
) -> set[int]:
    """Return the consignments whose watch one of these fixes sets off.

    A fix far from the place does; from one without fences nothing is far, and who draws one is told by place. A late
    one does wherever it is: it may be the last before the departure, and what its neighbours said of later fixes may
    hold no longer.
    """
    hit = set()
    usable = columns.flags & DOUBT == 0
    for w in watches:
        fences = () if w.place_id is None else index.in_force(w.place_id, w.since_ms)
        if w.place_id is not None and not fences:
            continue
        if w.place_id is not None and w.tracker_id in late and (w.until_ms is None or late[w.tracker_id] <= w.until_ms):
            hit.add(w.consignment_id)
            continue
        mine = usable & (columns.tracker_id == w.tracker_id) & (columns.fix_time >= w.since_ms)
        mine &= columns.trust >= w.trust
        if w.until_ms is not None:
            mine &= columns.fix_time <= w.until_ms
        rows = np.flatnonzero(mine)
        if len(rows) and w.place_id is not None:
            rows = rows[place_distance(index, fences, columns.lat_e7[rows], columns.lon_e7[rows]) > BEYOND_M]
        if len(rows):
            hit.add(w.consignment_id)
    return hit
