"""What the visit fold keeps between batches: states, checkpoints, judgements on fixes, visits and their history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from fleettrack.domain import errors, fix, units
from fleettrack.geofence import state as states
from fleettrack.geofence import visit as folded
from fleettrack.storage import arrays, database, sql

_SQL = sql.queries("visits")
_body = msgspec.msgpack.Encoder()
_visit = msgspec.msgpack.Decoder(folded.Visit)

_FOLDED_ELSEWHERE = "a tracker was folded by another worker meanwhile"

Rows = list[tuple[Any, ...]]


class State(msgspec.Struct, frozen=True, kw_only=True):
    """A tracker's fold as stored."""

    tracker_id: int
    version: int
    settled_ms: int | None
    fold: states.TrackerState


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A visit as stored."""

    id: int
    tracker_id: int
    revision: int
    held: bool  # its newest revision waits for a person
    visit: folded.Visit


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One step in a visit's history: its next revision, and the facts (entered, arrived, …) that this one brings."""

    id: int
    tracker_id: int
    revision: int
    visit: folded.Visit
    before: folded.Visit | None
    kinds: tuple[str, ...]
    late: bool = False
    held: bool = False

    @property
    def retracted(self) -> bool:
        """Whether the visit is taken back whole."""
        return "retracted" in self.kinds


async def _fetch(connection: database.Connection, name: str, **parameters: Any) -> Rows:
    return await (await connection.execute(_SQL[name], parameters)).fetchall()


async def load_states(connection: database.Connection, tracker_ids: Iterable[int]) -> dict[int, State]:
    """Return the states of those trackers that have one."""
    rows = await _fetch(connection, "states", trackers=arrays.int8s(list(tracker_ids)))
    return {r[0]: State(tracker_id=r[0], version=r[1], settled_ms=r[2], fold=states.decode(r[3])) for r in rows}


class Shown(msgspec.Struct, frozen=True):
    """What is shown of a tracker's newest fix beside its place; NULL32 where the device said nothing."""

    speed_cms: int
    course_ddeg: int
    received_ms: int


Place = tuple[int, int, int, int]
"""Tracker, time ms, lat_e7, lon_e7."""


async def save_states(
    connection: database.Connection,
    saved: Sequence[State],
    due_ms: Mapping[int, int],
    shown: Mapping[Place, Shown],
) -> None:
    """Write states, each with the version after the one it was folded from.

    `shown` has what is at hand of their newest fixes; the rest is read. Empty ones are left to `empty_states`.

    Raises:
        StaleConfiguration: somebody else folded one of them meanwhile.
    """
    kept = [(s, s.fold.last) for s in saved if s.fold.last is not None]
    if not kept:
        return
    places = [(s.tracker_id, last.time_ms, last.lat_e7, last.lon_e7) for s, last in kept]
    missing = [place for place in places if place not in shown]
    seen = dict(shown) | (await _read_shown(connection, missing) if missing else {})
    beside = [seen[place] for place in places]
    parameters = {
        "trackers": arrays.int8s([place[0] for place in places]),
        "versions": arrays.int8s([s.version for s, _ in kept]),
        "newest": arrays.times([place[1] for place in places]),
        "lats": arrays.int4s([place[2] for place in places]),
        "lons": arrays.int4s([place[3] for place in places]),
        "speeds": arrays.int4s([b.speed_cms for b in beside]),
        "courses": arrays.int4s([b.course_ddeg for b in beside]),
        "received": arrays.times([b.received_ms for b in beside]),
        "due": arrays.times([due_ms.get(place[0]) for place in places]),
        "settled": arrays.times([s.settled_ms for s, _ in kept]),
        "folds": arrays.byteas([states.encode(s.fold) for s, _ in kept]),
    }
    cursor = await connection.execute(_SQL["save_states"], parameters)
    if cursor.rowcount != len(kept):
        raise errors.StaleConfiguration(_FOLDED_ELSEWHERE)


async def empty_states(connection: database.Connection, versions: Mapping[int, int]) -> None:
    """Forget what was folded of trackers of which no fix can decide any more; each gets its next version.

    Raises:
        StaleConfiguration: somebody else folded one of them meanwhile.
    """
    if not versions:
        return
    parameters = {
        "trackers": arrays.int8s(versions),
        "versions": arrays.int8s(versions.values()),
        "empty": states.encode(states.EMPTY),
    }
    cursor = await connection.execute(_SQL["empty_states"], parameters)
    if cursor.rowcount != len(versions):
        raise errors.StaleConfiguration(_FOLDED_ELSEWHERE)


async def _read_shown(connection: database.Connection, places: Sequence[Place]) -> dict[Place, Shown]:
    rows = await _fetch(
        connection,
        "shown",
        trackers=arrays.int8s([p[0] for p in places]),
        times=arrays.times([p[1] for p in places]),
        lats=arrays.int4s([p[2] for p in places]),
        lons=arrays.int4s([p[3] for p in places]),
    )
    by_tracker = {r[0]: Shown(r[1], r[2], r[3]) for r in rows}
    return {p: by_tracker[p[0]] for p in places}


async def due(connection: database.Connection, as_of_ms: int, limit: int) -> list[int]:
    """Return trackers about which the clock has something to say at that time."""
    return [r[0] for r in await _fetch(connection, "due", as_of=units.utc(as_of_ms), limit=limit)]


async def save_settled(
    connection: database.Connection, due_ms: Mapping[int, int | None], settled_ms: Mapping[int, int]
) -> None:
    """Note up to when the clock has decided, and when it is due again."""
    trackers = list(settled_ms)
    await connection.execute(
        _SQL["settle"],
        {
            "trackers": arrays.int8s(trackers),
            "due": arrays.times([due_ms.get(t) for t in trackers]),
            "settled": arrays.times([settled_ms[t] for t in trackers]),
        },
    )


async def checkpoints_before(
    connection: database.Connection, before_ms: Mapping[int, int]
) -> dict[int, tuple[int, states.TrackerState]]:
    """Return for each tracker the (time ms, state) of its last checkpoint before its time."""
    rows = await _fetch(
        connection,
        "checkpoints_before",
        trackers=arrays.int8s(before_ms),
        before=arrays.times(before_ms.values()),
    )
    return {t: (ms, states.decode(fold)) for t, ms, fold in rows}


async def forget_after(connection: database.Connection, after_ms: Mapping[int, int | None]) -> None:
    """Forget the checkpoints and neighbour flags of each tracker after its time (None: all of them)."""
    if after_ms:
        parameters = {"trackers": arrays.int8s(after_ms), "after": arrays.times(after_ms.values())}
        await connection.execute(_SQL["checkpoints_forget"], parameters)
        await connection.execute(_SQL["flags_forget"], parameters)


async def save_checkpoints(connection: database.Connection, saved: Sequence[tuple[int, states.TrackerState]]) -> None:
    """Keep states to fold again from, each under the time of its newest fix."""
    kept = [(t, s) for t, s in saved if s.newest_ms is not None]
    if kept:
        await connection.execute(
            _SQL["checkpoints_save"],
            {
                "trackers": arrays.int8s([t for t, _ in kept]),
                "times": arrays.times([s.newest_ms for _, s in kept]),
                "folds": arrays.byteas([states.encode(s) for _, s in kept]),
            },
        )


async def save_flags(connection: database.Connection, flags: Sequence[tuple[int, folded.Spot, int]]) -> None:
    """Keep the flags that neighbours gave: (tracker, fix key, flag)."""
    if flags:
        await connection.execute(
            _SQL["flags_save"],
            {
                "trackers": arrays.int8s([t for t, _, _ in flags]),
                "times": arrays.times([spot[0] for _, spot, _ in flags]),
                "lats": arrays.int4s([spot[1] for _, spot, _ in flags]),
                "lons": arrays.int4s([spot[2] for _, spot, _ in flags]),
                "flags": arrays.int2s([flag for _, _, flag in flags]),
            },
        )


async def changed_after(connection: database.Connection, after_ms: Mapping[int, int | None]) -> list[Stored]:
    """Return the visits of each tracker that changed after its time (None: all of them)."""
    rows = await _fetch(
        connection,
        "stored",
        trackers=arrays.int8s(after_ms),
        after=arrays.times(after_ms.values()),
    )
    return _stored(rows)


async def by_key(connection: database.Connection, keys: Sequence[tuple[int, int, int]]) -> list[Stored]:
    """Return the visits with these (tracker, place, first fix inside ms)."""
    rows = await _fetch(
        connection,
        "by_key",
        trackers=arrays.int8s([k[0] for k in keys]),
        places=arrays.int8s([k[1] for k in keys]),
        firsts=arrays.times([k[2] for k in keys]),
    )
    return _stored(rows)


def _stored(rows: Rows) -> list[Stored]:
    return [Stored(id=r[0], tracker_id=r[1], revision=r[2], held=r[3], visit=_visit.decode(r[4])) for r in rows]


async def bodies(connection: database.Connection, ids: Sequence[int]) -> dict[int, tuple[int, folded.Visit]]:
    """Return (tracker, the fold's record) of these visits."""
    rows = await _fetch(connection, "bodies", ids=arrays.int8s(ids)) if ids else []
    return {r[0]: (r[1], _visit.decode(r[2])) for r in rows}


async def new_ids(connection: database.Connection, count: int) -> list[int]:
    """Return fresh ids for visits."""
    return [r[0] for r in await _fetch(connection, "new_ids", count=count)] if count else []


async def save_changes(connection: database.Connection, changes: Sequence[Change]) -> None:
    """Bring visits to their next revision and add it to their history."""
    if not changes:
        return
    seen = [c.visit for c in changes]
    await connection.execute(
        _SQL["save"],
        _spans(seen)
        | {
            "ids": arrays.int8s([c.id for c in changes]),
            "trackers": arrays.int8s([c.tracker_id for c in changes]),
            "places": arrays.int8s([v.place_id for v in seen]),
            "revisions": arrays.int4s([c.revision for c in changes]),
            "firsts": arrays.times([v.first_in_ms for v in seen]),
            "changes": arrays.times([v.last_ms for v in seen]),
            "arrived": arrays.bools([v.rule is not None for v in seen]),
            "retracted": arrays.bools([c.retracted for c in changes]),
            "trusts": arrays.int2s([v.trust for v in seen]),
            "exit_trusts": arrays.int2s([v.exit_trust for v in seen]),
            "bodies": arrays.byteas([_body.encode(v) for v in seen]),
        },
    )
    events = [(c, kind) for c in changes for kind in c.kinds]
    told = [c.visit for c, _ in events]
    await connection.execute(
        _SQL["log"],
        _spans(told)
        | {
            "ids": arrays.int8s([c.id for c, _ in events]),
            "revisions": arrays.int4s([c.revision for c, _ in events]),
            "kinds": arrays.texts([kind for _, kind in events]),
            "lates": arrays.bools([c.late for c, _ in events]),
            "helds": arrays.bools([c.held for c, _ in events]),
            "rules": arrays.texts([v.rule for v in told]),
            "confirmed": arrays.times([v.confirmed_ms for v in told]),
            "trusts": arrays.int2s([v.trust for v in told]),
            "exit_trusts": arrays.int2s([v.exit_trust for v in told]),
            "cut_off": arrays.bools([v.end_reason is not None for v in told]),
            "left": arrays.times([v.left and v.left[0] for v in told]),
            "left_trusts": arrays.int2s([v.left[1] if v.left else 0 for v in told]),
        },
    )


def _spans(visits: Sequence[folded.Visit]) -> dict[str, arrays.Array]:
    return {
        "entered": arrays.times([v.enter_ms for v in visits]),
        "los": arrays.times([v.lo_ms for v in visits]),
        "his": arrays.times([v.hi_ms for v in visits]),
        "exited": arrays.times([v.exit_ms for v in visits]),
    }


async def near_place(
    connection: database.Connection, place_id: int, since_ms: int, box: tuple[float, float, float, float]
) -> list[int]:
    """Return trackers at a place, or with fixes in a west, south, east, north box around it, since a time."""
    west, south, east, north = (fix.to_e7(degrees) for degrees in box)
    rows = await _fetch(
        connection,
        "near_place",
        place=place_id,
        since=units.utc(since_ms),
        west=west,
        south=south,
        east=east,
        north=north,
    )
    return [r[0] for r in rows]


async def staying_since(connection: database.Connection, since_ms: int) -> list[int]:
    """Return trackers heard after a time that were at a place then or later.

    Of coming back soon after departing no visit tells until it arrives or leaves: only the state knows.
    """
    rows = await _fetch(connection, "staying_since", since=units.utc(since_ms))
    return [tracker_id for tracker_id, fold in rows if fold is None or states.decode(fold).entering]
