"""Sentences of one epoch make one fix.

A receiver says one measurement in several sentences. They belong together by their time; the fix is made when the
epoch is complete, and what comes later is counted and changes nothing.
"""

from __future__ import annotations

from typing import Any

from fleettrack.domain import fix, fixes, units
from fleettrack.ingest.codecs import decoder, quantities
from fleettrack.ingest.codecs.nmea import sentence

_WITHOUT_RMC = ("GGA", "GNS", "GLL")  # after RMC, the first one present gives position and validity
_TIMELESS = "VTG"
_BEGIN_NOTHING = frozenset({"VTG", "ZDA"})  # they add to an epoch, or only to what is known of the date
_NOTHING = sentence.Sentence(address="", kind="", time_ms=None)
_ROLLOVER, _ZERO, _MOCK = int(fix.Flag.ROLLOVER), int(fix.Flag.ZERO), int(fix.Flag.MOCK)
_HALF_DAY_MS = units.DAY_MS // 2


class Assembler:
    """Makes fixes of the sentences of one tracker, in the order in which they come."""

    __slots__ = ("_counts", "_dated_ms", "_done", "_end", "_open", "_rmc_before", "_void_second", "tracker")

    def __init__(self, tracker: str | None, counts: decoder.Counts) -> None:
        self.tracker = tracker
        self._counts = counts
        self._end = _End()
        self._open: _Epoch | None = None
        self._done: _Epoch | None = None  # the one completed last, to know late sentences by
        self._rmc_before = False  # whether an RMC came for it, in time or late
        self._dated_ms: int | None = None  # the last moment whose date is known
        self._void_second: int | None = None  # the last one declared void, if it was the last one

    def ends_with(self, address: str) -> bool:
        """Say whether the next sentence of this address, an RMC, is an epoch of its own, complete as it comes.

        Then so is the one after it, and of any number of them only the last one leaves a trace here.
        """
        done = self._done
        return self._open is None and address == self._end.learned and done is not None and address in done.addresses

    def add(self, s: sentence.Sentence, reference_ms: int | None, out: fixes.Messages) -> None:
        """Take a sentence; append what it completes: the epoch before it, its own, or both."""
        if s.kind == "ZDA" and s.day is not None and s.time_ms is not None:
            self._dated_ms = s.day * units.DAY_MS + s.time_ms
        epoch = self._open
        if epoch is not None and epoch.lacks(s):
            epoch.take(s)
        elif self._done is not None and self._done.lacks(s) and (epoch is None or s.kind != _TIMELESS):
            self._counts.late += 1
            self._end.was_wrong(s.address, self._done)
            self._rmc_before = self._rmc_before or s.kind == "RMC"
            return
        elif s.kind in _BEGIN_NOTHING:
            return
        else:
            if epoch is not None:
                self._end.saw(epoch.last)
                self._complete(epoch, reference_ms, out)
            epoch = self._open = _Epoch(s)
        if s.address == self._end.learned and self._may_be_whole(epoch):
            epoch.ended_early = True
            self._complete(epoch, reference_ms, out)

    def quiet(self, reference_ms: int | None, out: fixes.Messages) -> None:
        """Complete the open epoch, unless the better half of it is still to be expected."""
        if self._open is not None and self._may_be_whole(self._open):
            self._complete(self._open, reference_ms, out)

    def flush(self, reference_ms: int | None, out: fixes.Messages) -> None:
        """Complete the open epoch: nothing comes any more."""
        if self._open is not None:
            self._complete(self._open, reference_ms, out)

    def _may_be_whole(self, epoch: _Epoch) -> bool:
        """Say whether to complete an epoch before the next one shows that it is over.

        Without its RMC it might lack its date, its speed, or the word that it is void.
        """
        return "RMC" in epoch.best or not (self._rmc_before or self._dated_ms is None)

    def _complete(self, epoch: _Epoch, reference_ms: int | None, out: fixes.Messages) -> None:
        chief = epoch.best.get("RMC") or next(epoch.best[kind] for kind in _WITHOUT_RMC if kind in epoch.best)
        valid = not self._is_void_second(chief) and chief.valid
        self._open, self._done, self._rmc_before = None, epoch, chief.kind == "RMC"
        moment, flags, problem = self._moment(chief), 0, ""
        if moment is not None:
            if valid:
                self._dated_ms = moment
            lately = (
                reference_ms is not None and 0 <= reference_ms + quantities.AHEAD_MS - moment < quantities.BACKLOG_MS
            )
            if not lately or moment < units.GPS_EPOCH_MS:
                moment, flags, problem = _judged(moment, reference_ms)
        message: fix.Message
        if not valid:
            time_ms = None if problem else moment
            message = fix.Status(tracker=self.tracker, kind="void", time_ms=time_ms, attributes=epoch.attributes())
        elif moment is None:
            message = decoder.reject("no_date", chief.raw, tracker=self.tracker)
        elif problem:
            message = decoder.reject("time_range", chief.raw, problem, tracker=self.tracker)
        else:
            message = epoch.fix(self.tracker, chief, moment, flags)
        out.append(message)

    def _is_void_second(self, chief: sentence.Sentence) -> bool:
        """Say whether an RMC declared this second void, and note it when it is this one.

        Some receivers number RMC and GGA a fraction of a second apart.
        """
        second = None if chief.time_ms is None else chief.time_ms // 1000
        if chief.kind == "RMC":
            self._void_second = None if chief.valid else second
            return False
        if second != self._void_second:
            self._void_second = None
        return self._void_second is not None

    def _moment(self, chief: sentence.Sentence) -> int | None:
        """Return milliseconds since 1970; without a date of its own the day nearest to the last known moment."""
        if chief.time_ms is None:
            return None
        if chief.day is not None:
            return chief.day * units.DAY_MS + chief.time_ms
        if self._dated_ms is None:
            return None
        day, before = divmod(self._dated_ms, units.DAY_MS)
        if chief.time_ms - before > _HALF_DAY_MS:
            day -= 1
        elif before - chief.time_ms > _HALF_DAY_MS:
            day += 1
        return day * units.DAY_MS + chief.time_ms


def _judged(time_ms: int, reference_ms: int | None) -> tuple[int, int, str]:
    """Return a time with lost rollovers repaired, the flag that says so, and why it cannot be kept, if so."""
    flags = 0
    if reference_ms is not None:
        time_ms, repaired = quantities.repair_rollover(time_ms, reference_ms)
        flags = _ROLLOVER if repaired else 0
    return time_ms, flags, quantities.time_problem(time_ms, reference_ms)


def _lone(tracker: str | None, rmc: sentence.Sentence, time_ms: int, flags: int) -> fix.Fix:
    """Return the fix of an RMC that stands alone."""
    assert rmc.lat_e7 is not None
    assert rmc.lon_e7 is not None
    if rmc.lat_e7 == 0 == rmc.lon_e7:
        flags |= _ZERO
    if rmc.mock:
        flags |= _MOCK
    return fix.Fix(
        tracker=tracker,
        time_ms=time_ms,
        lat_e7=rmc.lat_e7,
        lon_e7=rmc.lon_e7,
        speed_cms=rmc.speed_cms,
        course_ddeg=rmc.course_ddeg,
        satellites=rmc.satellites,
        flags=flags,
        attributes=dict(rmc.attributes) if rmc.attributes else None,
    )


class _Epoch:
    """The sentences of one measurement: the best one of each kind."""

    __slots__ = ("addresses", "best", "ended_early", "last", "time_ms")

    def __init__(self, first: sentence.Sentence) -> None:
        self.time_ms = first.time_ms
        self.last = first.address
        self.addresses = [first.address]
        self.best = {first.kind: first}
        self.ended_early = False  # by its learned end, which may turn out wrong

    def lacks(self, s: sentence.Sentence) -> bool:
        """Say whether a sentence adds to this epoch; one that it has already is said of another, or again."""
        return (s.time_ms == self.time_ms or s.kind == _TIMELESS) and s.address not in self.addresses

    def take(self, s: sentence.Sentence) -> None:
        """Add a sentence. Of one kind from several talkers a valid one wins, then the combined solution (GN)."""
        self.last = s.address
        self.addresses.append(s.address)
        held = self.best.get(s.kind)
        if held is None or (s.valid, s.address.startswith("GN")) > (held.valid, held.address.startswith("GN")):
            self.best[s.kind] = s

    def fix(self, tracker: str | None, chief: sentence.Sentence, time_ms: int, flags: int) -> fix.Fix:
        """Return the fix: position of the chief, speed and course of RMC before VTG, the rest of GGA before GNS."""
        best = self.best
        if len(best) == 1 and chief.kind == "RMC":  # the most common epoch by far
            return _lone(tracker, chief, time_ms, flags)
        rmc, vtg = best.get("RMC", _NOTHING), best.get("VTG", _NOTHING)
        gga = best.get("GGA") or best.get("GNS", _NOTHING)
        assert chief.lat_e7 is not None  # a valid sentence has a position
        assert chief.lon_e7 is not None
        if chief.lat_e7 == 0 == chief.lon_e7:
            flags |= _ZERO
        if chief.mock or gga.mock:
            flags |= _MOCK
        return fix.Fix(
            tracker=tracker,
            time_ms=time_ms,
            lat_e7=chief.lat_e7,
            lon_e7=chief.lon_e7,
            speed_cms=rmc.speed_cms if rmc.speed_cms is not None else vtg.speed_cms,
            course_ddeg=rmc.course_ddeg if rmc.course_ddeg is not None else vtg.course_ddeg,
            altitude_dm=gga.altitude_dm,
            hdop_centi=gga.hdop_centi,
            satellites=gga.satellites if gga.satellites is not None else chief.satellites,
            quality=gga.quality,
            flags=flags,
            attributes=self.attributes(),
        )

    def attributes(self) -> dict[str, Any] | None:
        """Return what its sentences say beyond the fields of a fix."""
        merged: dict[str, Any] = {}
        for s in self.best.values():
            if s.attributes:
                for name, value in s.attributes.items():
                    merged[name] = merged.get(name, {}) | value if isinstance(value, dict) else value
        return merged or None


class _End:
    """Learns which sentence ends a sender's epochs, so that the last one need not wait for the next.

    A sender that proves it wrong twice keeps no order, and is left to the other rules.
    """

    __slots__ = ("_alike", "_last", "_wrong", "learned")
    _CONFIRMATIONS = 2  # epochs in a row that end alike
    _WRONG_ALLOWED = 1

    def __init__(self) -> None:
        self.learned: str | None = None
        self._last: str | None = None
        self._alike = 0
        self._wrong = 0

    def saw(self, last: str) -> None:
        """Note the last sentence of an epoch that was ended by the next one."""
        self._alike = self._alike + 1 if last == self._last else 1
        self._last = last
        if self.learned is None and self._alike >= self._CONFIRMATIONS and self._wrong <= self._WRONG_ALLOWED:
            self.learned = last

    def was_wrong(self, address: str, epoch: _Epoch) -> None:
        """Note a sentence that came late for an epoch."""
        if epoch.ended_early:
            epoch.ended_early = False
            self._wrong += 1
            self.learned = address if self._wrong <= self._WRONG_ALLOWED else None
