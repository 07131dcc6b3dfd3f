"""Bounds of the listeners, each with its reason."""

from __future__ import annotations

import collections

IN_FLIGHT = 4
"""Deliveries of one connection on their way at once: one commits, one waits, and two hide the way to and fro."""

GATHER_MESSAGES = 500
"""A connection with a delivery on its way gathers so many messages before it sends another: load makes batches."""

ON_WAY_MESSAGES = 80_000
"""Messages on their way from one listener, four batches; then only who has nothing on its way goes on reading. More
decoded would only keep the loop from the batches, and fill memory."""

DELIVERY_MESSAGES = 5_000
"""Largest delivery; a longer one would only make its companions wait."""

RECEIVE_BYTES = 128 << 10
"""Receive buffer asked of the kernel per connection: it bounds what one read returns, and so how long decoding
one read keeps the others waiting."""

OPEN_BYTES = 8 << 10
"""Bytes kept beside an incomplete line as those of an open sentence group, which tens of sentences may make up."""

UNFINISHED_BYTES = 64 << 20
"""Bytes of one listener that wait for the end of their line, 64 of the longest lines; they are held twice, by the
decoder and as what came. Beyond it the connections with most of them are closed."""

UNFINISHED_BYTES_AFTER = 7 / 8
"""Share of it that is left then, so that who has most is not looked for at each read."""

RAW_BYTES = 1 << 20
"""Bytes that wait with messages for their delivery; beyond it nothing more is read from that connection."""

QUIET_S = 2.0
"""A sentence group is complete after so long without a byte (design 3)."""

SWEEP_S = 0.5
"""How often connections are looked at for quiet and idleness."""

CONNECTIONS = 20_000
"""Open connections of one listener."""

UNSENT_BYTES = 64 << 10
"""Answers that the other end does not read; beyond it nothing more is read from there."""

DATAGRAM_BYTES = 65_535
"""Largest UDP payload."""

DATAGRAMS_AT_ONCE = 256
"""Datagrams read before others get their turn; they become one delivery a source."""

UDP_RECEIVE_BYTES = 8 << 20
"""Receive buffer asked of the kernel for a UDP socket: about a second of full load."""

UDP_WAITING_MESSAGES = 20_000
"""Messages on their way from one UDP socket; beyond it the kernel's buffer has to hold them."""


class PerSource:
    """Counts what is open by source address, within a bound each and a bound for all."""

    def __init__(self, each: int, together: int) -> None:
        self._each, self._together = each, together
        self._open: collections.Counter[str] = collections.Counter()
        self._all = 0

    def admit(self, source: str) -> bool:
        """Count one more, or say that there is no room."""
        if self._open[source] >= self._each or self._all >= self._together:
            return False
        self._open[source] += 1
        self._all += 1
        return True

    def leave(self, source: str) -> None:
        """Count one less."""
        self._all -= 1
        self._open[source] -= 1
        if not self._open[source]:
            del self._open[source]
