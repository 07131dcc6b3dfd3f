"""Every number of the visit fold, with its unit; those about a place can be set per fence (design 5)."""

from __future__ import annotations

import msgspec

# Intake: about a tracker's own neighbouring fixes, so the same whichever fence is near.
ACCURACY_MAX_M = 150.0  # a fix that may be further off decides nothing
ACCURACY_PER_HDOP_M = 5.0  # 68 % radius of one unit of dilution
ACCURACY_DEFAULT_M = 15.0  # where the device says nothing
STANDING_CMS = 150  # 1.5 m/s: below it a report claims to stand still
NEIGHBOUR_MS = 120_000  # two fixes further apart say nothing about each other's speed
REACH_MPS = 45.0  # no lorry is faster
REACH_SLACK_M = 30.0
TELEPORT_M = 60.0  # beyond both accuracies, between two fixes that claim to stand
DOUBTED_MAX = 3  # in a row; the next is believed, or a tracker coming off a plane would be mute
USUAL_GAPS = 20  # gaps whose median is the usual interval
USUAL_GAPS_MIN = 5  # with fewer it is USUAL_MS
USUAL_MS = 60_000
MISSING_INTERVALS = 1.5  # a gap nearer to two usual intervals than to one misses a fix
GAP_MAX_MS = 1_800_000  # a longer gap is a pause, not an interval

# Sparse pings: what may have happened between two fixes, told to people only.
HIDDEN_STOP_MS = 300_000  # a gap that can hide a stop
SEGMENT_MIN_M = 100.0  # a parked tracker passes nothing
SEGMENT_MAX_M = 100_000.0  # over a longer way the straight line is no evidence
SUSPECT_MS = 600_000  # this much longer than the lane usually takes

# Evidence kept with a visit (law L4 allows ten for each deciding transaction).
DECIDING_MAX = 10

CHECKPOINT_MS = 3_600_000  # a state is saved at least this often, in event time

THROUGH_ROAD_HALT_S = 300.0  # a jam or a red light is shorter


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one fence; the defaults are the design's."""

    halt_s: float = 120.0  # how long a stop is one
    stop_speed_mps: float = 1.5  # slower is slow
    out_m: float = 50.0  # OUT is further off than this, beyond the accuracy
    far_m: float = 300.0  # one fix this far off is a departure
    merge_s: float = 600.0  # back within this is the same visit…
    still_s: float = 3600.0  # …and within this where it was never seen to move, nor far off
    silence_s: float = 300.0  # silence after a slow fix inside means parked…
    silence_intervals: float = 3.0  # …or this many usual intervals, whichever is longer
    wide_m: float = 600.0  # a wider fence has room for through traffic: rules b and c do not hold
    drove_on_mps: float = 3.0  # faster than this through a silence is no stop
    approach_mps: float = 3.0  # least speed assumed from the last fix outside to the crossing
    inward_mps: float = 2.0  # least speed assumed from the crossing to a moving first fix inside
    driving_mps: float = 12.0  # a report as fast as this tells how fast a way was driven…
    fastest_mps: float = 20.0  # …where none does, this fast
    crossing_gap_s: float = 1800.0  # across a longer gap the crossing cannot be estimated

    def merges_ms(self, still: bool) -> float:
        """Return how soon after departing coming back is the same visit."""
        return 1000 * (max(self.merge_s, self.still_s) if still else self.merge_s)


THROUGH_ROAD = Rules(halt_s=THROUGH_ROAD_HALT_S)
