"""What has to be said first on a new connection, so that NMEA which relied on what was said before is understood."""

from __future__ import annotations

from fleettrack.client.parcel import Parcel
from fleettrack.domain import units
from fleettrack.ingest.codecs.nmea import values

SPEAKERS = 1_024  # whose dates are remembered: as many as the service keeps apart on a connection


class Opening:
    """Remembers the dates of those who spoke in parcels that need not be sent again."""

    def __init__(self) -> None:
        self._times: dict[bytes, int] = {}  # who → when it spoke last

    def learn(self, parcel: Parcel) -> None:
        """Take note of a parcel that is safe."""
        if parcel.time_ms is None:
            return
        for who in parcel.speakers:
            self._times.pop(who, None)
            self._times[who] = parcel.time_ms
        while len(self._times) > SPEAKERS:
            del self._times[next(iter(self._times))]

    def before(self, parcel: Parcel) -> bytes:
        """Return what makes this parcel, and those after it, be understood: a login, and dates, which make no fix."""
        return parcel.login + b"".join(who + zda(time_ms) for who, time_ms in self._times.items())


def login(tracker: str | None) -> bytes:
    """Return a login of a tracker; nothing where there is none."""
    return sentence(f"PGID,{tracker}") if tracker else b""


def zda(time_ms: int) -> bytes:
    """Return the sentence that tells a date and makes no fix."""
    return sentence(f"GPZDA,{units.utc(time_ms):%H%M%S.00,%d,%m,%Y},00,00")


def sentence(body: str) -> bytes:
    """Return a sentence with its checksum and line end."""
    return f"${body}*{values.checksum(body.encode()):02X}\r\n".encode()
