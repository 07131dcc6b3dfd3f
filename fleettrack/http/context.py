"""What handlers find in the application, by typed keys."""

from __future__ import annotations

import dataclasses

from aiohttp import web

from fleettrack import metrics
from fleettrack.ingest import intake, session, spool
from fleettrack.services import keys, planning
from fleettrack.storage import database, joined


@dataclasses.dataclass(frozen=True, kw_only=True)
class Services:
    """What the HTTP interface stands on."""

    database: database.Database
    editor: planning.Planner
    keys: keys.Keys
    intake: intake.Intake
    spool: spool.Spool
    metrics: metrics.Metrics
    checksums: session.Checksums
    body_bytes: int = 8 << 20
    inflated_bytes: int = 32 << 20


SERVICES = web.AppKey("services", Services)

_JOINED = web.RequestKey("joined", Services)


def services(request: web.Request) -> Services:
    """Return what this request is handled with: the application's services, or those that `join` put in place."""
    return request.get(_JOINED) or request.app[SERVICES]


def join(request: web.Request, connection: database.Connection) -> None:
    """Let all that this request does to the database be part of the transaction of this connection."""
    ours, db = request.app[SERVICES], joined.Joined(connection)
    request[_JOINED] = dataclasses.replace(ours, database=db, editor=ours.editor.on(db), keys=keys.Keys(db))
