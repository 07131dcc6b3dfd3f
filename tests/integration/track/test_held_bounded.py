"""Pings of unknown trackers are held within a bound of all that came without a key, and for a time (law L8)."""

from __future__ import annotations

import ground
import psycopg
import pytest

from fleettrack import metrics
from fleettrack.domain import fix, units
from fleettrack.services import aging, claims, planning
from fleettrack.services.forms import actors as forms
from fleettrack.services.track import delivery, identify

UDP = {"trust": fix.Trust.NONE}
HELD, REJECTED = delivery.Outcome.HELD, delivery.Outcome.REJECTED


def by_key(url: str) -> dict[str, object]:
    """Return what a sender with a key has."""
    with psycopg.connect(url, autocommit=True) as c:
        c.execute("INSERT INTO api_key (name, role, prefix, sha256) VALUES ('k', 'dispatcher', 'k', '\\x01')")
    return {"trust": fix.Trust.API_KEY, "api_key_id": 1}


async def test_what_came_without_a_key_has_room_together_and_leaves_it(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identify, "HELD_WITHOUT_KEY", 3)
    ground.set_up(database_url, [])
    key = by_key(database_url)

    def pings(*names: str, at_ms: int = ground.T0) -> list[fix.Fix]:
        return [ground.at(name, at_ms, 47.0, 8.0, 0.0) for name in names]

    async with ground.running(database_url) as world:

        async def outcomes(said: list[fix.Fix], received_ms: int, **sender: object) -> list[int]:
            return (await world.feed(said, received_ms, **sender)).outcomes

        assert await outcomes(pings("a", "b"), ground.T0, **UDP) == [HELD, HELD]
        assert await outcomes(pings("a", "b"), ground.T0, **UDP) == [HELD, REJECTED]  # a copy may yet be a ping
        assert await outcomes(pings("c", "d"), ground.T0, **UDP) == [HELD, REJECTED]
        assert await outcomes(pings("d", "e"), ground.T0, **key) == [HELD, HELD]
        assert world.rows("SELECT reason, count(*) FROM reject GROUP BY 1") == [("held_full", 2)]

        await claims.register(planning.Planner(world.db, world.line), forms.NewTracker(identity="a"))
        later = ground.T0 + units.DAY_MS
        assert await outcomes(pings("f", "g", at_ms=later), later, **UDP) == [HELD, REJECTED]

        counters = metrics.Metrics()
        month_later = ground.T0 + 30 * units.DAY_MS
        for now_ms, left in ((month_later, "bcdef"), (month_later + 1, "f"), (month_later + 2 * units.DAY_MS, "")):
            await aging.Aging(world.db, counters, lambda now_ms=now_ms: now_ms, reject_days=30, held_days=30).age_out()
            assert "".join(row[0] for row in world.rows("SELECT identity FROM held_ping ORDER BY 1")) == left
        assert counters.registry.get_sample_value("fleettrack_unclaimed_pings_total") == 5
        assert await outcomes(pings("h", "i", "j", "k", at_ms=later), later, **UDP) == [HELD] * 3 + [REJECTED]
