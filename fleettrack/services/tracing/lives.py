"""The custody entries that mean an object, found from its lineage: its batch, its consignments, what names it."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import msgspec

from fleettrack.domain import custody, effective
from fleettrack.storage import database, tracing

DEPARTED: frozenset[custody.EntryKind] = frozenset(("departed", "departure_inferred"))
ABSENT = DEPARTED | {"short"}  # what says of a place that the goods are not there


class Life:
    """One object: what contained it over time, its item lines, and the entries that mean it."""

    def __init__(
        self, object_id: int, spans: Sequence[tracing.Span], lines: Sequence[tracing.Line], meant: list[tracing.Written]
    ) -> None:
        self.object_id = object_id
        self.spans = spans
        self.lines = lines
        self.meant = [w for w in meant if effective.matched(w.entry, self.up(w.entry.event_ms), _narrowed) is not None]

    def up(self, at_ms: int) -> tuple[int, ...]:
        """Return the object, then what contains it at a time, nearest first."""
        return tuple(span.member for span in self.spans if span.holds(at_ms))

    def in_force(self, at_ms: int) -> list[tracing.Written]:
        """Return the entries up to an event time that stand, in event order."""
        standing = [w for w in self.meant if w.ended_at is None and w.entry.event_ms <= at_ms]
        return sorted(standing, key=lambda w: w.entry.event_ms)

    def holding(self, at_ms: int) -> tracing.Written | None:
        """Return the entry that decides who holds it at an event time."""
        standing = {id(w.entry): w for w in self.meant if w.ended_at is None}
        found = effective.effective((w.entry for w in standing.values()), self.up, at_ms, _narrowed)
        return None if found is None else standing[id(found[0])]


def _narrowed(object_id: int, at_ms: int) -> None:
    """Stand for item sets in scopes that were narrowed to the objects they mean."""


async def load(connection: database.Connection, object_ids: Collection[int], known: dt.datetime) -> dict[int, Life]:
    """Return the lives of these objects as known at a time."""
    wanted = set(object_ids)
    spans = await tracing.lineage(connection, wanted, known)
    members = {span.member for of in spans.values() for span in of}
    lines = await tracing.lines(connection, members, known)
    named = await tracing.lists(connection, members)
    batches = await tracing.batches(connection, wanted)
    written = await tracing.entries(
        connection,
        batch_ids=set(batches.values()),
        consignment_ids={line.consignment_id for line in lines},
        list_ids=named.keys(),
        known=known,
    )
    by_set: defaultdict[int, set[int]] = defaultdict(set)
    for line in lines:
        by_set[line.item_set_id].add(line.object_id)
    found = {}
    for object_id in wanted:
        mine = frozenset(span.member for span in spans[object_id])
        meant = [
            n for w in written if (n := _narrow(w, object_id, mine, batches[object_id], by_set, named)) is not None
        ]
        found[object_id] = Life(object_id, spans[object_id], [x for x in lines if x.object_id in mine], meant)
    return found


def _narrow(
    written: tracing.Written,
    object_id: int,
    members: frozenset[int],
    batch_id: int,
    by_set: Mapping[int, set[int]],
    named: Mapping[int, frozenset[int]],
) -> tracing.Written | None:
    """Return an entry whose scope lists just what it means of one lineage, None where it means nothing of it."""
    if written.batch_id is not None:
        only = frozenset((object_id,)) if written.batch_id == batch_id else frozenset[int]()
    elif written.only_list_id is not None:
        only = named.get(written.only_list_id, frozenset()) & members
    else:
        only = members & by_set.get(written.entry.scope.item_set_id or 0, set())
    if not only:
        return None
    excluded = named.get(written.except_list_id or 0, frozenset()) & members
    scope = custody.Scope(only=tuple(sorted(only)), excluded=tuple(sorted(excluded)))
    return msgspec.structs.replace(written, entry=msgspec.structs.replace(written.entry, scope=scope))
