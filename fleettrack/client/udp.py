"""Sends over UDP: nothing is acknowledged, nothing is sent again."""

from __future__ import annotations

import asyncio

from fleettrack.client.parcel import Parcel, Tally
from fleettrack.domain import fix
from fleettrack.ingest.codecs import decoder, registry

BREATH_DATAGRAMS = 64  # sent in one go before others of this process get their turn


class _Socket(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.closed = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()


class Udp:
    """One socket to one address. Each parcel is a datagram, whole in itself."""

    def __init__(self, host: str, port: int, protocol: str = "nmea") -> None:
        self.tally = Tally()
        self._codec = registry.open_decoder(protocol, decoder.Settings(datagram=True))
        self._datagrams = 0
        self._address = host, port
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self) -> None:
        """Open the socket."""
        loop = asyncio.get_running_loop()
        self._transport, self._socket = await loop.create_datagram_endpoint(_Socket, remote_addr=self._address)

    async def send(self, parcel: Parcel) -> None:
        """Send a datagram."""
        assert self._transport is not None
        self._transport.sendto(parcel.data)
        self.tally.sent += sum(isinstance(message, fix.Fix) for message in self._codec.feed(parcel.data))
        self._datagrams += 1
        if self._datagrams % BREATH_DATAGRAMS == 0:
            await asyncio.sleep(0)

    async def finish(self) -> None:
        """Return once all is handed to the network."""
        await self.close()

    async def close(self) -> None:
        """Close the socket."""
        if self._transport is not None:
            self._transport.close()  # what still waits is sent first
            self._transport = None
            await self._socket.closed.wait()
