"""Which checksum policy a tracker has: asked for each sentence, so kept in memory and renewed after edits."""

from __future__ import annotations

import asyncio
from typing import Literal, NoReturn

from fleettrack import log
from fleettrack.domain import errors
from fleettrack.services.track import identify
from fleettrack.storage import database, sql

Policy = Literal["require", "if-present", "ignore"]

DEFAULT: Policy = "if-present"
RENEW_S = 1.0  # an edited policy reaches the listeners so soon

_SQL = sql.queries("checksums")
_log = log.get(__name__)


class Checksums:
    """Call it with an identity as it came on the wire."""

    def __init__(self, db: database.Database) -> None:
        self._db = db
        self._epoch = -1
        self._others: dict[str, Policy] = {}  # those that differ from the default

    def __call__(self, identity: str | None) -> Policy:
        """Return the policy of this tracker."""
        if not identity or not self._others:
            return DEFAULT
        return self._others.get(identity.partition(identify.SECRET_MARK)[0], DEFAULT)

    async def renew(self) -> None:
        """Read the policies again if anything was edited.

        Raises:
            DatabaseAway: what was known stays known.
        """
        async with self._db.connection() as connection:
            rows = await (await connection.execute(_SQL["changed"], {"epoch": self._epoch})).fetchall()
        if rows:
            self._epoch = rows[0][0]
            self._others = {identity: policy for _, identity, policy in rows if identity is not None}

    async def run(self) -> NoReturn:
        """Keep the policies fresh until cancelled."""
        while True:
            try:
                await self.renew()
            except errors.DatabaseAway:
                pass
            except Exception:
                _log.exception("the checksum policies could not be read")
            await asyncio.sleep(RENEW_S)
