"""From the units on the wire to the integers that are stored (see domain.fix), and what times can be kept."""

from __future__ import annotations

from fleettrack.domain import units

CMS_PER_MPS = 100.0
CMS_PER_KMH = 250 / 9
CMS_PER_KNOT = 463 / 9  # a knot is 1852 m/h

# Beyond these a number is no measurement; they also keep every value inside its column.
SPEED_LIMIT_CMS = 1_000_000  # 10 km/s: faster than a satellite in orbit
ALTITUDE_LIMIT_DM = 10_000_000  # 1,000 km
ACCURACY_LIMIT_DM = 200_000_000  # 20,000 km: half way round the Earth
HDOP_LIMIT_CENTI = 100_000
SATELLITES_LIMIT = 1_000

AHEAD_MS = units.DAY_MS  # a clock further ahead of the receiver than a day says nothing about when
LAST_MS = 253_402_300_799_999  # the end of year 9999, where calendars here end

ROLLOVER_MS = 1024 * 7 * units.DAY_MS
BACKLOG_MS = 90 * units.DAY_MS  # a tracker hands in stored fixes of up to about this age


def scaled(value: float, factor: float, limit: int) -> int | None:
    """Return value × factor, rounded; None where it is not finite or beyond ± limit."""
    product = value * factor
    return round(product) if -limit <= product <= limit else None


def time_problem(time_ms: int, reference_ms: int | None) -> str:
    """Return why a time cannot be kept, in one sentence, or nothing."""
    if time_ms < units.GPS_EPOCH_MS:
        return "The time is before 1980-01-06, when GPS began."
    if time_ms > LAST_MS:
        return "The time is after the year 9999."
    if reference_ms is not None and time_ms > reference_ms + AHEAD_MS:
        return "The time is more than a day ahead of the receiver's."
    return ""


def repair_rollover(time_ms: int, reference_ms: int) -> tuple[int, bool]:
    """Return the time with lost GPS week rollovers (1024 weeks each) added, and whether any was.

    Only where that brings it into the backlog a tracker may hand in: a receiver whose week counter has rolled over
    is wrong by exactly so much, while an old recording is just old.
    """
    lag = reference_ms - time_ms
    lost = (lag + AHEAD_MS) // ROLLOVER_MS
    if lost < 1 or lag - lost * ROLLOVER_MS > BACKLOG_MS:
        return time_ms, False
    return time_ms + lost * ROLLOVER_MS, True
