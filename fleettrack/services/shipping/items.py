"""Item lines on their way to the stage: each checked by itself; how units nest is worked out when all are known."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Mapping

import msgspec

from fleettrack.domain import errors
from fleettrack.serials import gs1, names
from fleettrack.services.shipping.problems import Problems, Where, spelt
from fleettrack.storage import containment, staging

MIXED = None
"""Instead of where it goes: the contents of a unit go to different stops, or with different consignments."""

NOWHERE = (0, 0)
"""First and last stop of a plan that has problems: nothing of it will be written."""

Way = tuple[int, int | None, int | None]
"""Which plan an item goes with, from which stop and to which; None as long as nobody said."""


class Item(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A line of the plan as it was written; an empty text says nothing."""

    where: Where
    line: int
    plan: int
    consignor: str
    unit: str = ""
    parent_unit: str = ""
    gtin: str = ""
    serial: str = ""
    lot: str = ""
    expiry: str = ""
    from_stop: int | None = None
    to_stop: int | None = None

    @property
    def way(self) -> Way:
        """Where it goes."""
        return self.plan, self.from_stop, self.to_stop


class Unit(msgspec.Struct, kw_only=True):
    """A unit that lines name: by itself, or as what something lies in."""

    where: Where
    line: int
    plan: int
    own_line: Where | None = None  # the one that names it without a serial
    parent: str = ""
    ways: set[Way] = msgspec.field(default_factory=set)


@functools.lru_cache(4_096)
def _lot(text: str) -> str:
    return gs1.lot(text)


@functools.lru_cache(4_096)
def _expiry(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise errors.Invalid("this is not a day like 2027-12-31") from None


class Items:
    """Takes items one by one and gives the rows to be staged."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._units: dict[str, Unit] = {}
        self.ways: dict[Way, Where] = {}  # each with the first line that says it

    def add(self, item: Item) -> staging.Row | None:
        """Check a line; return the row of its serial, if it has one. Rows of units come at the end."""
        before = self._problems.count
        self._check_blanks(item)
        self._meet(item, "parent_unit", item.parent_unit)
        if self._meet(item, "unit", item.unit):
            self._nest(item)
        row = self._serial(item) if item.serial and self._problems.count == before else None
        if self._problems.count == before:
            self.ways.setdefault(item.way, item.where)
        return row

    def _meet(self, item: Item, column: str, code: str) -> bool:
        """Note a unit; tell whether the line names one there."""
        if code and code not in self._units:
            try:
                gs1.sscc(code)
            except errors.Invalid as exc:
                self._problems.add(item.where, column, code, str(exc))
                return False
            self._units[code] = Unit(where=item.where, line=item.line, plan=item.plan)
        return bool(code)

    def _check_blanks(self, item: Item) -> None:
        if item.parent_unit and not item.unit:
            self._problems.add(item.where, "parent_unit", item.parent_unit, "a parent unit without the unit in it")
        if not (item.serial or item.unit or item.parent_unit or item.gtin or item.lot or item.expiry):
            self._problems.add(item.where, "serial", "", "this names neither a serial nor a unit")
        if not item.serial:
            for column in ("gtin", "lot", "expiry"):
                if value := getattr(item, column):
                    self._problems.add(item.where, column, value, f"a {column} without a serial")

    def _nest(self, item: Item) -> None:
        """Note what a line says about its unit."""
        unit = self._units[item.unit]
        unit.ways.add(item.way)
        if item.parent_unit and not unit.parent:
            unit.parent, unit.where, unit.line = item.parent_unit, item.where, item.line
        elif item.parent_unit and unit.parent != item.parent_unit:
            reason = f"unit {item.unit} lies in {unit.parent} by an earlier line"
            self._problems.add(item.where, "parent_unit", item.parent_unit, reason)
        if not item.serial:
            if unit.own_line is not None:
                self._problems.add(item.where, "unit", item.unit, f"it has a line already ({spelt(unit.own_line)})")
            unit.own_line = item.where

    def _serial(self, item: Item) -> staging.Row | None:
        column, value = "gtin", item.gtin
        try:
            gtin = gs1.gtin14(item.gtin) if item.gtin else None
            column, value = "serial", item.serial
            name = _name(item, gtin)
            column, value = "lot", item.lot
            lot = _lot(item.lot) if item.lot else None
            column, value = "expiry", item.expiry
            expiry = _expiry(item.expiry) if item.expiry else None
        except errors.Invalid as exc:
            self._problems.add(item.where, column, value, str(exc))
            return None
        return staging.row(name, item.line, item.plan, item.unit, item.from_stop, item.to_stop, lot=lot, expiry=expiry)

    def check_units(self) -> None:
        """Check how units nest, now that all lines are known."""
        for code in self._units:
            self._check_nesting(code)

    def unit_rows(self, ends: Mapping[int, tuple[int, int]]) -> list[staging.Row]:
        """Return the rows of all units, given first pickup and last drop of each plan; only where they nest well."""
        ways = self._ways(ends)
        rows = []
        for code, unit in self._units.items():
            way = ways[code]
            plan, from_stop, to_stop = (unit.plan, None, None) if way is MIXED else way
            name = names.sscc(code)
            rows.append(staging.row(name, unit.line, plan, unit.parent, from_stop, to_stop, mixed=way is MIXED))
        return rows

    def _check_nesting(self, code: str) -> None:
        unit = self._units[code]
        chain = [code]
        while (above := self._units[chain[-1]].parent) in self._units:
            if above in chain:
                if code == min(chain[chain.index(above) :]):  # tell each cycle once
                    self._problems.add(unit.where, "parent_unit", unit.parent, "units lie in each other in a circle")
                return
            chain.append(above)
            if len(chain) > containment.DEPTH_MAX:
                reason = f"units lie at most {containment.DEPTH_MAX} deep in each other"
                self._problems.add(unit.where, "unit", code, reason)
                return

    def _ways(self, ends: Mapping[int, tuple[int, int]]) -> dict[str, Way | None]:
        """Return where each unit goes: where all that is in it goes, else MIXED. Contents come before containers."""
        above = {code: self._depth(code) for code in self._units}
        found: dict[str, Way | None] = {}
        gathered: dict[str, set[Way | None]] = {
            code: {full(way, ends) for way in unit.ways} for code, unit in self._units.items()
        }
        for code in sorted(self._units, key=lambda c: above[c], reverse=True):
            ways = gathered[code]
            found[code] = next(iter(ways)) if len(ways) == 1 else MIXED
            parent = self._units[code].parent
            if parent in gathered:
                gathered[parent].add(found[code])
        return found

    def _depth(self, code: str) -> int:
        depth = 0
        while (code := self._units[code].parent) in self._units:
            depth += 1
        return depth

    @property
    def levels(self) -> int:
        """How deep units lie in each other."""
        return 1 + max((self._depth(code) for code in self._units), default=-1)


def full(way: Way, ends: Mapping[int, tuple[int, int]]) -> tuple[int, int, int]:
    """Return where something goes with the defaults filled in: from the first pickup to the last drop."""
    plan, from_stop, to_stop = way
    first, last = ends.get(plan, NOWHERE)
    return plan, first if from_stop is None else from_stop, last if to_stop is None else to_stop


def _name(item: Item, gtin: str | None) -> names.Name:
    name = names.parse(item.serial)
    if name is None:
        return names.sgtin(gtin, item.serial) if gtin else names.own(item.consignor, "", item.serial)
    if name.kind != "serial":
        raise errors.Invalid("this names a unit, not a serial")
    if gtin is not None and name.gtin != gtin:
        raise errors.Invalid(f"this is a serial of GTIN {name.gtin}, not of {gtin}")
    return name
