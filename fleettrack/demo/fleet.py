"""The fleet, a process of its own: `python -m fleettrack.demo.fleet [FILE]`. It knows addresses and keys, no database.

It reads one line of JSON, from FILE or standard input:

    {"url", "host", "nmea_port", "nmea_udp_port", "seed", "trucks", "epoch", "ordered", "truth",
     "keys": {"office": …, "<carrier's reference>": …}}

It drives from `epoch` on (seconds since 1970; what was before is what its trackers have kept), and orders whatever
shipments are not among the `ordered` ones, until SIGTERM or SIGINT, or until standard input ends where that is what it
was told by: then its parent is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import signal
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from fleettrack.client import api
from fleettrack.demo import lives, outbox, people, trips, truth, world

COMPLAINTS = 20  # lines on standard error before it keeps quiet
FIRST_CALL_S = 20.0  # trackers come to the network one by one; those of trucks that stand at a drop at once


class Fleet:
    """All trucks and people of one world."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._told = told
        self._world = world.build(told["seed"], told["trucks"])
        self._where = outbox.Addresses(told["host"], told["nmea_port"], told["nmea_udp_port"])
        self._complaints = 0

    async def run(self) -> None:
        """Drive until cancelled."""
        told = self._told
        writer = truth.Writer(Path(told["truth"]))
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(writer.close)
            keys = {
                name: await stack.enter_async_context(api.Api(told["url"], key)) for name, key in told["keys"].items()
            }
            staff = people.People(keys["office"], writer)
            writer.write("begin", time.time(), seed=told["seed"], trucks=told["trucks"])
            stack.callback(lambda: writer.write("end", time.time()))
            numbers = itertools.count(1)
            async with asyncio.TaskGroup() as group:
                group.create_task(staff.run())
                for truck in self._world.trucks:
                    witness = truth.Witness(truck, writer, numbers)
                    wait_s = self._first_call_s(truck)
                    box = outbox.Outbox(truck, self._where, keys[truck.carrier.ref], witness, wait_s)
                    group.create_task(box.run(self._complain))
                    group.create_task(self._live(truck, box, witness, staff))

    async def _live(self, truck: world.Truck, box: outbox.Outbox, witness: truth.Witness, staff: people.People) -> None:
        """Live one truck's day as the clock goes; what was before now happens at once."""
        seed, epoch = self._told["seed"], self._told["epoch"]
        for time_s, act in lives.acts(truck, seed, trips.starts_s(truck, seed, epoch)):
            await asyncio.sleep(max(0.0, time_s - time.time()))
            if isinstance(act, lives.Fixes):
                box.add(act)
            elif isinstance(act, lives.Signature):
                await box.spoken.wait()  # nobody signs before the service can know of the arrival
                await staff.do(truck, act, time_s)
            elif not isinstance(act, lives.Order):
                witness.saw(act)
            elif act.shipments[0].load.ref not in self._told["ordered"]:
                await staff.do(truck, act, time_s)

    def _first_call_s(self, truck: world.Truck) -> float:
        if truck.number % trips.INSIDE_EACH == 0:
            return 0.0
        return random.Random(f"call/{self._told['seed']}/{truck.number}").uniform(0.0, FIRST_CALL_S)

    def _complain(self, why: str) -> None:
        self._complaints += 1
        if self._complaints <= COMPLAINTS:
            print(why, file=sys.stderr, flush=True)


async def main(line: str | None) -> None:
    """Run the fleet as that line of JSON, or else the first of standard input, says; until told to stop."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    parent = None
    if line is None:
        line, parent = await _from_parent(ended)
    await _until(ended, Fleet(json.loads(line)).run())
    if parent is not None:
        parent.cancel()


async def _from_parent(ended: asyncio.Event) -> tuple[str, asyncio.Task[None]]:
    """Return the first line of standard input, and a task that notes when the input ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    line = (await reader.readline()).decode()

    async def watch() -> None:
        await reader.read()
        ended.set()

    return line, asyncio.create_task(watch())


async def _until(ended: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Run something until the event, or until it fails."""
    task = asyncio.create_task(work)
    waiting = asyncio.create_task(ended.wait())
    await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
    task.cancel()
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]).read_text(encoding="utf-8") if len(sys.argv) > 1 else None))
