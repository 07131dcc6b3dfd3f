"""What TCP and UDP listeners share: who may speak what on a socket, and how it is answered."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from fleettrack.domain import fix
from fleettrack.ingest import intake
from fleettrack.ingest.codecs import decoder, registry
from fleettrack.services.track import delivery

Protocol = Literal["auto", "nmea", "json"]
Checksums = Callable[[str | None], decoder.ChecksumPolicy]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SPOKEN = {"nmea": delivery.Protocol.NMEA, "json": delivery.Protocol.JSON}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How a listener treats its senders; what each field means to an operator is said in config.Listener."""

    protocol: Protocol = "auto"
    tracker: str | None = None
    ack: bool = False
    checksum: decoder.ChecksumPolicy | Checksums = "if-present"
    networks: tuple[Network, ...] = ()
    idle_s: float = 900.0
    connections_per_source: int = 1_000


def spoken(settings: Settings, data: bytes) -> Literal["nmea", "json"] | None:
    """Return the protocol of what begins with these bytes, None while they do not tell."""
    if settings.protocol != "auto":
        return settings.protocol
    start = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if not start:
        return None
    return "json" if start in (b"{", b"[") else "nmea"


def open_decoder(settings: Settings, protocol: str, *, datagram: bool) -> decoder.Decoder:
    """Return a decoder for a connection, or for the datagrams of a socket."""
    told = decoder.Settings(tracker=settings.tracker, checksum=settings.checksum, datagram=datagram)
    return registry.open_decoder(protocol, told)


def sender(settings: Settings, protocol: str, source: str) -> delivery.Sender:
    """Return who sends from this address, and what that proves."""
    known = settings.networks and any(ipaddress.ip_address(source) in network for network in settings.networks)
    return delivery.Sender(
        protocol=SPOKEN[protocol], source=source, trust=fix.Trust.SOURCE if known else fix.Trust.NONE
    )


def address(peer: Sequence[object] | None) -> str:
    """Return the address of a socket's other end, an IPv4 one in its own form also where it came over IPv6."""
    return _plain(str(peer[0])) if peer else ""


@functools.lru_cache(maxsize=4096)  # the same senders come again and again
def _plain(host: str) -> str:
    found = ipaddress.ip_address(host.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)


def ok(outcomes: Sequence[int]) -> bytes:
    """Return `OK <n>`: so many fixes are safe now. Add them up to know what need not be sent again."""
    return b"OK %d\r\n" % sum(outcome in intake.STORED for outcome in outcomes)


def tally(outcomes: Sequence[int]) -> bytes:
    """Return a JSON line that counts what became of a batch; `duplicate` is null where that is not known yet."""
    count = outcomes.count
    waits = count(delivery.Outcome.PENDING)
    return msgspec.json.encode(
        {
            "accepted": count(delivery.Outcome.ACCEPTED) + waits,
            "duplicate": None if waits else count(delivery.Outcome.DUPLICATE),
            "rejected": count(delivery.Outcome.REJECTED),
            "held": count(delivery.Outcome.HELD),
        }
    ) + b"\n"  # fmt: skip
