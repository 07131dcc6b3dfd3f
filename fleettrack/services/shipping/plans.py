"""From drafts to plans: references become ids, blanks become defaults, and what cannot be is told."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Iterable, Sequence
from typing import Any, get_args

import msgspec

from fleettrack.domain import consignment, errors
from fleettrack.services.shipping import drafts
from fleettrack.services.shipping.problems import Problems, Said
from fleettrack.storage import consignments, database, parties, places, vehicles

LEAD = dt.timedelta(hours=24)
"""A consignment counts from this long before its first window: goods are set apart and trackers put on ahead of it."""

ROLES = get_args(consignment.Role)
ON_ARRIVAL = get_args(consignment.OnArrival)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A consignment by ids, and what its items need of it."""

    new: consignments.NewConsignment
    consignor: str
    origins: dict[int, tuple[int, int]]  # (party, place) of each stop: who has new goods that start there, and where
    first_seq: int  # the first pickup: where items start by default
    last_seq: int  # the last drop


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """The ids of what the drafts name, as far as there is such a thing."""

    parties: dict[str, int]
    places: dict[str, places.Site]
    vehicles: dict[str, int]
    taken: set[str]


async def look_up(connection: database.Connection, written: Sequence[drafts.Draft]) -> Known:
    """Find everything that the drafts name."""
    stops = [s for d in written for s in d.stops.values()]
    legs = [leg for d in written for leg in d.legs]
    named = [d.said.get(c) for d in written for c in ("consignor", "consignee")]
    named += [s.said.get("party") for s in stops] + [leg.carrier for leg in legs]
    return Known(
        parties=await parties.known(connection, _values(named)),
        places=await places.known(connection, _values(s.said.get("place") for s in stops)),
        vehicles=await vehicles.known(connection, _values(leg.vehicle for leg in legs)),
        taken=await consignments.taken(connection, {d.ref for d in written}),
    )


def _values(said: Iterable[Said | None]) -> set[str]:
    return {s.value for s in said if s is not None}


def resolve(draft: drafts.Draft, known: Known, otherwise: dt.datetime, problems: Problems) -> Plan | None:
    """Return the plan of a draft, or None and problems; without windows it counts from `otherwise`."""
    before = problems.count
    if draft.ref in known.taken:
        problems.add(draft.where, "consignment", draft.ref, "this consignment exists already")
    consignor = _party(draft.said.get("consignor"), "consignor", draft, known, problems)
    consignee = _party(draft.said.get("consignee"), "consignee", draft, known, problems)
    own = {"pickup": consignor, "drop": consignee, "waypoint": 0}
    stops = [s for seq in sorted(draft.stops) if (s := _stop(draft.stops[seq], own, known, problems))]
    legs = [leg for d in draft.legs if (leg := _leg(d, draft, known, problems))]
    if problems.count == before:
        pickups = [s for s in stops if s.role == "pickup"]
        drops = [s for s in stops if s.role == "drop"]
        if not pickups:
            problems.add(draft.where, "role", "", "the consignment has no pickup")
        elif not drops or drops[-1].seq < pickups[0].seq:
            problems.add(draft.where, "role", "", "the consignment has no drop after its first pickup")
    if problems.count > before:
        return None
    windows = [w for s in stops for w in (s.window_from, s.window_to) if w is not None]
    since = draft.effective_from or (min(windows) - LEAD if windows else otherwise)
    return Plan(
        new=consignments.NewConsignment(
            ref=draft.ref,
            consignor_id=consignor,
            consignee_id=consignee,
            effective_from=since,
            stops=stops,
            legs=legs,
        ),
        consignor=draft.said["consignor"].value,
        origins={s.seq: (s.party_id, s.place_id) for s in stops},
        first_seq=pickups[0].seq,
        last_seq=drops[-1].seq,
    )


def _party(said: Said | None, column: str, draft: drafts.Draft, known: Known, problems: Problems) -> int:
    if said is None:
        problems.add(draft.where, column, "", f"consignment {draft.ref!r} has no {column}")
        return 0
    if said.value not in known.parties:
        problems.about(said, column, "there is no such party")
    return known.parties.get(said.value, 0)


def _stop(stop: drafts.DraftStop, own: dict[str, int], known: Known, problems: Problems) -> consignments.NewStop | None:
    before = problems.count
    role = _word(stop, "role", ROLES, problems)
    on_arrival = _word(stop, "on_arrival", ON_ARRIVAL, problems, default="transfer" if role == "drop" else "record")
    place = stop.said.get("place")
    site = None if place is None else known.places.get(place.value)
    if place is None:
        problems.add(stop.where, "place", "", f"stop {stop.seq} has no place")
    elif site is None:
        problems.about(place, "place", "there is no such place")
    party = stop.said.get("party")
    if party is not None and party.value not in known.parties:
        problems.about(party, "party", "there is no such party")
    if site is None or problems.count > before:
        return None
    window_from = _window(stop, "window_from", site, problems)
    window_to = _window(stop, "window_to", site, problems)
    if window_from and window_to and window_to < window_from:
        problems.about(stop.said["window_to"], "window_to", "the window ends before it begins")
    if problems.count > before:
        return None
    return consignments.NewStop(
        seq=stop.seq,
        place_id=site.id,
        role=role,
        party_id=known.parties[party.value] if party else own[role] or site.party_id,
        on_arrival=on_arrival,
        window_from=window_from,
        window_to=window_to,
    )


def _word(stop: drafts.DraftStop, column: str, words: Sequence[str], problems: Problems, default: str = "") -> Any:
    said = stop.said.get(column)
    if said is None:
        if not default:
            problems.add(stop.where, column, "", f"stop {stop.seq} has no {column}")
        return default
    if said.value not in words:
        problems.about(said, column, f"this is none of {', '.join(words)}")
    return said.value


def _window(stop: drafts.DraftStop, column: str, site: places.Site, problems: Problems) -> dt.datetime | None:
    said = stop.said.get(column)
    if said is None:
        return None
    try:
        return drafts.moment(said.value, zoneinfo.ZoneInfo(site.timezone), late=column == "window_to")
    except errors.Invalid as exc:
        problems.about(said, column, str(exc))
        return None


def _leg(leg: drafts.DraftLeg, draft: drafts.Draft, known: Known, problems: Problems) -> consignment.Leg | None:
    before = problems.count
    for column, seq in (("from_stop", leg.from_seq), ("to_stop", leg.to_seq)):
        if seq not in draft.stops:
            problems.add(leg.where, column, seq, "the consignment has no such stop")
    if leg.from_seq >= leg.to_seq:
        problems.add(leg.where, "to_stop", leg.to_seq, "a leg ends at a later stop than it starts")
    if leg.carrier is None:
        problems.add(leg.where, "carrier", "", f"nobody carries from stop {leg.from_seq} to stop {leg.to_seq}")
    elif leg.carrier.value not in known.parties:
        problems.about(leg.carrier, "carrier", "there is no such party")
    if leg.vehicle is not None and leg.vehicle.value not in known.vehicles:
        problems.about(leg.vehicle, "vehicle", "there is no such vehicle")
    if problems.count > before or leg.carrier is None:
        return None
    return consignment.Leg(
        from_seq=leg.from_seq,
        to_seq=leg.to_seq,
        carrier_id=known.parties[leg.carrier.value],
        vehicle_id=known.vehicles[leg.vehicle.value] if leg.vehicle else None,
    )
