"""What people type in: dispatchers plan shipments, receivers sign for them. Over the API, like anybody."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from fleettrack.client import api
from fleettrack.demo import goods, lives, trips, truth, world

WINDOW_S = 900.0  # planned time windows: so long before and after it will truly be
WAITING = 1_000  # acts that may wait for the service


class People:
    """Does one thing after the other; a shipment is signed for after it was planned."""

    def __init__(self, office: api.Api, writer: truth.Writer) -> None:
        self._office = office
        self._writer = writer
        self._acts: asyncio.Queue[tuple[world.Truck, lives.Order | lives.Signature, float]] = asyncio.Queue(WAITING)

    async def do(self, truck: world.Truck, act: lives.Order | lives.Signature, time_s: float) -> None:
        """Have something done soon."""
        await self._acts.put((truck, act, time_s))

    async def run(self) -> None:
        """Work until cancelled; what has begun is finished and written down, since the service may know of it."""
        while True:
            doing = asyncio.create_task(self._act(*await self._acts.get()))
            try:
                await asyncio.shield(doing)
            except asyncio.CancelledError:
                await doing
                raise

    async def _act(self, truck: world.Truck, act: lives.Order | lives.Signature, time_s: float) -> None:
        try:
            if isinstance(act, lives.Order):
                await order(self._office, truck, act)
                for shipment in act.shipments:
                    self._writer.write("ordered", time.time(), consignment=shipment.load.ref)
            else:
                await _sign(self._office, act.shipment, time_s)
                self._writer.write("signed", time_s, consignment=act.shipment.load.ref)
        except api.Refused as refusal:
            self._writer.write("failure", time.time(), detail=str(refusal))


async def order(office: api.Api, truck: world.Truck, order: lives.Order) -> None:
    """Plan the shipments of a trip."""
    for shipment in order.shipments:
        body = consignment(truck, shipment, order.trip)
        await office.post("/consignments", body, once=f"order-{shipment.load.ref}")


def consignment(truck: world.Truck, shipment: goods.Shipment, trip: trips.Trip) -> dict[str, Any]:
    """Return a shipment as the API takes it: a pallet of serials from a depot to a drop, by this truck."""
    load = shipment.load
    at = {event.site: event.time_s for event in trip.events if isinstance(event, trips.Arrival)}
    stops = [
        {
            "place": site.ref,
            "role": role,
            "party": site.party.ref,
            "window_from": truth.iso(at[site] - WINDOW_S),
            "window_to": truth.iso(at[site] + WINDOW_S),
        }
        for site, role in ((shipment.depot, "pickup"), (shipment.drop, "drop"))
    ]
    return {
        "ref": load.ref,
        "consignor": shipment.depot.party.ref,
        "consignee": shipment.drop.party.ref,
        "carrier": truck.carrier.ref,
        "vehicle": truck.ref,
        "effective_from": truth.iso(load.planned_s),
        "stops": stops,
        "items": [{"gtin": load.gtin, "serial": serial, "unit": load.unit} for serial in load.serials],
    }


async def _sign(office: api.Api, shipment: goods.Shipment, time_s: float) -> None:
    body = {"stop": 2, "event_at": truth.iso(time_s), "level": "signatures", "note": "signed on glass"}
    path = f"/consignments/{api.part(shipment.load.ref)}/receipts"
    await office.post(path, body, once=f"sign-{shipment.load.ref}")
