"""What is carried: serials on a pallet, named so that no two demos in one database clash."""

from __future__ import annotations

import dataclasses
import random
from typing import TYPE_CHECKING

from fleettrack.serials import gs1

if TYPE_CHECKING:
    from fleettrack.demo import world

SERIALS = (3, 12)  # on a pallet
PLANNED_AFTER_S = 45.0  # a new plan counts once the truck is on its way from the stop before


@dataclasses.dataclass(frozen=True, slots=True)
class Load:
    """A pallet of serials of one product."""

    ref: str
    gtin: str
    unit: str  # SSCC
    serials: tuple[str, ...]
    planned_s: float  # from when on the plan holds


@dataclasses.dataclass(frozen=True, slots=True)
class Shipment:
    """A load on its way from a depot to a drop; `signed_after_s` after the stop the receiver signs, or never."""

    load: Load
    depot: world.Site
    drop: world.Site
    ordered_s: float
    signed_after_s: float | None


def load(truck: world.Truck, trip: int, number: int, start_s: float) -> Load:
    """Return the load of a trip that starts at a time."""
    tag = truck.ref.split("-")[0]
    rng = random.Random(f"{truck.ref}/{trip}/{number}")
    name = f"{truck.number + 1:03d}{trip:05d}{number}"
    serials = tuple(f"{tag}-{name}-{i:02d}" for i in range(1, rng.randint(*SERIALS) + 1))
    digits = f"{int(tag, 16):07d}"
    sscc = f"3{digits}{truck.number + 1:04d}{trip * 2 + number:05d}"[:17]
    gtin = f"040{digits}{rng.randint(1, 3):03d}"
    return Load(
        ref=f"{tag}-{truck.number + 1:03d}-{trip}{'ab'[number]}",
        gtin=gtin + gs1.check_digit(gtin),
        unit=sscc + gs1.check_digit(sscc),
        serials=serials,
        planned_s=start_s + PLANNED_AFTER_S,
    )
