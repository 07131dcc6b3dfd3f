"""Step 5: the journeys that visits and facts concern, and the ledger as the log of how they differ."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from fleettrack.domain import custody, ledger_diff, units
from fleettrack.domain import journey as journeys_domain
from fleettrack.geofence.index import FenceIndex
from fleettrack.services import known
from fleettrack.storage import assignments, database, exceptions, journeys, ledger, positions, visits

EVIDENCE_MAX = 10  # fixes copied with an entry (law L4)

Moments = frozenset[tuple[int, int]]
"""(tracker, ms) of some fixes."""


class Custody:
    """Runs journeys again and appends to the ledger what changed."""

    def __init__(self, *, none_trust_may_transfer: bool = False) -> None:
        self._none_trust_may_transfer = none_trust_may_transfer

    async def concerned(self, connection: database.Connection, changes: Sequence[visits.Change]) -> set[int]:
        """Return the consignments that these changes of visits can concern.

        Changes too old for custody to follow by itself become a task for a person each.
        """
        for change in changes:
            if change.held:
                await exceptions.propose(connection, change.id, await journeys.affected(connection, _spans([change])))
        return await journeys.affected(connection, _spans([c for c in changes if not c.held]))

    async def watched(
        self, connection: database.Connection, columns: positions.Columns, late: Mapping[int, int], index: FenceIndex
    ) -> set[int]:
        """Return the consignments whose custody these fixes can change without any visit.

        `late`: the trackers of which earlier fixes may be judged otherwise now, and from when (ms) on.
        """
        watches = await journeys.watched(connection, set(columns.tracker_id.tolist()))
        return known.fired(watches, columns, late, index) if watches else set()

    async def watching(self, connection: database.Connection, places: Mapping[int, int]) -> set[int]:
        """Return the consignments that wait for a tracker to be far from one of these places, from its time (ms) on."""
        found = [await journeys.watching_place(connection, place_id, ms) for place_id, ms in places.items()]
        return set[int]().union(*found)

    async def rerun(self, connection: database.Connection, consignments: Iterable[int], index: FenceIndex) -> None:
        """Run these journeys on what is known now; append the differences to the ledger."""
        ids = sorted(set(consignments))
        if not ids:
            return
        await ledger.join_writers(connection)
        gathered = await known.gather(connection, ids, index, none_trust_may_transfer=self._none_trust_may_transfer)
        in_force = await ledger.in_force(connection, ids)
        open_exceptions = await exceptions.open_of(connection, ids)
        additions: list[ledger.Addition] = []
        watches: list[journeys.Watch] = []
        received: list[tuple[int, int, dt.datetime]] = []
        for id_, read in gathered.items():
            outcome = journeys_domain.journey(read.known)
            watches += read.watches_after(outcome.ended_assignments)
            received += [(id_, tracker_id, units.utc(at_ms)) for tracker_id, at_ms in outcome.ended_assignments]
            additions += _additions(id_, in_force.get(id_, []), outcome)
            await exceptions.replace(connection, id_, open_exceptions.get(id_, {}), outcome.problems)
        await journeys.set_watches(connection, ids, watches)
        if any(a.level == "consignment" for read in gathered.values() for a in read.known.assignments):
            await assignments.set_received(connection, ids, received)
        await self._append(connection, additions)

    async def _append(self, connection: database.Connection, additions: Sequence[ledger.Addition]) -> None:
        if not additions:
            return
        visited, far = await _evidence(connection, additions), await _far_fixes(connection, additions)
        fixes = [
            far.get(_between(a.entry), []) if a.entry.visit_id is None else visited.get(a.entry.visit_id, [])
            for a in additions
        ]
        appended = await ledger.append(connection, additions, [f[:EVIDENCE_MAX] for f in fixes])
        await ledger.tell(connection, appended)


def _spans(changes: Iterable[visits.Change]) -> list[tuple[int, int, int]]:
    """Return (tracker, from ms, to ms) of what was and what is an arrived visit."""
    return [
        (change.tracker_id, visit.enter_ms, units.FOREVER_MS if visit.exit_ms is None else visit.exit_ms)
        for change in changes
        for visit in (change.before, change.visit)
        if visit is not None and visit.rule is not None
    ]


def _additions(
    consignment_id: int, in_force: Iterable[ledger.Recorded], outcome: custody.Journey
) -> list[ledger.Addition]:
    changes = ledger_diff.diff({r.entry.key: r for r in in_force}, outcome.entries)
    return [
        ledger.Addition(consignment_id=consignment_id, entry=c.entry, supersedes=c.supersedes, voids=c.voids)
        for c in changes
    ]


async def _evidence(
    connection: database.Connection, additions: Sequence[ledger.Addition]
) -> dict[int, list[positions.Evidence]]:
    """Return by visit the fixes that decided it, as stored now."""
    ids = sorted({a.entry.visit_id for a in additions if a.entry.visit_id is not None})
    bodies = await visits.bodies(connection, ids)
    spots = {(tracker_id, spot) for tracker_id, v in bodies.values() for spot in (*v.deciding, *v.exit_deciding)}
    if not spots:
        return {}
    stored = {(e.tracker_id, (e.time_ms, e.lat_e7, e.lon_e7)): e for e in await positions.by_key(connection, spots)}
    return {
        visit_id: [
            stored[tracker_id, spot]
            for spot in dict.fromkeys((*v.deciding, *v.exit_deciding))
            if (tracker_id, spot) in stored
        ]
        for visit_id, (tracker_id, v) in bodies.items()
    }


def _between(entry: custody.Entry) -> Moments:
    """Return the moments of the fixes that show a departure which no visit tells of."""
    trackers = [int(word) for kind, _, word in (c.partition(":") for c in entry.corroborated_by) if kind == "tracker"]
    return frozenset((t, ms) for t in trackers for ms in (entry.lo_ms, entry.hi_ms) if ms is not None)


async def _far_fixes(
    connection: database.Connection, additions: Sequence[ledger.Addition]
) -> dict[Moments, list[positions.Evidence]]:
    """Return the fixes that show inferred departures, as stored now."""
    wanted = {_between(a.entry) for a in additions if a.entry.visit_id is None} - {frozenset()}
    if not wanted:
        return {}
    stored = await positions.at_times(connection, Moments().union(*wanted))
    return {moments: [e for e in stored if (e.tracker_id, e.time_ms) in moments] for moments in wanted}
