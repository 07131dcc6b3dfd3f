"""One running service for all scenarios; each tells its story in a corner of its own."""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import databases
import pytest
import scenes
import service as real

NUMBERS = itertools.count(1)


@pytest.fixture(scope="package")
async def town(template: dict[str, str]) -> AsyncIterator[real.Service]:
    """The service of all scenarios; when they are done its ledger has to be whole, and sealed to the last entry."""
    with (
        databases.fresh(template) as url,
        tempfile.TemporaryDirectory(prefix="fleettrack-test-", dir=databases.folder()) as folder,
    ):
        async with real.Service(Path(folder), database_url=url) as service:
            yield service
            await real.until(lambda: verified(service), "every ledger entry is sealed")


async def verified(service: real.Service) -> bool:
    code, said = await service.command("ledger", "verify", "--json")
    assert code == 0, said
    told = json.loads(said)
    assert told["broken"] is None
    return bool(told["sealed"]) and not told["unsealed"]


@pytest.fixture
async def scene(town: real.Service) -> AsyncIterator[scenes.Scene]:
    """A corner with a shipper's place A, places B, C and D of three receivers, and truck V of carrier CARR."""
    made = scenes.Scene(town, next(NUMBERS))
    await made.build()
    yield made
    await made.check_remembered()
