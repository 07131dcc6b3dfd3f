"""What people and partners state about custody, and what asks for their attention."""

from __future__ import annotations

from typing import Literal

from fleettrack.services.forms.words import Moment, New, Number, Ref, Seq, Text

LevelName = Literal["dock_read", "scan", "counterparty", "signatures"]
LineOutcome = Literal["received", "short", "over", "damaged", "refused"]


class Line(New, frozen=True, kw_only=True):
    """What became of one object at a receipt; `found_in` says in which unit one that is over was found."""

    object: Ref
    outcome: LineOutcome
    found_in: Ref | None = None


class NewReceipt(New, frozen=True, kw_only=True):
    """A delivery confirmed by the receiver.

    With neither `received` nor `lines`: in full. `lines` name what differs, the rest was received. `received` names
    what was there: whatever else was due is short, or follows later if `rest_follows`.
    """

    stop: Seq | None = None
    event_at: Moment | None = None  # now
    effective_at: Moment | None = None  # derived: the arrival, else event_at
    level: LevelName = "scan"
    to_party: Ref | None = None  # the stop's
    received: list[Ref] | None = None
    lines: tuple[Line, ...] = ()
    rest_follows: bool = False
    note: Text = ""


class NewHandover(New, frozen=True, kw_only=True):
    """A change of possession; of the listed objects, or of all that is due at the stop."""

    to_party: Ref
    from_party: Ref | None = None
    stop: Seq | None = None
    event_at: Moment | None = None  # now
    effective_at: Moment | None = None
    level: LevelName = "scan"
    objects: list[Ref] | None = None
    note: Text = ""


class NewCorrection(New, frozen=True, kw_only=True):
    """A person's correction: a stop skipped or completed, or a fact that was wrong."""

    kind: Literal["skip_stop", "complete_stop", "void_fact"]
    stop: Seq | None = None
    fact: Number | None = None
    event_at: Moment | None = None  # now
    note: Text = ""
