from __future__ import annotations

import pytest

from fleettrack.domain import errors
from fleettrack.services import checksums
from fleettrack.storage import database, locks


@pytest.fixture
async def db(database_url):
    one = database.Database(database_url)
    await one.open()
    yield one
    await one.close()


async def edit(db, statement):
    async with db.transaction() as connection:
        await locks.edit_configuration(connection)
        await connection.execute(statement)


async def test_an_edited_policy_is_known_after_the_next_look(db):
    policies = checksums.Checksums(db)
    await policies.renew()
    assert policies("strict") == "if-present"
    await edit(db, "INSERT INTO tracker (identity, checksum) VALUES ('strict', 'require'), ('plain', 'if-present')")
    await policies.renew()
    assert [policies(who) for who in ("strict", "strict~secret", "plain", "unknown", None)] == [
        "require", "require", "if-present", "if-present", "if-present",
    ]  # fmt: skip
    await edit(db, "UPDATE tracker SET checksum = 'if-present'")
    await policies.renew()
    assert policies("strict") == "if-present"


async def test_without_a_database_what_was_known_stays_known(db):
    policies = checksums.Checksums(db)
    await edit(db, "INSERT INTO tracker (identity, checksum) VALUES ('strict', 'require')")
    await policies.renew()
    await db.close()
    with pytest.raises(errors.DatabaseAway):
        await policies.renew()
    assert policies("strict") == "require"
