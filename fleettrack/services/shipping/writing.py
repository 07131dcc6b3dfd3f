"""Plans and staged items become consignments, serials, units and what lies in what: all of it, or problems."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fleettrack.domain import errors
from fleettrack.services import checks, editing, objects
from fleettrack.services.shipping import items as lines
from fleettrack.services.shipping.plans import Plan
from fleettrack.services.shipping.problems import KEPT, Problems, Where
from fleettrack.storage import assignments, consignments, containment, database, ledger, rows, staging
from fleettrack.storage import objects as stored

Place = Callable[[int], Where]
"""What a staged line is called when something is wrong with it."""


async def check_ways(
    connection: database.Connection,
    items: lines.Items,
    stops: Mapping[int, Sequence[int]],
    ends: Mapping[int, tuple[int, int]],
    place: Place,
    problems: Problems,
) -> None:
    """Tell the lines that go from or to a stop that there is not, or backwards. `stops` by plan, as far as known."""
    wrong: dict[lines.Way, tuple[str, str]] = {}
    for way in items.ways:
        plan = way[0]
        if plan not in ends:
            continue
        _, start, end = lines.full(way, ends)
        for column, seq in (("from_stop", start), ("to_stop", end)):
            if seq not in stops[plan]:
                wrong[way] = column, f"the consignment has no stop {seq}"
        if start >= end:
            wrong.setdefault(way, ("to_stop", f"an item goes to a later stop than it comes from ({start})"))
    if not wrong:
        return
    found = await staging.astray(connection, wrong, KEPT)
    for line, plan, from_seq, to_seq, _ in found:
        column, reason = wrong[plan, from_seq, to_seq]
        value = from_seq if column == "from_stop" else to_seq
        problems.add(place(line), column, "" if value is None else value, reason)
    if found:
        problems.count += found[0][-1] - len(found)


async def check_goods(connection: database.Connection, place: Place, problems: Problems) -> None:
    """Tell the staged lines that contradict each other or what is stored."""
    for name, tell in _CHECKS.items():
        found = await staging.check(connection, name, KEPT)
        for line, *said, _ in found:
            problems.add(place(line), *tell(*said))
        if found:
            problems.count += found[0][-1] - len(found)


def _repeated(code: str, first: int) -> tuple[str, str, str]:
    return "serial", code, f"this serial is named before (line {first})"


def _differing(lot: str | None, said_lot: str | None, expiry: Any, said_expiry: Any) -> tuple[str, str, str]:
    if said_lot is not None and said_lot != (lot or ""):
        return "lot", said_lot, f"this serial exists already, with lot {lot!r}: a serial is unique forever"
    return "expiry", str(said_expiry), f"this serial exists already, with expiry {expiry}: a serial is unique forever"


def _foreign(code: str, issuer: str) -> tuple[str, str, str]:
    return "serial", code, f"there is no such serial of {issuer!r}, and only its issuer can make it"


def _younger(kind: str, code: str, at: dt.datetime) -> tuple[str, str, str]:
    return kind, code, f"it was commissioned at {at.isoformat()}, after this consignment began"


def _misplaced(kind: str, parent: str, parent_known: bool, inside: str | None) -> tuple[str, str, str]:
    column = "unit" if kind == "serial" else "parent_unit"
    if parent_known:
        return column, parent, "this SSCC was used before: a known unit is shipped as it is, or packed first"
    return column, parent, f"it lies in unit {inside} then"


def _listed(kind: str, code: str) -> tuple[str, str, str]:
    return kind, code, "it is an item of this consignment already"


_CHECKS: dict[staging.Check, Callable[..., tuple[str, str, str]]] = {
    "repeated": _repeated,
    "differing": _differing,
    "foreign": _foreign,
    "younger": _younger,
    "misplaced": _misplaced,
    "listed": _listed,
}


async def write(
    edit: editing.Edit, plans: Mapping[int, Plan], ids: Mapping[int, int], source: str, known: dt.datetime
) -> staging.Counts:
    """Write what is staged, given each plan and its consignment's id; whatever that concerns is decided again."""
    connection = edit.connection
    await staging.set_consignments(connection, ids)
    batches = {}
    for number, from_seq in await staging.new_from(connection):
        plan = plans[number]
        batches[number, from_seq] = await stored.new_batch(
            connection,
            issuer_id=plan.new.consignor_id,
            place_id=plan.origins[from_seq][1],
            commissioned_at=since(plan, known),
            source=source,
        )
    if batches:
        await staging.set_batches(connection, batches)
    counts = await staging.write(connection, known)
    for (number, from_seq), batch_id in batches.items():
        plan = plans[number]
        party_id, place_id = plan.origins[from_seq]  # who issues goods need not have them where they start
        await ledger.append(connection, [objects.commissioned(batch_id, party_id, place_id, since(plan, known))])
    before = await staging.known_objects(connection)
    if before:
        await _check_depth(connection, before, min(since(plan, known) for plan in plans.values()))
        await consignments.hold_batches(connection)  # nobody else puts a tracker on them meanwhile
        await assignments.link_within(connection, before)
        edit.touch_consignments(await containment.concerned(connection, before))
    edit.touch_consignments(ids.values())
    return counts


def since(plan: Plan, known: dt.datetime) -> dt.datetime:
    """Return from when on the goods of a plan are what and where it says: at once, where it begins later."""
    at = min(plan.new.effective_from, known)
    return checks.moment(at, at)


def plan_rows(plans: Mapping[int, Plan], known: dt.datetime) -> list[staging.PlanRow]:
    """Return what the items need to know of each plan."""
    return [
        staging.PlanRow(
            plan=number,
            consignor=plan.consignor,
            consignor_id=plan.new.consignor_id,
            since=since(plan, known),
            first_seq=plan.first_seq,
            last_seq=plan.last_seq,
        )
        for number, plan in plans.items()
    ]


async def create(connection: database.Connection, plans: Mapping[int, Plan], known: dt.datetime) -> dict[int, int]:
    """Keep the consignments themselves; return their ids by plan."""
    ids = await consignments.create(connection, [plan.new for plan in plans.values()], known)
    return {number: ids[plan.new.ref] for number, plan in plans.items()}


async def _check_depth(connection: database.Connection, object_ids: Sequence[int], at: dt.datetime) -> None:
    """Refuse known units that new ones around them bury too deep; told for all, for it hardly ever happens."""
    height = await containment.height(connection, object_ids, at)
    if height and height + await containment.depth(connection, object_ids, at) > containment.DEPTH_MAX:
        raise errors.Invalid(f"units lie at most {containment.DEPTH_MAX} deep in each other")


async def clock(connection: database.Connection) -> dt.datetime:
    """Be counted among the ledger's writers; return since when what is written now is known."""
    await ledger.join_writers(connection)
    return await rows.clock(connection)
