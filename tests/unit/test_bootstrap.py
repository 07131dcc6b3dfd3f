"""What runs beside the service lives as long as it, and the service no longer than that."""

from __future__ import annotations

import asyncio

import pytest

from fleettrack import bootstrap


async def for_ever(log: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        log.append("ended")


async def fails() -> None:
    raise OSError("no space left on device")


async def test_it_ends_with_the_block() -> None:
    log: list[str] = []
    async with bootstrap._running(for_ever(log)):
        await asyncio.sleep(0)
    assert log == ["ended"]


async def test_the_block_ends_with_it_when_it_fails() -> None:
    log: list[str] = []
    with pytest.raises(OSError, match="no space"):
        async with bootstrap._running(for_ever(log)), bootstrap._running(fails()):
            await asyncio.Event().wait()
    assert log == ["ended"]


async def test_what_the_block_raises_comes_through() -> None:
    log: list[str] = []

    async def block() -> None:
        async with bootstrap._running(for_ever(log)):
            await asyncio.sleep(0)
            raise ValueError("of the block")

    with pytest.raises(ValueError, match="of the block"):
        await block()
    assert log == ["ended"]
