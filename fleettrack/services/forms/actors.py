"""Parties, places with their fences, vehicles, trackers and what these are assigned to."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from fleettrack.services.forms.words import Moment, New, Ref, Text, Told

PlaceClass = Literal["site", "depot", "fuel", "rest", "border"]
Checksum = Literal["require", "if-present", "ignore"]
Trust = Annotated[int, msgspec.Meta(ge=0, le=3)]  # domain.fix.Trust


class NewParty(New):
    """A company or person; `gln` is its GS1 number."""

    ref: Ref
    name: Text
    gln: str | None = None


class Party(Told):
    """A party as kept."""

    ref: str
    name: str
    gln: str | None
    created_at: Moment


class NewFence(New):
    """A fence: a GeoJSON Polygon or MultiPolygon, or a Circle or Corridor in metres (see geofence.geojson).

    `valid_from` absent: since ever where the place is new, else from now on.
    """

    shape: dict[str, Any]
    name: Text = ""
    rules: dict[str, Any] = {}
    valid_from: Moment | None = None


class Fence(Told):
    """One version of a fence in force."""

    id: int
    place: str
    name: str
    shape: dict[str, Any]
    rules: dict[str, Any]
    valid_from: Moment
    valid_to: Moment | None


class NewPlace(New):
    """A site of a party; `timezone` is an IANA name."""

    ref: Ref
    name: Text
    party: Ref
    timezone: str = "UTC"
    class_: PlaceClass = msgspec.field(default="site", name="class")
    geofences: list[NewFence] = []


class Place(Told):
    """A place with the fences that are in force or will be."""

    ref: str
    name: str
    party: str
    timezone: str
    class_: PlaceClass = msgspec.field(name="class")
    created_at: Moment
    geofences: list[Fence] = []


class NewVehicle(New):
    """A vehicle; `carrier` is the party that drives it."""

    ref: Ref
    giai: str | None = None
    carrier: Ref | None = None


class Vehicle(Told):
    """A vehicle as kept."""

    ref: str
    giai: str | None
    carrier: str | None
    created_at: Moment


class NewTracker(New):
    """A tracker that may send from now on; what it sent before and was held is taken in (law L8)."""

    identity: Ref
    name: Text = ""
    carrier: Ref | None = None
    checksum: Checksum = "if-present"
    minimum_trust: Trust = 0
    secret: str | None = None  # then its id is `identity~secret` wherever the transport proves nothing


class Tracker(Told):
    """A tracker as kept; the secret is never told."""

    identity: str
    name: str
    carrier: str | None
    checksum: Checksum
    minimum_trust: int
    has_secret: bool
    created_at: Moment


class Claimed(Told):
    """A tracker just registered, and how many held pings were taken in."""

    tracker: Tracker
    adopted: int


class NewAssignment(New):
    """A tracker on a vehicle, a consignment or a unit (exactly one), over [valid_from, valid_to)."""

    tracker: Ref
    vehicle: Ref | None = None
    consignment: Ref | None = None
    unit: Ref | None = None
    valid_from: Moment | None = None  # now
    valid_to: Moment | None = None


class Assignment(Told):
    """An assignment as known now."""

    id: int
    tracker: str
    vehicle: str | None
    consignment: str | None
    unit: str | None
    valid_from: Moment
    valid_to: Moment | None
    recorded_at: Moment
