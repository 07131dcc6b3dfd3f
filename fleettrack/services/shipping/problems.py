"""What is wrong with what was handed in, each thing with its place; all of it, within a bound."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

KEPT = 1_000  # problems told one by one; of the rest only how many

Where = int | str
"""A line of a file, or the path of a field in a form."""


def spelt(where: Where) -> str:
    """Return a place for a sentence."""
    return f"line {where}" if isinstance(where, int) else where


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One wrong value."""

    where: Where
    column: str
    value: str
    reason: str


class Said(msgspec.Struct, kw_only=True):
    """A value and all the places that say it."""

    value: str
    where: list[Where]


class Problems:
    """Gathers problems."""

    def __init__(self) -> None:
        self._kept: list[Problem] = []
        self._kinds: set[tuple[str, str, str]] = set()
        self._repeats: list[int] = []  # which of the kept say again what another says
        self.count = 0

    def add(self, where: Where, column: str, value: object, reason: str) -> None:
        """Note a problem. One of a new kind is told even when there are many: it takes the place of a repeat."""
        self.count += 1
        problem = Problem(where=where, column=column, value=str(value), reason=reason)
        kind = column, problem.value, reason
        new = kind not in self._kinds
        if len(self._kept) < KEPT:
            if not new:
                self._repeats.append(len(self._kept))
            self._kept.append(problem)
        elif new and self._repeats:
            self._kept[self._repeats.pop()] = problem
        else:
            return
        self._kinds.add(kind)

    def add_all(self, where: Iterable[Where], column: str, value: object, reason: str) -> None:
        """Note the same problem at each place."""
        for place in where:
            self.add(place, column, value, reason)

    def about(self, said: Said, column: str, reason: str) -> None:
        """Note what is wrong with a value wherever it was said."""
        self.add_all(said.where, column, said.value, reason)

    @property
    def more(self) -> int:
        """How many are not told one by one."""
        return self.count - len(self._kept)

    def told(self) -> list[Problem]:
        """Return the problems that are told, by place."""
        return sorted(self._kept, key=lambda p: (isinstance(p.where, str), p.where))
