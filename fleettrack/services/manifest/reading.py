"""What the rows of a manifest say: a row may define a stop, an item, or both; rows of one consignment share stops."""

from __future__ import annotations

import itertools
import re
from array import array
from collections.abc import Iterator
from typing import BinaryIO

from fleettrack.services.manifest import table
from fleettrack.services.shipping import drafts, items
from fleettrack.services.shipping.problems import Problems, Said
from fleettrack.storage import staging

HEAD = table.COLUMNS.index("unit")  # columns before it are about the consignment, those from it on about an item
STOP_COLUMNS = ("place", "role", "window_from", "window_to", "on_arrival")

_NUMBER = re.compile(r"[0-9]{1,9}")

Head = tuple[str, ...]


class Reading:
    """Reads rows; items are given on as they come, consignments are put together at the end."""

    def __init__(self, problems: Problems) -> None:
        self.items = items.Items(problems)
        self._problems = problems
        self._heads: dict[Head, array[int]] = {}  # what rows say of their consignment: each once, with its lines
        self._numbers: dict[str, int] = {}
        self._consignors: dict[str, str] = {}

    def rows(self, file: BinaryIO) -> Iterator[staging.Row | None]:
        """Yield for each readable row the staged row of its serial, or None."""
        for line, row in table.read(file, self._problems):
            head = tuple(row[:HEAD])
            lines = self._heads.get(head)
            if lines is None:
                lines = self._heads[head] = array("L")
                self._meet(head)
            lines.append(line)
            if not head[0]:
                self._problems.add(line, "consignment", "", "every row names its consignment")
                yield None
            else:
                yield self._item(line, head, row[HEAD:]) if any(row[HEAD:]) else None

    def _meet(self, head: Head) -> None:
        consignment, consignor = head[0], head[1]
        self._numbers.setdefault(consignment, len(self._numbers))
        if consignor:
            self._consignors.setdefault(consignment, consignor)

    def _item(self, line: int, head: Head, said: list[str]) -> staging.Row | None:
        unit, parent_unit, gtin, serial, lot, expiry, from_stop, to_stop = said
        consignor = self._consignors.get(head[0], "")
        if serial and not gtin and not consignor:
            self._problems.add(line, "consignor", "", "a serial without a GTIN is the consignor's own: name it by now")
            return None
        return self.items.add(
            items.Item(
                where=line,
                line=line,
                plan=self._numbers[head[0]],
                consignor=consignor,
                unit=unit,
                parent_unit=parent_unit,
                gtin=gtin,
                serial=serial,
                lot=lot,
                expiry=expiry,
                from_stop=self._number(line, "from_stop", from_stop),
                to_stop=self._number(line, "to_stop", to_stop),
            )
        )

    def _number(self, line: int, column: str, text: str) -> int | None:
        if not text or _NUMBER.fullmatch(text):
            return int(text) if text else None
        self._problems.add(line, column, text, "a stop is named by its number")
        return None

    def consignments(self) -> dict[int, drafts.Draft]:
        """Return the consignments by number, put together from all rows."""
        made: dict[int, drafts.Draft] = {}
        carriers: dict[int, dict[int | None, Said]] = {}
        for head, lines in self._heads.items():
            if not head[0]:
                continue
            number = self._numbers[head[0]]
            draft = made.setdefault(number, drafts.Draft(ref=head[0], where=lines[0]))
            drafts.state(draft.said, "consignor", head[1], list(lines), self._problems)
            drafts.state(draft.said, "consignee", head[2], list(lines), self._problems)
            seq = self._stop(draft, head[4:], list(lines))
            self._carrier(carriers.setdefault(number, {}), seq, head[3], list(lines))
        for number, draft in made.items():
            draft.legs = _legs(draft, carriers[number])
        return made

    def _stop(self, draft: drafts.Draft, head: Head, lines: list[int]) -> int | None:
        text, *said = head
        if not text:
            for column, value in zip(STOP_COLUMNS, said, strict=True):
                if value:
                    self._problems.add_all(lines, column, value, f"a {column} without the number of its stop")
            return None
        if not _NUMBER.fullmatch(text):
            self._problems.add_all(lines, "stop", text, "a stop is named by its number")
            return None
        stop = draft.stops.setdefault(int(text), drafts.DraftStop(seq=int(text), where=lines[0]))
        for column, value in zip(STOP_COLUMNS, said, strict=True):
            drafts.state(stop.said, column, value, list(lines), self._problems)
        return int(text)

    def _carrier(self, carriers: dict[int | None, Said], seq: int | None, value: str, lines: list[int]) -> None:
        known = {str(seq): carriers[seq]} if seq in carriers else {}
        drafts.state(known, str(seq), value, list(lines), self._problems)
        if known:
            carriers[seq] = known[str(seq)]


def _legs(draft: drafts.Draft, carriers: dict[int | None, Said]) -> list[drafts.DraftLeg]:
    """Return the legs between all stops: of the carrier named at the start of a leg, or else for all of them."""
    only = next(iter(carriers.values())) if len({s.value for s in carriers.values()}) == 1 else None
    return [
        drafts.DraftLeg(
            from_seq=a, to_seq=b, where=draft.stops[a].where, carrier=carriers.get(a) or carriers.get(None) or only
        )
        for a, b in itertools.pairwise(sorted(draft.stops))
    ]
