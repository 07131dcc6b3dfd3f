"""Places and their fences. A fix is judged by the fence as it was then, so every change says from when on it holds."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from typing import Any

import msgspec

from fleettrack.domain import errors, units
from fleettrack.geofence import geojson
from fleettrack.services import checks, editing, planning
from fleettrack.services.forms import actors as forms
from fleettrack.services.forms import words
from fleettrack.storage import database, fences, parties, places, rows

SINCE_EVER = units.utc(units.GPS_EPOCH_MS)  # no fix is older: a fence that was always there is valid from here


async def create(editor: planning.Planner, form: forms.NewPlace, *, now: dt.datetime) -> forms.Place:
    """Keep a new place with its fences.

    Raises:
        Conflict: its reference is taken.
        NotFound: there is no such party.
        Invalid: the time zone or a fence is malformed.
    """
    _check_zone(form.timezone)
    for fence in form.geofences:
        _check_fence(fence)
    async with editor.edit(configuration=True) as edit:
        connection = edit.connection
        owner = await parties.ids(connection, [form.party])
        place_id = await places.create(
            connection,
            ref=form.ref,
            name=form.name,
            party_id=owner[form.party],
            timezone=form.timezone,
            class_=form.class_,
        )
        for fence in form.geofences:
            fence_id = await places.add_fence(connection, place_id, fence.name)
            await _state(edit, fence_id, place_id, fence, SINCE_EVER)
        return await _told(connection, form.ref)


async def get(db: database.Database, ref: str) -> forms.Place:
    """Return a place with its fences; NotFound where there is none."""
    async with db.connection() as connection:
        return await _told(connection, ref)


async def page(db: database.Database, *, after: str = "", limit: int = words.PAGE) -> list[forms.Place]:
    """Return places with their fences, by reference."""
    async with db.connection() as connection:
        found = await places.page(connection, after, checks.limit(limit))
        drawn = await places.fences(connection, places=[p.ref for p in found])
    return [_with_fences(p, drawn) for p in found]


async def add_fence(editor: planning.Planner, place: str, form: forms.NewFence, *, now: dt.datetime) -> places.Fence:
    """Draw a further fence of a place; NotFound where there is no such place, Invalid where it is malformed."""
    _check_fence(form)
    async with editor.edit(configuration=True) as edit:
        site = checks.found((await places.known(edit.connection, [place])).get(place), "place", place)
        fence_id = await places.add_fence(edit.connection, site.id, form.name)
        await _state(edit, fence_id, site.id, form, now)
        return await _last(edit.connection, fence_id)


async def change_fence(
    editor: planning.Planner, fence_id: int, form: forms.NewFence, *, now: dt.datetime
) -> places.Fence:
    """Let a fence look otherwise from `valid_from` (now) on; what was drawn before holds until then."""
    _check_fence(form)
    async with editor.edit(configuration=True) as edit:
        place_id = await places.lock_fence(edit.connection, fence_id)
        await _state(edit, fence_id, place_id, form, now)
        return await _last(edit.connection, fence_id)


async def delete_fence(
    editor: planning.Planner, fence_id: int, *, at: dt.datetime | None = None, now: dt.datetime
) -> None:
    """Let a fence hold no longer from a time (now) on.

    Raises:
        NotFound: there is no such fence, or it ended before.
    """
    async with editor.edit(configuration=True) as edit:
        place_id = await places.lock_fence(edit.connection, fence_id)
        known = await rows.clock(edit.connection)
        since = checks.moment(at, now)
        ended, _ = await places.end_fence(edit.connection, fence_id, since, known)
        if not ended:
            raise errors.NotFound(f"geofence {fence_id} ended before", kind="geofence", unknown=[fence_id])
        edit.touch_place(place_id, units.to_ms(since))


async def list_fences(
    db: database.Database, *, place: str | None = None, after: int = 0, limit: int = words.PAGE
) -> list[places.Fence]:
    """Return fences in force or to come, by `version`; of one place where it is given."""
    wanted = None if place is None else [place]
    async with db.connection() as connection:
        return await places.fences(connection, places=wanted, after=after, limit=checks.limit(limit))


async def _state(
    edit: editing.Edit, fence_id: int, place_id: int, form: forms.NewFence, otherwise: dt.datetime
) -> None:
    since = max(checks.moment(form.valid_from, otherwise), SINCE_EVER)
    known = await rows.clock(edit.connection)
    await places.end_fence(edit.connection, fence_id, since, known)
    await places.add_version(
        edit.connection,
        fence_id=fence_id,
        place_id=place_id,
        shape=geojson.write(geojson.read(form.shape)),
        rules_=form.rules,
        since=since,
        known=known,
    )
    edit.touch_place(place_id, units.to_ms(since))


def _check_zone(name: str) -> None:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise checks.refusal("timezone", name, "there is no such time zone") from exc


def _check_fence(form: forms.NewFence) -> None:
    geojson.read(form.shape)
    try:
        msgspec.convert(form.rules, fences.Terms)
    except msgspec.ValidationError as exc:
        raise checks.refusal("rules", form.rules, str(exc)) from exc


async def _told(connection: database.Connection, ref: str) -> forms.Place:
    found = checks.found(await places.get(connection, ref), "place", ref)
    return _with_fences(found, await places.fences(connection, places=[ref]))


def _with_fences(place: places.Place, drawn: list[places.Fence]) -> forms.Place:
    kept: dict[str, Any] = msgspec.structs.asdict(place)
    return forms.Place(**kept, geofences=tuple(f for f in drawn if f.place == place.ref))


async def _last(connection: database.Connection, fence_id: int) -> places.Fence:
    return (await places.fences(connection, fence_id=fence_id))[-1]
