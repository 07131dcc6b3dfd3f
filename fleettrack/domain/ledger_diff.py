"""From what the journey says now to what the ledger must learn: new, changed and gone entries (law L9)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from fleettrack.domain import custody


class InForce(Protocol):
    """An entry of the ledger that nothing has superseded or voided, with its number there."""

    @property
    def id(self) -> int:
        """Its number in the ledger."""

    @property
    def entry(self) -> custody.Entry:
        """What it says."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One line for the ledger: a new entry, one in an older's place (`supersedes`), or an older one's end (`voids`)."""

    entry: custody.Entry  # of a void: what it takes away
    supersedes: int | None = None
    voids: int | None = None


def diff(current: Mapping[str, InForce], new: Iterable[custody.Entry]) -> list[Change]:
    """Return what turns the entries in force, by key, into the new ones; nothing where they say the same.

    What is gone comes first; the rest keeps the order given, which is that of event time.
    """
    wanted = {entry.key: entry for entry in new}
    changes = [
        Change(entry=old.entry, voids=old.id)
        for key, old in sorted(current.items(), key=lambda item: (item[1].entry.event_ms, item[0]))
        if key not in wanted
    ]
    for key, entry in wanted.items():
        old = current.get(key)
        if old is None:
            changes.append(Change(entry=entry))
        elif old.entry != entry:
            changes.append(Change(entry=entry, supersedes=old.id))
    return changes
