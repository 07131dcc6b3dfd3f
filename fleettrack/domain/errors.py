"""Everything that can go wrong for a caller to handle: one root, facts as attributes.

HTTP status codes and exit codes live at the edges, never here.
"""

from __future__ import annotations

from typing import Any


class FleettrackError(Exception):
    """Something went wrong in fleettrack."""

    def __init__(self, message: str = "", **facts: Any) -> None:
        super().__init__(message or (type(self).__doc__ or "").splitlines()[0])
        self.facts = facts


class NotFound(FleettrackError):
    """There is no such thing."""


class Ambiguous(FleettrackError):
    """The name fits more than one thing; facts['candidates'] lists them."""


class Invalid(FleettrackError):
    """The input breaks a rule; facts['problems'] lists each with its place and reason."""


class Conflict(FleettrackError):
    """The fact contradicts another that is already known."""


class Forbidden(FleettrackError):
    """The caller may not do this."""


class Unauthenticated(FleettrackError):
    """The key is missing, unknown, expired or revoked."""


class DatabaseAway(FleettrackError):
    """The database cannot be reached just now; what was under way may be stored or not: send it again."""


class StaleConfiguration(FleettrackError):
    """Fences or assignments changed while the batch was being decided; decide it again."""
