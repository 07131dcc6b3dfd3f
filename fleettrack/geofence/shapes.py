"""What a fence looks like, and its versions in time. Coordinates are (longitude, latitude) in degrees, WGS 84."""

from __future__ import annotations

import msgspec

from fleettrack.geofence.rules import THROUGH_ROAD, Rules

Position = tuple[float, float]
Ring = tuple[Position, ...]


class Area(msgspec.Struct, frozen=True, tag="area"):
    """One or more polygons; the first ring of each is its outline, the others are holes."""

    polygons: tuple[tuple[Ring, ...], ...]


class Circle(msgspec.Struct, frozen=True, tag="circle"):
    """Everything within a radius on the ground."""

    lat: float
    lon: float
    radius_m: float


class Corridor(msgspec.Struct, frozen=True, tag="corridor"):
    """A strip along a line, on both sides; a way, never a place of arrival."""

    line: tuple[Position, ...]
    half_width_m: float


Shape = Area | Circle | Corridor


class Fence(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a geofence of a place, valid over [valid_from_ms, valid_to_ms)."""

    id: int  # of this version
    fence_id: int  # of the geofence that it is a version of
    place_id: int
    shape: Shape
    valid_from_ms: int
    valid_to_ms: int | None = None
    through_road: bool = False  # a public road runs through it
    rules: Rules | None = None  # None: the defaults, by through_road

    @property
    def terms(self) -> Rules:
        """The settings that hold here."""
        return self.rules or (THROUGH_ROAD if self.through_road else _DEFAULTS)

    def valid(self, time_ms: int) -> bool:
        """Say whether this version is the one in force at that time."""
        return self.valid_from_ms <= time_ms and (self.valid_to_ms is None or time_ms < self.valid_to_ms)


_DEFAULTS = Rules()
