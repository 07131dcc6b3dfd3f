"""What `put` has promised is there after a kill -9."""

from __future__ import annotations

import signal
import subprocess
import sys

from recording import LIMIT_S

from fleettrack.ingest import spool

WRITER = """
import asyncio, sys
from pathlib import Path
from fleettrack.domain import fix
from fleettrack.ingest import spool
from fleettrack.services.track import delivery

async def main():
    store = spool.Spool(Path(sys.argv[1]), 1 << 30)
    await store.open()
    sender = delivery.Sender(protocol=delivery.Protocol.NMEA, source="192.0.2.1")
    async def one(n):
        ping = fix.Fix(tracker=str(n), time_ms=n, lat_e7=0, lon_e7=0)
        await store.put(delivery.Delivery(sender=sender, messages=[ping], received_ms=n), b"raw")
        print(n, flush=True)
    for start in range(0, 10**6, 10):
        await asyncio.gather(*(one(start + i) for i in range(10)))
asyncio.run(main())
"""


def killed_writer(folder):
    """Let a process put deliveries until it is killed; return those it said were safe."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        promised = [int(writer.stdout.readline()) for _ in range(200)]
        writer.send_signal(signal.SIGKILL)
        rest, _ = writer.communicate(timeout=LIMIT_S)
    finally:
        writer.kill()
    return promised + [int(line) for line in rest.splitlines(keepends=True) if line.endswith("\n")]


async def test_nothing_promised_is_missing_after_a_kill(tmp_path):
    promised = killed_writer(tmp_path)
    store = spool.Spool(tmp_path, 1 << 30)
    await store.open()
    kept = [int(s.parcel.messages[0].tracker) for s in await store.first(10**9)]
    await store.close()
    assert set(promised) <= set(kept)
    assert kept == sorted(set(kept))
