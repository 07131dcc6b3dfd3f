"""What a benchmark found: one line a target, and how it reads for people."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Literal

import msgspec

Judged = Literal["ratio", "figure"]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a target asks for: a ratio of figure to ceiling, or a figure, of at least or at most so much."""

    name: str
    figure: float
    unit: str
    target: float
    ceiling: float | None = None
    judged: Judged = "ratio"
    at_least: bool = False
    spread: tuple[float, float] | None = None  # least and greatest of what is judged, over the repetitions

    @property
    def ratio(self) -> float | None:
        """Figure by ceiling; None where there is nothing to compare with."""
        return None if self.ceiling is None else self.figure / self.ceiling

    @property
    def value(self) -> float:
        """What is held against the target."""
        if self.judged == "figure":
            return self.figure
        if self.ratio is None:
            raise ValueError(f"{self.name} is judged by a ratio and has no ceiling")
        return self.ratio

    @property
    def strain(self) -> float:
        """How much of the target is used up: met up to 1, missed beyond."""
        return self.target / self.value if self.at_least else self.value / self.target

    @property
    def met(self) -> bool:
        """Whether the target is met."""
        return self.strain <= 1


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A target as printed for machines; of several parts the one nearest to its limit, or furthest beyond it."""

    id: str
    figure: float
    unit: str
    ceiling: float | None
    ratio: float | None
    target: float
    met: bool


def line(target: str, parts: Sequence[Part]) -> Line:
    """Return the line of a target; it is met when all of its parts are."""
    worst = max(parts, key=lambda part: part.strain)
    return Line(
        id=target,
        figure=_rounded(worst.figure),
        unit=worst.unit,
        ceiling=None if worst.ceiling is None else _rounded(worst.ceiling),
        ratio=None if worst.ratio is None else round(worst.ratio, 4),
        target=worst.target,
        met=worst.met,
    )


def _rounded(value: float) -> float:
    """Four significant digits: more are noise."""
    return float(f"{value:.4g}")


def table(target: str, title: str, parts: Sequence[Part]) -> str:
    """Return a target's parts for people."""
    lines = [f"{target}  {title}"]
    for part in parts:
        against = "" if part.ceiling is None else f" / {_number(part.ceiling)} = {part.value:.2f}"
        if part.judged == "figure" or part.ratio is None:
            against = ""
        spread = "" if part.spread is None else f"  ({part.spread[0]:.3g} to {part.spread[1]:.3g})"
        wanted = f"{'≥' if part.at_least else '≤'} {part.target:g}"
        lines.append(
            f"    {part.name:<44} {_number(part.figure)} {part.unit}{against}{spread}"
            f"  target {wanted}: {'met' if part.met else 'MISSED'}"
        )
    return "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def compared(
    name: str, figures: Sequence[float], ceilings: Sequence[float], *, unit: str, target: float, at_least: bool = False
) -> Part:
    """Return the part of paired repetitions: medians of both, and the spread of the pairs' ratios."""
    ratios = [figure / ceiling for figure, ceiling in zip(figures, ceilings, strict=True)]
    return Part(
        name=name,
        figure=statistics.median(figures),
        ceiling=statistics.median(ceilings),
        unit=unit,
        target=target,
        at_least=at_least,
        spread=(min(ratios), max(ratios)),
    )
