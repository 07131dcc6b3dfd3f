"""Manifests: many consignments with all their serials from one CSV file, all or nothing (docs/manifest.md)."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
from collections.abc import AsyncIterator, Callable, Iterable

import msgspec

from fleettrack.domain import errors
from fleettrack.services import checks, planning
from fleettrack.services.manifest import reading
from fleettrack.services.shipping import plans, writing
from fleettrack.services.shipping.problems import Problems
from fleettrack.storage import database, manifests, staging

CHUNK_ROWS = 2_000  # rows between two writes; others get a turn in between

File = io.BufferedReader | io.BytesIO

Progress = Callable[[int], None]
"""Told how many bytes of the file have been read."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a manifest brought. `already`: it was imported before, and nothing was done now."""

    name: str
    sha256: str
    consignments: int
    stops: int
    serials: int  # new ones
    units: int  # new ones
    known: int  # serials and units that were there before, shipped again
    contained: int  # new containments
    items: int  # item lines: what lies directly in a consignment
    imported_at: dt.datetime
    already: bool = False


async def import_manifest(
    planner: planning.Planner,
    file: File,
    *,
    name: str,
    now: dt.datetime,
    effective_from: dt.datetime | None = None,
    progress: Progress | None = None,
) -> Report:
    """Import a seekable CSV file. `effective_from` holds for consignments without windows; absent: now.

    Raises:
        Invalid: nothing was imported; facts['problems'] lists what is wrong, each as line, column, value and reason,
            facts['more'] says how many further ones there are.
    """
    digest = hashlib.file_digest(file, "sha256").digest()
    file.seek(0)
    otherwise = checks.moment(effective_from, now)
    async with planner.plan(fresh=True) as edit:
        connection = edit.connection
        known = await writing.clock(connection)
        if not await manifests.claim(connection, digest, name, known):
            earlier = msgspec.convert(await manifests.report(connection, digest), Report)
            return msgspec.structs.replace(earlier, already=True)
        problems = Problems()
        read = reading.Reading(problems)
        await staging.create(connection)
        await staging.copy(connection, _chunks(read, file, progress))
        resolved = await _check(connection, read, otherwise, known, problems)
        if problems.count:
            raise _refused(problems)
        ids = await writing.create(connection, resolved, known)
        counts = await writing.write(edit, resolved, ids, f"manifest {name}", known)
        report = Report(
            name=name,
            sha256=digest.hex(),
            consignments=len(resolved),
            stops=sum(len(plan.new.stops) for plan in resolved.values()),
            serials=counts.serials,
            units=counts.units,
            known=counts.known,
            contained=counts.contained,
            items=counts.items,
            imported_at=known,
        )
        await manifests.keep_report(connection, digest, msgspec.to_builtins(report))
    return report


async def _chunks(read: reading.Reading, file: File, progress: Progress | None) -> AsyncIterator[Iterable[staging.Row]]:
    rows: list[staging.Row] = []
    for i, row in enumerate(read.rows(file), start=1):
        if row is not None:
            rows.append(row)
        if i % CHUNK_ROWS == 0:
            yield rows
            rows = []
            if progress is not None:
                progress(file.tell())
    yield rows
    if progress is not None:
        progress(file.tell())


async def _check(
    connection: database.Connection,
    read: reading.Reading,
    otherwise: dt.datetime,
    known: dt.datetime,
    problems: Problems,
) -> dict[int, plans.Plan]:
    """Return the plans that are well; stage the units; tell everything that is not well."""
    drafts = read.consignments()
    looked_up = await plans.look_up(connection, list(drafts.values()))
    found = {number: plans.resolve(draft, looked_up, otherwise, problems) for number, draft in drafts.items()}
    resolved = {number: plan for number, plan in found.items() if plan is not None}
    ends = {number: (plan.first_seq, plan.last_seq) for number, plan in resolved.items()}
    before = problems.count
    read.items.check_units()
    if problems.count == before:
        await staging.copy(connection, _once(read.items.unit_rows(ends)))
    await staging.set_plans(connection, writing.plan_rows(resolved, known))
    await staging.settle(connection)
    stops = {number: list(draft.stops) for number, draft in drafts.items()}
    await writing.check_ways(connection, read.items, stops, ends, _line, problems)
    await writing.check_goods(connection, _line, problems)
    if not drafts and not problems.count:
        problems.add(2, "consignment", "", "the file has no rows")
    return resolved


async def _once(rows: Iterable[staging.Row]) -> AsyncIterator[Iterable[staging.Row]]:
    yield rows


def _line(line: int) -> int:
    return line


def _refused(problems: Problems) -> errors.Invalid:
    told = [{"line": p.where, "column": p.column, "value": p.value, "reason": p.reason} for p in problems.told()]
    first = told[0]
    return errors.Invalid(
        f"nothing was imported, {problems.count} problem(s) were found; line {first['line']}: {first['reason']}",
        problems=told,
        more=problems.more,
    )
