from __future__ import annotations

import msgspec
import worlds_of_goods as w

from fleettrack.services import tracing
from fleettrack.services.forms import goods


async def test_a_trip_is_told_at_every_time(database_url: str) -> None:
    async with w.world(database_url) as world:
        await world.track()
        item = goods.NewItem(serial="0012", gtin=w.GTIN, unit=w.sscc(1), parent_unit=w.sscc(2))
        await world.consignment(items=[item])
        await world.send(w.drive([("plant", 7, 8), ("store", 9, 10)]))

        async def holder(h: float) -> tuple[str, str] | None:
            found = (await tracing.trace(world.db, "0012", at=w.hour(h), now=w.NOW)).holder
            return found and (found.party, found.status)

        assert await holder(5.9) is None
        assert await holder(6) == ("acme", "confirmed")
        assert await holder(7.9) == ("acme", "confirmed")
        assert await holder(8.5) == ("fast", "provisional")
        assert await holder(9.5) == ("shop", "provisional")

        found = await tracing.trace(world.db, w.link("0012"), now=w.NOW)
        assert list(msgspec.to_builtins(found)) == [
            "serial", "at", "known_at", "holder", "place", "position", "parents", "consignment", "evidence", "history",
        ]  # fmt: skip
        kinds = ["commissioned", "arrived", "departed", "picked_up", "arrived", "transferred"]
        assert [e.kind for e in found.history] == kinds
        assert found.serial == w.link("0012")
        assert found.place == "store"
        assert found.parents == [w.unit(1), w.unit(2)]
        assert found.consignment == "C1"
        first = found.evidence[0]
        assert (first.level, first.kind, first.id.partition(":")[0]) == ("E0", "geofence", "visit")
        assert {e.kind for e in found.evidence[1:]} == {"fix"}
        on_the_way = await tracing.trace(world.db, w.link("0012"), at=w.hour(8.5), now=w.NOW)
        assert on_the_way.place is None
        assert on_the_way.position is not None
        assert 0 <= on_the_way.position.age_s <= 60
