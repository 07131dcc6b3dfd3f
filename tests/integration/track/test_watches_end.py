"""What a consignment waits for ends with it: later pings of its trackers are no longer its concern (law L2 holds)."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import Any

import databases
import fact_stories as stories
import ground
import outcomes
import psycopg
import pytest
import test_facts_order as law

from fleettrack.domain import fix

STORY: stories.Story = {
    "ways": ("AB", "AB"),
    "planned": ("V1", None),
    "on": ("V1", "C1"),
    "trusts": (fix.Trust.API_KEY, fix.Trust.API_KEY),
    "on_arrival": "transfer",
    "statements": [],
}


def way() -> list[fix.Fix]:
    """The vehicle stands at A for 80 minutes and then drives to B; the goods' own tracker is last heard at A."""
    return [*ground.drive("T2", [("A", 300)])[:-5], *ground.drive("T1", [("A", 4_800), ("B", 600)])]


def aboard(minute: int) -> list[fix.Fix]:
    """A fix of the goods' own tracker, still at A."""
    return [ground.at("T2", ground.T0 + minute * stories.MINUTE_MS, *ground.PLACES["A"], 0.0)]


def tell(url: str, statements: list[Any], *steps: list[fix.Fix]) -> Any:
    story = STORY | {"statements": statements}
    told = [*stories.deeds(story), *steps]
    return asyncio.run(law.tell(url, story, told, random.Random(0), asking=False))


def open_watches(url: str, minute: int) -> int:
    """How many watches of C1 a fix so late would set off, wherever it is."""
    with psycopg.connect(url) as connection:
        found = connection.execute(
            """SELECT count(*) FROM watch w JOIN consignment c ON c.id = w.consignment_id
            WHERE c.ref = 'C1' AND w.place_id = 0 AND (until IS NULL OR until >= %s)""",
            [stories.at(minute)],
        ).fetchone()
    assert found is not None
    return int(found[0])


@pytest.mark.parametrize(
    ("statement", "ends"),
    [
        (("close", "C1", 120), 120),
        (("end", "T2", 110), 110),
        (("receive", "C1", 115, None, True, None), 115),
    ],
    ids=["closed", "taken off", "received"],
)
def test_a_watch_ends_where_the_journey_does(template: dict[str, str], statement: Any, ends: int) -> None:
    with databases.fresh(template) as url:
        tell(url, [statement], way())
        assert open_watches(url, ends) == 1
        assert open_watches(url, ends + 1) == 0


def test_a_watch_goes_on_where_nothing_ends_it(template: dict[str, str]) -> None:
    with databases.fresh(template) as url:
        tell(url, [], way())
        assert open_watches(url, 1_000) == 1


@pytest.mark.parametrize("statement", [("close", "C1", 120), ("end", "T2", 120), ("receive", "C1", 119, 2, True, None)])
def test_a_late_ping_before_the_end_still_counts(template: dict[str, str], statement: Any) -> None:
    """The vehicle spoke for the goods while their own tracker was silent; it was not, as is known only later."""
    with databases.fresh(template) as a, databases.fresh(template) as b, databases.fresh(template) as c:
        silent = tell(a, [statement], way(), aboard(200)).outcome
        in_order = tell(b, [statement], [*way(), *aboard(90)], aboard(200)).outcome
        late = tell(c, [statement], way(), aboard(200), aboard(90)).outcome
    outcomes.assert_same(in_order, late)
    assert silent.custody != late.custody


def test_a_receipt_is_voided_while_a_batch_with_fixes_from_after_it_is_under_way(template: dict[str, str]) -> None:
    """What ended with the receipt goes on without it: the batch knows the one, the void must know the batch."""
    statements = [("receive", "C1", 60, None, True, None), ("void", "C1")]
    with databases.fresh(template) as a, databases.fresh(template) as b:
        after = tell(a, statements, way(), aboard(200), aboard(70)).outcome
        asyncio.run(void_meanwhile(b, statements, [*way(), *aboard(200)], aboard(70)))
        meanwhile = asyncio.run(outcomes.read(b))
    outcomes.assert_same(after, meanwhile)


async def void_meanwhile(url: str, statements: list[Any], before: list[fix.Fix], during: list[fix.Fix]) -> None:
    """Void while a batch has asked what waits for its fixes and has not committed them."""
    story = STORY | {"statements": statements}
    *deeds, void = stories.deeds(story)
    async with stories.world(url) as world:
        for deed in deeds:
            await deed.tell(world)
        await law._send(world, story, before)
        asked, voided = asyncio.Event(), asyncio.Event()
        custody = world.line._custody
        watched = custody.watched

        async def slowly(*given: Any) -> set[int]:
            found = await watched(*given)
            asked.set()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(voided.wait(), 0.5)
            return found

        custody.watched = slowly  # type: ignore[method-assign]
        batch = asyncio.create_task(law._send(world, story, during))
        await asked.wait()
        await void.tell(world)
        voided.set()
        await batch
        while await world.line.tick(stories.END_MS):
            pass
