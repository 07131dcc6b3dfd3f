"""A TCP listener before a recorder, and a way to talk to it."""

from __future__ import annotations

import asyncio
import contextlib

from recording import Door

from fleettrack.domain import fix
from fleettrack.ingest import session, tcp
from fleettrack.ingest.codecs import decoder, registry

HOST = "127.0.0.1"


@contextlib.asynccontextmanager
async def listening(folder, *, spool_bytes=1 << 30, **options):
    """A door with a listener before it, and a way to connect."""
    async with Door(folder, spool_bytes=spool_bytes) as door:
        listener = tcp.Listener(door.intake, door.metrics, session.Settings(**options))
        await listener.start(HOST, 0)
        try:
            yield door, listener
        finally:
            await listener.close()


async def talk(listener, data=b"", *, end=True):
    """Send bytes, end the sending half, return all that is answered."""
    reader, writer = await asyncio.open_connection(HOST, listener.port)
    writer.write(data)
    await writer.drain()
    if end:
        writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


def decoded(data, **told):
    codec = registry.open_decoder("nmea", decoder.Settings(**told))
    return [m for m in codec.feed(data) + codec.flush() if isinstance(m, fix.Fix)]
