"""Whoever uses the database can be cancelled at any moment, and then ends."""

from __future__ import annotations

import asyncio
import random

from fleettrack.storage import database

TASKS = 100
LIMIT_S = 30


async def test_a_cancelled_loop_ends(database_url: str) -> None:
    """asyncio.wait_for of Python 3.11, with which psycopg waits, may swallow a cancellation."""
    rng = random.Random(7)
    db = database.Database(database_url)
    await db.open()

    async def ask_again_and_again() -> None:
        while True:
            async with db.transaction() as connection:
                await connection.execute("SELECT 1")

    async def once_cancelled() -> None:
        task = asyncio.create_task(ask_again_and_again())
        await asyncio.sleep(rng.uniform(0, 0.05))
        task.cancel()
        _, alive = await asyncio.wait([task], timeout=LIMIT_S)
        if alive:
            task.cancel()
        assert not alive

    await asyncio.gather(*(once_cancelled() for _ in range(TASKS)))
    await db.close()
