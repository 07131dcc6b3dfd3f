"""The truth file: what really happened, one JSON object a line, written by the fleet and read by nobody but the check.

    {"kind": "arrival", "id": 7, "tracker": …, "vehicle": …, "place": …, "time": …, "stopped": …, "custody": [MOVE, …]}
    {"kind": "departure", "id": 8, "tracker": …, "vehicle": …, "place": …, "time": …, "custody": [MOVE, …]}
    {"kind": "passing", "tracker": …, "vehicle": …, "place": …, "time": …, "stood_s": …}      never an arrival
    {"kind": "proven", "id": 7, "time": …}    the tracker has sent enough by now for the service to know
    {"kind": "ordered" | "signed", "consignment": …, "time": …}
    {"kind": "failure", "detail": …, "time": …}
    {"kind": "begin" | "end", "time": …}

MOVE is {"consignment", "stop", "from", "to"}: who holds it before and after, by the party's reference.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fleettrack.demo import goods, trackers, trips, world

HALT_S = 120.0  # what makes a stop an arrival
GONE_M = 400.0  # a fix so far out of a fence is a departure beyond doubt
UNHEARD = 4  # up to three fixes that contradict the one before may not be believed; the next is no stop: it has moved

Line = dict[str, Any]


class Writer:
    """Begins the file anew; each line is on its way to the disk when the call returns."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")

    def write(self, kind: str, time_s: float, **facts: object) -> None:
        """Append a line."""
        self._file.write(json.dumps({"kind": kind, **facts, "time": iso(time_s)}, ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Witness:
    """Writes the truth about one truck, and when its tracker has proven it."""

    def __init__(self, truck: world.Truck, writer: Writer, number: Iterator[int]) -> None:
        self._truck = truck
        self._writer = writer
        self._number = number
        self._pending: list[_Claim] = []
        self._doubtful = False  # the last arrival was never proven, so its departure cannot be

    def saw(self, event: trips.Event) -> None:
        """Write what happened."""
        who = {"tracker": self._truck.tracker, "vehicle": self._truck.ref, "place": event.site.ref}
        if isinstance(event, trips.Passing):
            self._writer.write("passing", event.time_s, **who, stood_s=event.stood_s)
            return
        number = next(self._number)
        if isinstance(event, trips.Arrival):
            moves = [_move(s, 2, self._truck.carrier, s.drop.party) for s in event.delivered]
            stopped = iso(event.stopped_s)
            self._writer.write("arrival", event.time_s, id=number, **who, stopped=stopped, custody=moves)
        else:
            moves = [_move(s, 1, s.depot.party, self._truck.carrier) for s in event.taken]
            self._writer.write("departure", event.time_s, id=number, **who, custody=moves)
        self._pending.append(_Claim(number, event))

    def told(self, reports: list[trackers.Report], now_s: float) -> None:
        """Note what the service has got from the tracker by now."""
        for report in reports:
            for claim in self._pending:
                claim.weigh(report)
            while self._pending and self._pending[0].closed(report.time_s):
                claim = self._pending.pop(0)
                if claim.proven and not (self._doubtful and claim.leaves):
                    self._writer.write("proven", now_s, id=claim.number)
                self._doubtful = self._doubtful if claim.leaves else not claim.proven


class _Claim:
    """An arrival or departure, and whether the fixes sent so far prove it."""

    def __init__(self, number: int, event: trips.Arrival | trips.Departure) -> None:
        self.number = number
        self.proven = False
        self._event = event
        self._witnesses = 0
        self._first_s: int | None = None  # when it has been said too often not to be believed

    @property
    def leaves(self) -> bool:
        """Whether it is a departure."""
        return isinstance(self._event, trips.Departure)

    def closed(self, now_s: float) -> bool:
        """Tell whether it is proven, or cannot be any more."""
        return self.proven or (isinstance(self._event, trips.Arrival) and now_s >= self._event.leaves_s)

    def weigh(self, report: trackers.Report) -> None:
        """Take a fix into account."""
        event = self._event
        if not report.decides:
            return
        if isinstance(event, trips.Departure):
            said = report.time_s > event.time_s and event.site.fence.depth(report.truth.at) < -GONE_M
        else:
            said = event.stopped_s <= report.time_s < event.leaves_s
        if not said:
            return
        self._witnesses += 1
        if self._witnesses <= UNHEARD:
            return
        self._first_s = report.time_s if self._first_s is None else self._first_s
        self.proven = self.proven or self.leaves or report.time_s - self._first_s >= HALT_S


def _move(shipment: goods.Shipment, stop: int, giver: world.Company, taker: world.Company) -> dict[str, object]:
    return {"consignment": shipment.load.ref, "stop": stop, "from": giver.ref, "to": taker.ref}


def read(path: Path) -> list[Line]:
    """Return the lines written so far; one that is cut at the end was not written yet."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def iso(time_s: float) -> str:
    """Return a time as RFC 3339 with milliseconds."""
    return dt.datetime.fromtimestamp(time_s, dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds(text: str) -> float:
    """Return seconds since 1970 of such a time."""
    return dt.datetime.fromisoformat(text).timestamp()
