"""What handlers find in the application, by typed keys."""

from __future__ import annotations

import dataclasses

from aiohttp import web

from fleettrack import metrics
from fleettrack.ingest import intake, session, spool
from fleettrack.services import keys, planning
from fleettrack.storage import database


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
