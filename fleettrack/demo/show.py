"""What a demo prints: a line for each thing that happens, for people or for machines."""

from __future__ import annotations

import datetime as dt
import json
import time
from typing import Any

import click

from fleettrack.demo import check, truth, watch

INDENT = " " * 22
LISTED = 10  # disagreements that are named one by one


class Show:
    """Prints; counts what it has printed."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._ready_s = time.time()
        self.arrivals = 0
        self.handed = 0
        self.first_handed_after_s: float | None = None

    def ready(self, addresses: dict[str, Any], hints: list[str]) -> None:
        """Print where everything is, as one line of JSON; for people also what to try."""
        self._ready_s = time.time()
        click.echo(json.dumps({"event": "ready", **addresses}))
        if not self._as_json:
            for hint in hints:
                click.echo(hint)
            click.echo()

    def news(self, happening: watch.Happening) -> None:
        """Print an arrival or a change of custody."""
        if isinstance(happening, watch.Arrived):
            self.arrivals += 1
        else:
            self.handed += 1
            if self.first_handed_after_s is None:
                self.first_handed_after_s = time.time() - self._ready_s
        if self._as_json:
            kind = "arrived" if isinstance(happening, watch.Arrived) else "custody"
            said = happening._asdict()
            times = {name: truth.iso(said.pop(f"{name}_s")) for name in ("at", "learned")}
            click.echo(json.dumps({"event": kind, **times, **said}, ensure_ascii=False))
        elif isinstance(happening, watch.Arrived):
            who = f"{happening.vehicle} ({happening.carrier})"
            click.echo(f"{_when(happening.at_s)}  {who} arrived at {click.style(happening.place, bold=True)}")
        else:
            goods = f"{happening.consignment}, {happening.serials} serials"
            hands = f"{happening.giver} → {click.style(happening.taker, bold=True)}"
            click.echo(f"{_when(happening.at_s)}  {goods}: {hands}, {happening.status} ({happening.evidence})")

    def status(self, trucks: int) -> None:
        """Print how it goes."""
        since_s = time.time() - self._ready_s
        if self._as_json:
            said = {"event": "status", "seconds": round(since_s), "arrivals": self.arrivals, "custody": self.handed}
            click.echo(json.dumps(said))
            return
        first = self.first_handed_after_s
        told = f", the first after {first:.0f} s" if first is not None else ""
        click.echo(
            f"{INDENT}{since_s / 60:.1f} min: {trucks} trucks, {self.arrivals} arrivals, "
            f"{self.handed} changes of custody{told}"
        )

    def note(self, event: str, text: str) -> None:
        """Print that something happened to the demo itself."""
        click.echo(json.dumps({"event": event, "detail": text}) if self._as_json else text)

    def verdict(self, verdict: check.Verdict) -> None:
        """Print whether truth and ledger agree."""
        said = {
            "event": "verdict",
            "agree": verdict.agree,
            "arrivals": verdict.arrivals,
            "not_yet_known": verdict.open,
            "passings": verdict.passings,
            "custody": verdict.custody,
            "confirmed": verdict.confirmed,
            "first_custody_after_s": self.first_handed_after_s,
            "missing": verdict.missing,
            "invented": verdict.invented,
            "failures": verdict.failures,
        }
        if self._as_json:
            click.echo(json.dumps(said, ensure_ascii=False))
            return
        click.echo(
            f"True, and to be known by now: {verdict.arrivals} arrivals and {verdict.custody} changes of custody, "
            f"{verdict.confirmed} of them signed for. Beside them {verdict.passings} drive-bys and waits in traffic."
        )
        for what, found in (
            ("not in the ledger", verdict.missing),
            ("in the ledger, but not true", verdict.invented),
            ("could not be done", verdict.failures),
        ):
            for line in found[:LISTED]:
                click.echo(f"  {what}: {line}")
            if len(found) > LISTED:
                click.echo(f"  … and {len(found) - LISTED} more")
        click.echo("Truth and ledger agree." if verdict.agree else "Truth and ledger DISAGREE.")


def _when(at_s: float) -> str:
    """Return the local time of day, and how long ago that is, in a column of 20."""
    clock = dt.datetime.fromtimestamp(at_s).astimezone().strftime("%H:%M:%S")
    ago_s = max(0.0, time.time() - at_s)
    ago = f"{ago_s:.0f} s ago" if ago_s < 100 else f"{ago_s / 60:.0f} min ago"
    return f"{clock} {ago:>11}"
