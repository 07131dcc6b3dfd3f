"""Parties, places with their fences, vehicles, trackers and what these are assigned to."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from fleettrack.services.forms.words import Moment, New, Ref, Secret, Text
from fleettrack.storage.claims import Tracker
from fleettrack.storage.places import Fence

PlaceClass = Literal["site", "depot", "fuel", "rest", "border"]
Checksum = Literal["require", "if-present", "ignore"]
Trust = Annotated[int, msgspec.Meta(ge=0, le=3)]  # domain.fix.Trust


class NewParty(New, frozen=True, kw_only=True):
    """A company or person; `gln` is its GS1 number."""

    ref: Ref
    name: Text
    gln: Text | None = None


class NewFence(New, frozen=True, kw_only=True):
    """A fence: a GeoJSON Polygon or MultiPolygon, or a Circle or Corridor in metres (see geofence.geojson).

    `rules`: the numbers of geofence.rules.Rules that are to differ, by name, and `through_road`. `valid_from` absent:
    since ever where the place is new, else from now on.
    """

    shape: dict[str, Any]
    name: Text = ""
    rules: dict[str, Any] = msgspec.field(default_factory=dict)
    valid_from: Moment | None = None


class NewPlace(New, frozen=True, kw_only=True):
    """A site of a party; `timezone` is an IANA name."""

    ref: Ref
    name: Text
    party: Ref
    timezone: Text = "UTC"
    class_: PlaceClass = msgspec.field(default="site", name="class")
    geofences: tuple[NewFence, ...] = ()


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A place with the fences that are in force or will be."""

    ref: str
    name: str
    party: str
    timezone: str
    class_: PlaceClass = msgspec.field(name="class")
    created_at: Moment
    geofences: tuple[Fence, ...] = ()


class NewVehicle(New, frozen=True, kw_only=True):
    """A vehicle; `carrier` is the party that drives it."""

    ref: Ref
    giai: Ref | None = None
    carrier: Ref | None = None


class NewTracker(New, frozen=True, kw_only=True):
    """A tracker that may send from now on; what it sent before and was held is taken in (law L8)."""

    identity: Ref
    name: Text = ""
    carrier: Ref | None = None
    checksum: Checksum = "if-present"
    minimum_trust: Trust = 0
    secret: Secret | None = None  # then its id is `identity~secret` wherever the transport proves nothing


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """A tracker just registered, and how many held pings were taken in."""

    tracker: Tracker
    adopted: int


class NewAssignment(New, frozen=True, kw_only=True):
    """A tracker on a vehicle, a consignment or a unit (exactly one), over [valid_from, valid_to)."""

    tracker: Ref
    vehicle: Ref | None = None
    consignment: Ref | None = None
    unit: Ref | None = None
    valid_from: Moment | None = None  # now
    valid_to: Moment | None = None
