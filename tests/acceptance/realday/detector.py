"""The reference detector `d_rec`, and what the service's rules change about it, one at a time.

`arrivals(track, NONE)` is `d_rec`; `arrivals(track, ALL)` is what the service has to find. A difference between the two
is explained by the least rules that, added to `d_rec`, make it find what the service found on that track.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import itertools
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

HALT_S, STOP_MPS, OUT_M, FAR_M = 120.0, 1.5, 50.0, 300.0
MERGE_S, STILL_S, GAP_MAX_S, SILENCE_S = 600.0, 3600.0, 1800.0, 300.0
REACH_MPS, REACH_SLACK_M, TELEPORT_M, NEIGHBOUR_S, DOUBTED_MAX = 45.0, 30.0, 60.0, 120.0, 3
APPROACH_MPS, INWARD_MPS, DROVE_ON_MPS = 3.0, 2.0, 3.0
DRIVING_MPS, FASTEST_MPS = 12.0, 20.0
ACCURACY_M = 15.0

RULES = {
    "way": "rule e also wants HALT of time that the way between the fixes does not account for",
    "several": "rule e takes several slow fixes inside as well as one, if none was moving",
    "still": "back within an hour is the same visit where it was never seen to move, nor far off",
    "end": "a moving last fix inside is no arrival until the next fix is there (rule d)",
    "causal": "the usual interval is that of the gaps before, not of the whole track, which looks ahead",
    "displacement": "a slow report right after another slow one needs a small displacement, too",
    "progress": "rule c wants little net progress",
    "left": "silence after one fix outside is a departure",
    "unsure": "silence counts after a fix inside, not after one beside the fence; far back beside it, it drove on",
}
ALL, NONE = frozenset(RULES), frozenset[str]()

Floats = np.ndarray[Any, Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Track:
    """One tracker and one fence: seconds, signed metres from the fence, m/s, and metres on a plane."""

    t: Floats
    d: Floats
    speed: Floats
    x: Floats
    y: Floats

    def apart(self, i: int, j: int) -> float:
        """Return the metres between two fixes."""
        return float(np.hypot(self.x[i] - self.x[j], self.y[i] - self.y[j]))


def reference(path: Path) -> Callable[[Track], list[float]]:
    """Return the reference's own `d_rec` from its script, as event times of a track."""
    spec = importlib.util.spec_from_file_location("arrival_eval", path)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)

    def detect(track: Track) -> list[float]:
        accuracy = np.full(len(track.t), ACCURACY_M)
        return [float(at) for at, _ in script.d_rec(track.t, track.d, accuracy, track.speed, track.x, track.y)]

    return detect


def explain(track: Track, found: list[float], tolerance_s: float) -> tuple[str, ...] | None:
    """Return the least rules that make the reference find what was found; None where none do."""
    for size in range(len(RULES) + 1):
        for rules in itertools.combinations(RULES, size):
            if same(arrivals(track, frozenset(rules)), found, tolerance_s):
                return rules
    return None


def same(a: list[float], b: list[float], tolerance_s: float) -> bool:
    """Tell whether two lists of event times are the same but for a tolerance."""
    return len(a) == len(b) and all(abs(x - y) <= tolerance_s for x, y in zip(sorted(a), sorted(b), strict=True))


def arrivals(track: Track, rules: frozenset[str]) -> list[float]:
    """Return the event times of the arrivals of one tracker at one fence."""
    machine = _Machine(track, rules)
    for i, last in _believed(track, machine):
        machine.take(i, last)
    return machine.end()


def _believed(track: Track, machine: _Machine) -> Iterator[tuple[int, int | None]]:
    """Yield each fix that is believed, with the one believed before it."""
    last, doubted = None, 0
    for i in range(len(track.t)):
        if last is not None and doubted < DOUBTED_MAX:
            gap = track.t[i] - track.t[last]
            far = track.apart(i, last) - 2 * ACCURACY_M
            standing = track.speed[i] < STOP_MPS and machine.slow[last]
            if far > REACH_MPS * gap + REACH_SLACK_M or (gap <= NEIGHBOUR_S and standing and far > TELEPORT_M):
                doubted += 1
                continue
        doubted = 0
        machine.judge(i, last)
        yield i, last
        last = i


class _Machine:
    """The states of `d_rec`: out, entering, in (with `out` the first fix outside, while leaving)."""

    def __init__(self, track: Track, rules: frozenset[str]) -> None:
        self.track, self.rules = track, rules
        self.slow = [bool(v < STOP_MPS) for v in track.speed]
        self.silence_s = self._whole_silence()
        self.gaps: list[float] = []
        self.found: list[float] = []
        self.state, self.exit_s = "out", -1e18
        self.entered_s = self.lo_s = self.stood_s = 0.0
        self.first = self.last_in = self.last = -1
        self.run: int | None = None
        self.any_slow, self.all_slow, self.out, self.outs = False, True, -1, 0
        self.still, self.merge_s = True, MERGE_S

    def _whole_silence(self) -> float:
        t = self.track.t
        return max(SILENCE_S, 3 * float(np.median(np.diff(t)))) if len(t) > 2 else 900.0

    def judge(self, i: int, last: int | None) -> None:
        """Say whether a believed fix stood."""
        if "displacement" in self.rules and last is not None and self.track.speed[last] < STOP_MPS:
            gap = self.track.t[i] - self.track.t[last]
            if 0 < gap <= NEIGHBOUR_S:
                self.slow[i] &= (self.track.apart(i, last) - 2 * ACCURACY_M) / gap < STOP_MPS

    def take(self, i: int, last: int | None) -> None:
        """Take a believed fix."""
        t, d = self.track.t, self.track.d
        if last is not None:
            self._silence(i, last)
            if self.state == "entering" and (last == self.last_in or d[i] <= 0):
                self._stand(i, last)
            if "causal" in self.rules and t[i] - t[last] <= GAP_MAX_S:
                self.gaps = [*self.gaps, float(t[i] - t[last])][-20:]
        if d[i] <= 0:
            self._inside(i, last)
        elif d[i] - ACCURACY_M > OUT_M:
            self._outside(i, last)
        if d[i] > 0 and (self.outs or self.state == "out"):
            self.still &= self.slow[i] and d[i] - ACCURACY_M <= FAR_M
        if "causal" in self.rules:
            usual = statistics.median(self.gaps) if len(self.gaps) >= 5 else 60.0
            self.silence_s = max(SILENCE_S, 3 * usual)
        self.last = i

    def _silence(self, i: int, last: int) -> None:
        gap = self.track.t[i] - self.track.t[last]
        if gap < self.silence_s:
            return
        if self.state == "in" and self.outs and "left" in self.rules:
            self._depart()
        if self.state != "entering" or ("unsure" in self.rules and last != self.last_in):
            return
        back = self.track.d[i] <= (0 if "unsure" in self.rules else OUT_M)
        if self.slow[last] or back or self.track.apart(i, last) < DROVE_ON_MPS * gap:
            self._arrive()
        elif self.track.d[i] - ACCURACY_M <= OUT_M or "unsure" not in self.rules:
            self.state = "out"

    def _stand(self, i: int, last: int) -> None:
        """Add the time between two fixes, one of them slow inside, that the way between them leaves over."""
        if not (last == self.last_in and self.slow[last]) and not (self.track.d[i] <= 0 and self.slow[i]):
            return
        self.stood_s += self._left_over(i, last)

    def _left_over(self, i: int, last: int) -> float:
        t = self.track.t
        driven = max(self.track.speed[last], self.track.speed[i])
        driven = driven if driven >= DRIVING_MPS else FASTEST_MPS
        since = t[i] - max(t[last], self.entered_s)
        return max(0.0, min(since, t[i] - t[last] - self.track.apart(i, last) / driven))

    def _inside(self, i: int, last: int | None) -> None:
        if self.state == "out":
            self._enter(i, last)
        self.outs, self.last_in = 0, i
        if self.state != "entering":
            self.still = True
            return
        t = self.track.t
        if self.slow[i]:
            self.any_slow = True
            self.run = i if self.run is None else self.run
        else:
            self.run, self.all_slow = None, False
        stood = self.run is not None and (
            t[i] - t[self.run] >= HALT_S or (self.run == self.first and t[i] - self.entered_s >= HALT_S)
        )
        span = t[i] - t[self.first]
        stays = span >= 2 * HALT_S
        if "progress" in self.rules:
            stays = stays and self.track.apart(i, self.first) < STOP_MPS * span
        if stood or stays:
            self._arrive()

    def _enter(self, i: int, last: int | None) -> None:
        t, d, speed = self.track.t, self.track.d, self.track.speed
        self.state, self.first, self.run, self.stood_s = "entering", i, None, 0.0
        self.any_slow, self.all_slow, self.still = False, True, self.still and self.slow[i]
        self.merge_s = STILL_S if self.still and "still" in self.rules else MERGE_S
        self.lo_s = float(t[i] if last is None else t[last])
        if last is None or t[i] - t[last] > GAP_MAX_S or d[last] <= 0:
            self.entered_s = float(t[i])
        elif self.slow[i]:
            self.entered_s = float(min(t[last] + d[last] / max(speed[last], APPROACH_MPS), t[i]))
        else:
            self.entered_s = float(max(t[i] + d[i] / max(speed[i], INWARD_MPS), t[last]))
        if last is not None and self.slow[i]:
            self.stood_s = self._left_over(i, last)

    def _outside(self, i: int, last: int | None) -> None:
        t = self.track.t
        if self.state == "entering":
            only = self.all_slow if "several" in self.rules else self.any_slow and last == self.first
            if only and t[i] - self.lo_s >= 2 * HALT_S and ("way" not in self.rules or self.stood_s >= HALT_S):
                self._arrive()
                self.exit_s = float(t[i])
            self.state = "out"
        elif self.state == "in":
            self.outs += 1
            self.out = i if self.outs == 1 else self.out
            if self.outs >= 2 or self.track.d[i] - ACCURACY_M > FAR_M:
                self._depart()

    def _depart(self) -> None:
        self.state, self.exit_s, self.outs = "out", float(self.track.t[self.out]), 0

    def _arrive(self) -> None:
        self.state, self.still = "in", True
        if self.entered_s - self.exit_s >= self.merge_s:
            self.found.append(self.entered_s)

    def end(self) -> list[float]:
        """Return what was found, when all silence has been heard."""
        if self.state == "entering":
            heard = "unsure" not in self.rules or self.last == self.last_in
            if heard and ("end" not in self.rules or self.slow[self.last]):
                self._arrive()
        return self.found
