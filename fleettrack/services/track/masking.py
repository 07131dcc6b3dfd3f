"""Secrets in what is kept of a message: devices without any login send theirs in the open, as `identity~secret`."""

from __future__ import annotations

import json
import re

import msgspec

from fleettrack.domain import fix
from fleettrack.services.track import delivery

MASKED = "***"

# Where nobody could read whose message it was, a secret goes on to the next sign that ends an identity in any protocol.
_SECRET = re.compile(re.escape(delivery.SECRET_MARK.encode()) + rb"[^\s\"'$!,;&{}\[\]]+")
_MASK = (delivery.SECRET_MARK + MASKED).encode()


def without_secret(reject: fix.Reject) -> fix.Reject:
    """Return the reject as it may be kept and shown."""
    tracker, mark, secret = (reject.tracker or "").partition(delivery.SECRET_MARK)
    if not mark and _MASK[:1] not in reject.raw:
        return reject
    raw, detail = reject.raw, reject.detail
    for written in {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]} - {""}:
        raw = raw.replace(f"{delivery.SECRET_MARK}{written}".encode(), _MASK)
        detail = detail.replace(delivery.SECRET_MARK + written, _MASK.decode())
    return msgspec.structs.replace(reject, tracker=tracker or None, raw=_SECRET.sub(_MASK, raw), detail=detail)
