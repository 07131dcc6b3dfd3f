"""API keys: made once, shown once, checked on every request, ended at once."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import secrets
import time
from collections.abc import Callable

import msgspec

from fleettrack.domain import errors
from fleettrack.storage import database, keys

MARK = "flt"
PREFIX_BYTES = 4  # enough to tell keys apart in a list
SECRET_BYTES = 32  # 256 bits
REMEMBERED_S = 1.0  # how long a check holds: a key revoked by another process opens doors this much longer
REMEMBERED_KEYS = 10_000

_FORM = re.compile(rf"{MARK}_[0-9a-f]{{{2 * PREFIX_BYTES}}}_[\w-]{{20,100}}", re.ASCII)


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A new key. `token` is told this once; nobody can read it again."""

    id: int
    prefix: str
    token: str
    name: str
    role: keys.Role
    party: str | None
    created_at: dt.datetime
    expires_at: dt.datetime | None


class Keys:
    """Makes and checks keys. Checks are remembered for a second, so that a busy sender costs one look-up."""

    def __init__(self, db: database.Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._clock = clock
        self._revocations = 0  # a look-up that one of these overtook is not remembered
        self._seen: dict[bytes, tuple[keys.Caller, float]] = {}  # digest → caller, when the check ends

    async def create(
        self, *, name: str, role: keys.Role, party: str | None = None, expires_at: dt.datetime | None = None
    ) -> Made:
        """Make a key.

        Raises:
            Invalid: a carrier's key names no party.
            NotFound: there is no such party.
        """
        if role == "carrier" and party is None:
            reason = "a carrier's key names the party it posts for"
            raise errors.Invalid(reason, problems=[{"place": "party", "reason": reason}])
        prefix = f"{MARK}_{secrets.token_hex(PREFIX_BYTES)}"
        token = f"{prefix}_{secrets.token_urlsafe(SECRET_BYTES)}"
        async with self._db.transaction() as connection:
            key_id, created_at = await keys.create(
                connection,
                prefix=prefix,
                sha256=_digest(token),
                name=name,
                role=role,
                party=party,
                expires_at=expires_at,
            )
        return Made(
            id=key_id,
            prefix=prefix,
            token=token,
            name=name,
            role=role,
            party=party,
            created_at=created_at,
            expires_at=expires_at,
        )

    async def check(self, token: str) -> keys.Caller:
        """Return whose key it is.

        Raises:
            Unauthenticated: it is malformed, unknown, expired or revoked; which of these is nobody's business.
        """
        if not _FORM.fullmatch(token):
            raise errors.Unauthenticated()
        digest, now = _digest(token), self._clock()
        caller, until = self._seen.get(digest, (None, 0.0))
        if caller is None or until <= now:
            before = self._revocations
            async with self._db.connection() as connection:
                caller = await keys.by_digest(connection, digest)
            if caller is None:
                self._seen.pop(digest, None)
                raise errors.Unauthenticated()
            if before == self._revocations:
                self._remember(digest, caller, now + REMEMBERED_S)
        return caller

    def _remember(self, digest: bytes, caller: keys.Caller, until: float) -> None:
        if len(self._seen) >= REMEMBERED_KEYS:
            self._seen.clear()
        self._seen[digest] = caller, until

    async def revoke(self, name: str) -> int:
        """End a key, named by its number or prefix; at once in this process. Return its number.

        Raises:
            NotFound: there is no such key.
            Ambiguous: the prefix fits more than one.
        """
        async with self._db.transaction() as connection:
            key_id = await keys.revoke(connection, name)
        self._revocations += 1
        self._seen = {d: (caller, until) for d, (caller, until) in self._seen.items() if caller.key_id != key_id}
        return key_id

    async def page(self, after: int, limit: int) -> list[keys.Row]:
        """Return keys with a greater number, in order."""
        async with self._db.connection() as connection:
            return await keys.page(connection, after, limit)


def _digest(token: str) -> bytes:
    """Return what is stored: a plain digest is enough, since nobody can guess 256 random bits."""
    return hashlib.sha256(token.encode()).digest()
