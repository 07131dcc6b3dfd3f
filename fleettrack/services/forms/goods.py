"""Serials, units, consignments with their plan, and loads."""

from __future__ import annotations

import datetime as dt

import msgspec

from fleettrack.domain import consignment
from fleettrack.services.forms.words import Moment, New, Ref, Seq, Text
from fleettrack.storage.consignments import ItemSet, Leg, Stop


class NewSerials(New, frozen=True, kw_only=True):
    """Serials of one product, commissioned together: by GTIN, or by the issuer's own product code."""

    issuer: Ref
    serials: list[Text]
    gtin: Text | None = None
    product: Text | None = None
    lot: Text | None = None
    expiry: dt.date | None = None
    place: Ref | None = None
    commissioned_at: Moment | None = None  # now


class NewUnits(New, frozen=True, kw_only=True):
    """Logistic units by their SSCCs, commissioned together."""

    issuer: Ref
    ssccs: list[Text]
    place: Ref | None = None
    commissioned_at: Moment | None = None  # now


class Commissioned(msgspec.Struct, frozen=True, kw_only=True):
    """A batch of new objects; its issuer holds them."""

    batch: int
    count: int
    refs: list[str]


class NewPacking(New, frozen=True, kw_only=True):
    """Objects put into a unit, or taken out of it, at a time."""

    objects: list[Ref]
    at: Moment | None = None  # now


class Packed(msgspec.Struct, frozen=True, kw_only=True):
    """What packing or unpacking did."""

    unit: str
    count: int


class NewStop(New, frozen=True, kw_only=True):
    """One planned halt. Windows without an offset are not accepted here; a manifest reads them in the place's zone."""

    place: Ref
    role: consignment.Role
    seq: Seq | None = None  # 1, 2, … in the order given
    party: Ref | None = None  # pickup: consignor, drop: consignee, waypoint: the place's own
    on_arrival: consignment.OnArrival | None = None  # drop: transfer, else record
    window_from: Moment | None = None
    window_to: Moment | None = None


class NewLeg(New, frozen=True, kw_only=True):
    """Who carries between two stops; absent legs are made between all stops for the consignment's carrier."""

    from_stop: Seq
    to_stop: Seq
    carrier: Ref
    vehicle: Ref | None = None


class NewItem(New, frozen=True, kw_only=True):
    """A line of the plan: a serial (by GTIN or canonical form), in a unit or not; or a unit, in another or not."""

    serial: Text | None = None
    gtin: Text | None = None
    unit: Text | None = None  # SSCC
    parent_unit: Text | None = None  # SSCC of what contains the unit
    lot: Text | None = None
    expiry: dt.date | None = None
    from_stop: Seq | None = None  # first pickup
    to_stop: Seq | None = None  # last drop


class NewConsignment(New, frozen=True, kw_only=True):
    """What is shipped from whom to whom over which stops. What is new among its items is commissioned."""

    ref: Ref
    consignor: Ref
    consignee: Ref
    stops: list[NewStop]
    carrier: Ref | None = None  # of all legs that name none
    vehicle: Ref | None = None  # of all legs that are not given
    legs: tuple[NewLeg, ...] = ()
    items: tuple[NewItem, ...] = ()
    effective_from: Moment | None = None  # earliest window less 24 h, else now


class Consignment(msgspec.Struct, frozen=True, kw_only=True):
    """A consignment as known now. `stops`, `legs` and `items` are left empty in lists."""

    ref: str
    consignor: str
    consignee: str
    effective_from: Moment
    closed_at: Moment | None
    stops: tuple[Stop, ...] = ()
    legs: tuple[Leg, ...] = ()
    items: tuple[ItemSet, ...] = ()


class NewLoad(New, frozen=True, kw_only=True):
    """A scan of a consignment, or of one object of it, onto a vehicle."""

    vehicle: Ref
    consignment: Ref
    object: Ref | None = None  # the whole consignment
    at: Moment | None = None  # now
