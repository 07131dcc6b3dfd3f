"""The fixes of many trackers as columns, and the order in which they are folded."""

from __future__ import annotations

import dataclasses

import numpy as np

from fleettrack.domain import fix
from fleettrack.geofence import earth, rules

NONE = -1  # in a column: the device said nothing


@dataclasses.dataclass(frozen=True, slots=True)
class Track:
    """Columns of equal length, in any order. Units as stored; NONE where there is no speed, accuracy or HDOP."""

    tracker_id: earth.Ints
    time_ms: earth.Ints
    lat_e7: earth.Ints
    lon_e7: earth.Ints
    speed_cms: earth.Ints
    accuracy_dm: earth.Ints
    hdop_centi: earth.Ints
    flags: earth.Ints  # of fix.Flag; what depends on neighbours is ignored, the fold finds it anew
    trust: earth.Ints  # of fix.Trust: what is proven of who sent it

    @classmethod
    def of(cls, *columns: object) -> Track:
        """Take columns of anything that numpy reads as integers; without one of trust the fixes count as proven."""
        read = [np.asarray(column, dtype=np.int64) for column in columns]
        if len(read) < len(dataclasses.fields(cls)):
            read.append(np.full(len(read[0]), int(fix.Trust.API_KEY)))
        return cls(*read)

    def __len__(self) -> int:
        return len(self.time_ms)

    def __getitem__(self, rows: earth.Ints | slice) -> Track:
        return Track(*(getattr(self, field.name)[rows] for field in dataclasses.fields(self)))


def accuracy_dm(track: Track) -> earth.Ints:
    """Return the 68 % radius to reckon with: as reported, else from HDOP, else the default."""
    by_hdop = np.rint(track.hdop_centi * (rules.ACCURACY_PER_HDOP_M / 10)).astype(np.int64)
    otherwise = np.where(track.hdop_centi > 0, by_hdop, int(rules.ACCURACY_DEFAULT_M * 10))
    return np.where(track.accuracy_dm > 0, track.accuracy_dm, otherwise)


def intrinsic_flags(track: Track) -> earth.Ints:
    """Return the flags that a fix has by itself: those given, and INACCURATE by its accuracy."""
    neighbours = int(fix.Flag.IMPLAUSIBLE_SPEED | fix.Flag.TELEPORT | fix.Flag.CONFLICT)
    inaccurate = accuracy_dm(track) > int(rules.ACCURACY_MAX_M * 10)
    return (track.flags & ~neighbours) | np.where(inaccurate, int(fix.Flag.INACCURATE), 0)
