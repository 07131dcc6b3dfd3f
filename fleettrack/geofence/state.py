"""What the fold carries from fix to fix for one tracker; equal states go on equally."""

from __future__ import annotations

import enum
import statistics
from collections.abc import Sequence

import msgspec

from fleettrack.geofence import rules
from fleettrack.geofence.visit import Spot, Visit


class Good(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A fix that may decide. `v_cms` and `pace_cms` are -1 where nothing tells."""

    time_ms: int
    lat_e7: int
    lon_e7: int
    accuracy_dm: int
    v_cms: int  # reported speed, else displacement over time
    pace_cms: int  # the greater of it and what displacement proves: below the stop speed is slow
    trust: int  # of fix.Trust

    @property
    def spot(self) -> Spot:
        """Its key."""
        return self.time_ms, self.lat_e7, self.lon_e7

    def slow(self, terms: rules.Rules) -> bool:
        """Say whether it stood, as far as report and displacement tell."""
        return 0 <= self.pace_cms < terms.stop_speed_mps * 100


class Phase(enum.IntEnum):
    """Of a tracker at a place; a place without a machine is OUT."""

    ENTERING = 1
    IN = 2
    LEAVING = 3
    GONE = 4  # OUT, so shortly after departing that coming back would reopen the visit


class Entry(msgspec.Struct, array_like=True):
    """An entry that may become an arrival. Times in ms."""

    first_ms: int
    enter_ms: int
    lo_ms: int
    unseen: bool
    spots: tuple[Spot, ...]  # the fix before, the first inside, those that a rule starts from, and the latest inside
    trust: int  # the least of all fixes from the one before: each has a say in whether a rule applies
    origin: Spot | None = None  # first fix inside a fence that one can arrive at
    slow_from: Spot | None = None  # start of the present run of slow ones
    all_slow: bool = True
    stood_ms: int = 0  # as far as fixes and the ways between them tell


class Machine(msgspec.Struct, array_like=True):
    """One tracker at one place. Changed in place by `machine`; copy before."""

    place_id: int
    phase: Phase
    pinned: tuple[int, ...]  # versions that judge it, ascending
    fence: int  # version it was last inside of: its rules hold
    last_in: Good
    visit: Visit | None  # as last told; while entering anew, the departed one that would be reopened
    entry: Entry | None = None  # while ENTERING
    out: Good | None = None  # while LEAVING: the first fix outside
    still: bool = True  # nothing since the last fix inside but slow fixes near by

    def copy(self) -> Machine:
        """Return one that can be changed apart from this."""
        entry = None if self.entry is None else msgspec.structs.replace(self.entry)
        return msgspec.structs.replace(self, entry=entry)


class TrackerState(msgspec.Struct, frozen=True, array_like=True):
    """After a fix. Compare with ==; `encode` gives the bytes to keep."""

    newest_ms: int | None = None  # of all fixes that could decide, believed or not
    last: Good | None = None  # the last believed
    doubted: int = 0  # fixes in a row not believed since
    gaps_ms: tuple[int, ...] = ()  # the last USUAL_GAPS between believed fixes
    machines: tuple[Machine, ...] = ()  # by place_id

    @property
    def entering(self) -> bool:
        """Whether it is at a place where it has neither arrived nor passed."""
        return any(machine.entry is not None for machine in self.machines)


EMPTY = TrackerState()

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(TrackerState)


def encode(state: TrackerState) -> bytes:
    """Return a state as MessagePack."""
    return _encoder.encode(state)


def decode(data: bytes) -> TrackerState:
    """Return the state that `encode` wrote."""
    return _decoder.decode(data)


def usual_ms(gaps_ms: Sequence[int]) -> float:
    """Return a tracker's usual interval."""
    return statistics.median(gaps_ms) if len(gaps_ms) >= rules.USUAL_GAPS_MIN else rules.USUAL_MS
