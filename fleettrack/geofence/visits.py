"""The definition in one line: the visits of a track are its fold from nothing, settled at a time."""

from __future__ import annotations

from fleettrack.geofence import clock, fold, track
from fleettrack.geofence.index import FenceIndex
from fleettrack.geofence.state import EMPTY
from fleettrack.geofence.visit import Visit


def visits(fixes: track.Track, index: FenceIndex, as_of_ms: int) -> list[Visit]:
    """Return every visit of one tracker, by time of entry; its fixes may come in any order and repeat."""
    result = fold.advance({}, fixes, index)
    known = {visit.key: visit for told in result.visits.values() for visit in told}
    for tracker in result.states.values() or (EMPTY,):
        known.update((visit.key, visit) for visit in clock.settle(tracker, as_of_ms, index))
    return sorted(known.values(), key=lambda visit: (visit.first_in_ms, visit.place_id))
