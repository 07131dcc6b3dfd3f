"""What a carrier's own key may state: that it took goods over where its way with them begins, from whom has them there.

It binds nobody else by that: what another holds for certain is not taken from it by who says so himself, nothing is
moved that was not due there, and nothing is left with another for certain.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping

import msgspec

from fleettrack.domain import consignment as plans
from fleettrack.services import checks, tracing
from fleettrack.services.tracing import telling
from fleettrack.storage import consignments, database, facts


class Takeover(msgspec.Struct, frozen=True, kw_only=True):
    """Where a carrier takes goods over, and who may have them there."""

    stop: int
    givers: frozenset[str]


async def at(
    connection: database.Connection, consignment: str, carrier: str, stop: int | None, *, ends: bool = False
) -> Takeover:
    """Return a carrier's takeover: at the start of a leg of its own, or (`ends`) where goods end at a stop of its own.

    Without a stop it is the only one possible.

    Raises:
        Invalid: there is none at this stop, or there are several.
    """
    stops, legs, _ = await consignments.plan(connection, consignment)
    own = [s.seq for s in stops if s.party == carrier] if ends else [g.from_stop for g in legs if g.carrier == carrier]
    possible = sorted(set(own))
    if stop is None and len(possible) == 1:
        stop = possible[0]
    if stop is None or stop not in possible:
        named = ", ".join(map(str, possible)) or "none"
        raise checks.refusal("stop", stop, f"name a stop where {carrier} is to take goods over: {named}")
    into = max((g for g in legs if g.from_stop < stop <= g.to_stop), key=lambda g: g.from_stop, default=None)
    givers = {carrier, *(s.party for s in stops if s.seq == stop), *({into.carrier} if into else ())}
    return Takeover(stop=stop, givers=frozenset(givers))


async def goods(connection: database.Connection, consignment_id: int, at: dt.datetime) -> set[int]:
    """Return the objects that a carrier may name: what goes with its consignment. For its key there are no others."""
    return {member for member, _ in await facts.due(connection, consignment_id, at, None)}


def check_from(taking: Takeover, from_party: str | None) -> None:
    """Refuse a party that is not to give goods here; whether there is such a party is not told."""
    if from_party is not None and from_party not in taking.givers:
        raise checks.refusal("from_party", from_party, f"it is not to give goods at stop {taking.stop}")


def check_going_on(taking: Takeover, ids: Mapping[str, int], ways: Mapping[int, Iterable[tuple[int, int]]]) -> None:
    """Refuse listed objects that are not to be taken on from the stop: a handover of them would be their delivery."""
    ending = [name for name, o in ids.items() if not any(a <= taking.stop < b for a, b in ways[o])]
    if ending:
        raise checks.offending("objects", ending, f"it does not go on from stop {taking.stop}")


async def check_outcomes(connection: database.Connection, outcomes: Mapping[int, plans.Outcome]) -> None:
    """Refuse what would bind others: what is over was somewhere else, what is short or refused stays with somebody.

    Raises:
        Invalid: the offending objects are listed.
    """
    others = sorted(o for o, outcome in outcomes.items() if outcome not in ("received", "damaged"))
    if others:
        names = await telling.names(connection, [], things=others)
        reason = "a carrier's key says only what was received or damaged of what is due (the rest may follow)"
        raise checks.offending("lines", [names["object", o] for o in others], reason)


async def check_givers(
    connection: database.Connection, taking: Takeover, object_ids: Collection[int], at: dt.datetime
) -> None:
    """Refuse objects that somebody holds for certain at a time who is not to give them here.

    Raises:
        Invalid: the offending objects are listed.
    """
    held = await tracing.held_by(connection, object_ids, at)
    others = sorted(o for o, party in held.items() if party is not None and party not in taking.givers)
    if others:
        names = await telling.names(connection, [], things=others)
        reason = "it is held for certain by another then"  # by whom is not a carrier's to know
        raise checks.offending("objects", [names["object", o] for o in others], reason)
