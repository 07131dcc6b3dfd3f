"""One TCP connection of a tracker or gateway: bytes in, deliveries on their way, answers back in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import msgspec

from fleettrack.domain import fix, fixes
from fleettrack.ingest import limits, session
from fleettrack.ingest.codecs import decoder, json_ping
from fleettrack.services.track import delivery

if TYPE_CHECKING:
    from fleettrack.ingest import tcp


class _Sent(msgspec.Struct, eq=False):
    """A delivery on its way, and how many messages each answer of it is about."""

    task: asyncio.Task[delivery.Answer | None]
    parts: list[int]


class Connection(asyncio.Protocol):
    """Reads on while deliveries are under way, up to a bound; then it stops reading, and the sender has to wait.

    Nothing is answered before it is committed or on disk (law L1).
    """

    def __init__(self, listener: tcp.Listener) -> None:
        self._listener = listener
        self._settings = listener.settings
        self._transport: asyncio.Transport
        self._decoder: decoder.Decoder | None = None
        self._protocol: str | None = None
        self._messages = fixes.Messages()  # decoded, not sent on yet
        self._parts: list[int] = []  # how many of them each answer is about
        self._raw = bytearray()  # what they came in, and what may become more of them
        self._received_ms = 0  # when the first of them came
        self._last_ms = 0  # when the last bytes came
        self._sent: deque[_Sent] = deque()
        self._paused = False  # not reading
        self._deaf = False  # the other end does not read our answers
        self._ended = False  # nothing more will come
        self.source = ""
        self.last_heard = listener.time()
        self.unquiet = False  # has bytes that quiet may complete
        self.unfinished = 0  # bytes that wait for the end of their line

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the connection in if there is room."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=limits.UNSENT_BYTES)
        self.source = session.address(transport.get_extra_info("peername"))
        if not self._listener.admit(self):
            self._ended = True
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Decode what came, and send it on as far as that is allowed."""
        self.last_heard = self._listener.time()
        self._last_ms = self._listener.intake.clock()
        self._listener.read_bytes(len(data))
        if self._decoder is None:
            self._protocol = session.spoken(self._settings, data)
            if self._protocol is None:
                return
            self._decoder = session.open_decoder(self._settings, self._protocol, datagram=False)
        self.unquiet = True
        if isinstance(self._decoder, json_ping.Decoder):
            self._add(self._decoder.batches(data, self._last_ms), data)
        else:
            self._add([self._decoder.feed(data, self._last_ms)], data)
        if not self._messages:
            self._forget(self._decoder.pending)
        self._count_unfinished()  # may close this connection

    def eof_received(self) -> bool:
        """Send on what is left, and stay open until it is answered."""
        self._end()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Send on what is left."""
        self._end()
        self._listener.gone(self)

    def pause_writing(self) -> None:
        """Read nothing more from somebody who does not read our answers."""
        self._deaf = True
        self._listener.intake.stalled("answers_unread")
        self._regulate()

    def resume_writing(self) -> None:
        """Read on."""
        self._deaf = False
        self._regulate()

    # What the listener calls.

    @property
    def busy(self) -> bool:
        """Whether something is on its way, or waits to be."""
        return bool(self._sent or self._messages)

    def quiet(self) -> None:
        """Complete what need not wait for more bytes; not while bytes may be waiting to be read."""
        if self._decoder is not None and not self._paused:
            self.unquiet = False
            self._add([self._decoder.quiet()], b"")
            self._count_unfinished()

    def close(self) -> None:
        """Read nothing more; close when all that came is answered."""
        self._end()

    def counts(self) -> decoder.Counts:
        """Return what the decoder passed over since this was last asked."""
        if self._decoder is None:
            return decoder.Counts()
        counts = self._decoder.counts
        told = decoder.Counts(counts.skipped, counts.late)
        counts.skipped = counts.late = 0
        return told

    # Inside.

    def _add(self, batches: Sequence[Sequence[fix.Message]], raw: bytes) -> None:
        if not self._messages:
            self._received_ms = self._last_ms
        for batch in batches:
            if batch:
                self._messages += batch
                self._parts.append(len(batch))
        self._raw += raw
        self._send()

    def _forget(self, pending: int) -> None:
        """Keep only the last bytes, of which a message may still come: not all that is sent becomes one."""
        del self._raw[: -(pending + limits.OPEN_BYTES)]

    def _count_unfinished(self) -> None:
        before = self.unfinished
        self.unfinished = self._decoder.pending if self._decoder is not None else 0
        self._listener.count_unfinished(self.unfinished - before)

    def _send(self) -> None:
        """Send on what has gathered: at once when nothing is under way, in larger pieces else."""
        while self._messages and len(self._sent) < limits.IN_FLIGHT:
            if self._sent and len(self._messages) < limits.GATHER_MESSAGES and not self._ended:
                break
            self._send_one()
        self._regulate()
        if self._ended and not self.busy:
            self._transport.close()

    def _send_one(self) -> None:
        taken, parts = self._take()
        assert self._protocol is not None
        parcel = delivery.Delivery(
            sender=session.sender(self._settings, self._protocol, self.source),
            messages=taken,
            received_ms=self._received_ms,
        )
        raw = bytes(self._raw)
        self._raw.clear()
        task = self._listener.keep(parcel, raw)
        self._sent.append(_Sent(task, parts))
        task.add_done_callback(self._settled)

    def _take(self) -> tuple[fixes.Messages, list[int]]:
        """Take whole parts off the front, of at most the size of a delivery together, but at least one."""
        size = taken = 0
        for part in self._parts:
            if taken and size + part > limits.DELIVERY_MESSAGES:
                break
            size += part
            taken += 1
        messages, self._messages = self._messages[:size], self._messages[size:]
        parts, self._parts = self._parts[:taken], self._parts[taken:]
        return messages, parts

    def _settled(self, _task: asyncio.Task[delivery.Answer | None]) -> None:
        """Answer what is done, in order, and send on what waited for that."""
        while self._sent and self._sent[0].task.done():
            sent = self._sent.popleft()
            if sent.task.cancelled() or sent.task.exception() is not None:
                self._transport.abort()  # what is not answered has to be sent again
            elif (answer := sent.task.result()) is not None:
                self._answer(answer, sent.parts)
        self._send()

    def _answer(self, answer: delivery.Answer, parts: list[int]) -> None:
        if self._transport.is_closing():
            return
        if self._protocol == "json":
            lines, start = [], 0
            for part in parts:
                lines.append(session.tally(answer.outcomes[start : start + part]))
                start += part
            self._transport.write(b"".join(lines))
        elif self._settings.ack:
            self._transport.write(session.ok(answer.outcomes))

    def _end(self) -> None:
        if self._ended:
            return
        self._ended = True
        left = self._decoder.flush() if self._decoder is not None else []
        self._count_unfinished()
        self._add([left], b"")

    def _regulate(self) -> None:
        """Read only while there is somewhere to put it."""
        full = bool(self._messages) and len(self._raw) >= limits.RAW_BYTES
        crowded = bool(self._sent) and self._listener.crowded
        stop = self._ended or self._deaf or full or crowded or len(self._messages) >= limits.GATHER_MESSAGES
        if stop == self._paused or self._transport.is_closing():
            return
        if stop and crowded:
            self._listener.intake.stalled("crowded")
        self._paused = stop
        if stop:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()
