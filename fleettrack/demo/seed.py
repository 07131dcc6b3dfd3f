"""Sets the world up in a fresh service, over its API like anybody: companies, sites, trucks, first shipments."""

from __future__ import annotations

from typing import Any

from fleettrack.client import api
from fleettrack.demo import lives, people, trips, truth, world

SINCE_S = 86_400.0  # trackers were put on the trucks so long ago


async def seed(admin: api.Api, place: world.World, epoch_s: float) -> dict[str, str]:
    """Set up everything, with the shipments of `first_orders`; return the keys of the fleet, by whose they are."""
    await api.few(admin.post("/parties", {"ref": c.ref, "name": c.name}) for c in place.companies())
    await api.few(admin.post("/places", site(town, spot)) for town, spot in place.sites())
    await api.few(admin.post("/vehicles", {"ref": t.ref, "carrier": t.carrier.ref}) for t in place.trucks)
    await api.few(admin.post("/trackers", {"identity": t.tracker, "carrier": t.carrier.ref}) for t in place.trucks)
    since = truth.iso(epoch_s - SINCE_S)
    await api.few(
        admin.post("/assignments", {"tracker": t.tracker, "vehicle": t.ref, "valid_from": since}) for t in place.trucks
    )
    await api.few(people.order(admin, truck, order) for truck, order in first_orders(place, epoch_s))
    return await _keys(admin, place)


def first_orders(place: world.World, epoch_s: float) -> list[tuple[world.Truck, lives.Order]]:
    """Return what the trucks carry that stand at a drop from the start; all else the fleet's people order."""
    found: list[tuple[world.Truck, lives.Order]] = []
    for truck in place.trucks:
        if truck.number % trips.INSIDE_EACH == 0:
            trip = next(trips.of_truck(truck, place.seed, trips.starts_s(truck, place.seed, epoch_s)))
            found.append((truck, lives.Order(trip.shipments, trip)))
    return found


async def _keys(admin: api.Api, place: world.World) -> dict[str, str]:
    office = await admin.post("/api-keys", {"name": f"demo office {place.tag}", "role": "dispatcher"})
    keys = {"office": office["token"]}
    for carrier in place.carriers:
        wanted = {"name": f"demo {carrier.name}", "role": "carrier", "party": carrier.ref}
        keys[carrier.ref] = (await admin.post("/api-keys", wanted))["token"]
    return keys


def site(town: world.Town, spot: world.Site) -> dict[str, Any]:
    """Return a place with its fence as the API takes it."""
    fence = {"shape": spot.fence.geojson(town.centre), "rules": {"silence_s": world.SILENCE_S}}
    kind = "fuel" if spot.kind == "fuel" else "site"
    return {
        "ref": spot.ref,
        "name": spot.name,
        "party": spot.party.ref,
        "timezone": town.timezone,
        "class": kind,
        "geofences": [fence],
    }
