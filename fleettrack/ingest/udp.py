"""The UDP listener: each datagram is whole in itself; those read together go on as one delivery a source."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from pathlib import Path
from typing import Any

import msgspec

from fleettrack import metrics
from fleettrack.domain import fixes
from fleettrack.ingest import intake, limits, session
from fleettrack.ingest.codecs import decoder
from fleettrack.services.track import delivery

SO_RCVBUFFORCE = 33  # Linux; Python's socket module does not name it


class _Gathered(msgspec.Struct, eq=False):
    """What one source sent in one protocol, in the datagrams read together."""

    sender: delivery.Sender
    messages: fixes.Messages
    raw: list[bytes]
    parts: list[tuple[Any, int]]  # the address to answer, and how many of the messages its datagram held


class Listener:
    """One socket. `start` it, `close` it. Messages are dropped, and counted, only while the spool is full too."""

    def __init__(self, door: intake.Intake, counters: metrics.Metrics, settings: session.Settings) -> None:
        self._intake = door
        self._metrics = counters
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._decoders: dict[str, decoder.Decoder] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting = 0  # messages on their way
        self._reading = False
        self._closing = False
        self._socket: socket.socket | None = None
        self._drops: int | None = None  # by the kernel, until the socket was closed
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Listen; `self.port` says where when `port` was 0."""
        (family, _, _, _, address), *_ = await self._loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        _enlarge(self._socket)
        self._socket.bind(address)
        self.port = self._socket.getsockname()[1]
        self._metrics.kernel_drops.append(self._dropped_by_kernel)
        self._read(True)

    async def close(self, grace_s: float = 5.0) -> None:
        """Read what the kernel still has, nothing more; give it so long to be committed or reach the disk."""
        if self._socket is None:
            return
        self._read(False)
        self._closing = True
        while self.read():
            pass
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_s)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._drops = self._dropped_by_kernel()
        self._socket.close()
        self._socket = None

    def _dropped_by_kernel(self) -> int | None:
        return self._drops if self._socket is None else kernel_drops(self._socket)

    def read(self) -> int:
        """Read what is there, within a bound, and send it on; return how many datagrams it was."""
        assert self._socket is not None
        gathered: dict[tuple[str, str], _Gathered] = {}
        now_ms = self._intake.clock()
        number = 0
        with contextlib.suppress(BlockingIOError):
            while number < limits.DATAGRAMS_AT_ONCE:
                try:
                    data, peer = self._socket.recvfrom(limits.DATAGRAM_BYTES)
                except ConnectionError:
                    continue  # somebody we answered has gone
                number += 1
                self._decode(data, peer, now_ms, gathered)
        for parcel in gathered.values():
            self._send(parcel, now_ms)
        return number

    def _decode(self, data: bytes, peer: Any, now_ms: int, gathered: dict[tuple[str, str], _Gathered]) -> None:
        self._metrics.received_bytes.labels("udp").inc(len(data))
        protocol = session.spoken(self._settings, data)
        if protocol is None:  # blank
            self._metrics.passed_over.labels("skipped").inc()
            return
        if protocol not in self._decoders:
            self._decoders[protocol] = session.open_decoder(self._settings, protocol, datagram=True)
        codec = self._decoders[protocol]
        messages = codec.feed(data, now_ms)
        self._metrics.passed_over.labels("skipped").inc(codec.counts.skipped)
        self._metrics.passed_over.labels("late").inc(codec.counts.late)
        codec.counts.skipped = codec.counts.late = 0
        if not messages:
            return
        source = session.address(peer)
        parcel = gathered.get((source, protocol))
        if parcel is None:
            sender = session.sender(self._settings, protocol, source)
            parcel = gathered[source, protocol] = _Gathered(sender, fixes.Messages(), [], [])
        parcel.messages += messages
        parcel.raw.append(data)
        parcel.parts.append((peer, len(messages)))

    def _send(self, gathered: _Gathered, now_ms: int) -> None:
        parcel = delivery.Delivery(sender=gathered.sender, messages=gathered.messages, received_ms=now_ms)
        self._waiting += len(parcel.messages)
        if self._waiting >= limits.UDP_WAITING_MESSAGES:
            self._read(False)
        task = self._loop.create_task(self._keep(parcel, gathered))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _keep(self, parcel: delivery.Delivery, gathered: _Gathered) -> None:
        try:
            answer = await self._intake.keep(parcel, b"".join(gathered.raw), wait=False)
            if answer is not None and (self._settings.ack or parcel.sender.protocol == delivery.Protocol.JSON):
                self._answer(answer, gathered.parts, parcel.sender.protocol)
        finally:
            self._waiting -= len(parcel.messages)
            if self._waiting < limits.UDP_WAITING_MESSAGES // 2:
                self._read(True)

    def _answer(self, answer: delivery.Answer, parts: list[tuple[Any, int]], protocol: delivery.Protocol) -> None:
        say = session.tally if protocol == delivery.Protocol.JSON else session.ok
        start = 0
        for peer, size in parts:
            with contextlib.suppress(OSError):  # an answer that cannot be sent is lost like any datagram
                if self._socket is not None:
                    self._socket.sendto(say(answer.outcomes[start : start + size]), peer)
            start += size

    def _read(self, on: bool) -> None:
        if self._socket is None or self._closing or on == self._reading:
            return
        self._reading = on
        if on:
            self._loop.add_reader(self._socket, self.read)
        else:
            self._loop.remove_reader(self._socket)


def _enlarge(sock: socket.socket) -> None:
    """Ask for a large receive buffer; as root beyond the system's usual bound."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, limits.UDP_RECEIVE_BYTES)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, limits.UDP_RECEIVE_BYTES)


def kernel_drops(sock: socket.socket) -> int | None:
    """Return the drop count of a UDP socket from Linux's table of them, None where there is none."""
    table = Path("/proc/net/udp6" if sock.family == socket.AF_INET6 else "/proc/net/udp")
    inode = str(os.fstat(sock.fileno()).st_ino)
    try:
        for line in table.read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] == inode:
                return int(fields[12])
    except (OSError, IndexError, ValueError):
        return None
    return None
