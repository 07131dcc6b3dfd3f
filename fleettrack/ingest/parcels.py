"""A delivery as bytes, for the time it has to wait on disk."""

from __future__ import annotations

from typing import cast

import msgspec

from fleettrack.domain import fix
from fleettrack.services.track import delivery

_KINDS: tuple[type[fix.Fix] | type[fix.Status] | type[fix.Reject], ...] = (fix.Fix, fix.Status, fix.Reject)


class _Parcel(msgspec.Struct, array_like=True):
    """The messages lie apart by kind, because they carry no tag; `order` says how they alternate."""

    sender: delivery.Sender
    received_ms: int
    history: bool
    order: bytes
    fixes: list[fix.Fix]
    statuses: list[fix.Status]
    rejects: list[fix.Reject]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Parcel)


def pack(parcel: delivery.Delivery) -> bytes:
    """Return the delivery as bytes."""
    messages = list(parcel.messages)
    kinds = bytes(_KINDS.index(type(message)) for message in messages)
    lists = [[m for m in messages if type(m) is kind] for kind in _KINDS]
    return _ENCODER.encode([parcel.sender, parcel.received_ms, parcel.history, kinds, *lists])


def unpack(body: bytes) -> delivery.Delivery:
    """Return the delivery that was packed."""
    p = _DECODER.decode(body)
    sources = (iter(p.fixes), iter(p.statuses), iter(p.rejects))
    messages = [cast(fix.Message, next(sources[kind])) for kind in p.order]
    return delivery.Delivery(sender=p.sender, messages=messages, received_ms=p.received_ms, history=p.history)
