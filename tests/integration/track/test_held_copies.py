"""Laws L2 and L5 for pings of unknown trackers: what came before the claim ends like what comes after it."""

from __future__ import annotations

import itertools

import ground
import psycopg

from fleettrack.domain import fix, units
from fleettrack.services import claims, planning
from fleettrack.services.forms import actors as forms
from fleettrack.services.track import delivery

JSON, NMEA = delivery.Protocol.JSON, delivery.Protocol.NMEA
UNPROVEN = delivery.Sender(protocol=NMEA, source="a")
OURS, THEIRS = (
    delivery.Sender(protocol=JSON, source="b", trust=fix.Trust.API_KEY, api_key_id=key, carrier_id=carrier)
    for key, carrier in ((1, 2), (2, 1))
)
COPIES = [
    (UNPROVEN, ground.T0 + 4),
    (THEIRS, ground.T0 + 5),
    (OURS, ground.T0 + 7),
    (OURS, ground.T0 + 6),
    (OURS, ground.T0 - units.DAY_MS - 1),  # more than a day ahead of its receiver: no fix
]


def make_keys(url: str) -> None:
    """Give each of two carriers a key."""
    with psycopg.connect(url, autocommit=True) as c:
        c.execute(
            "INSERT INTO api_key (name, role, party_id, prefix, sha256) "
            "VALUES ('ours', 'carrier', 2, 'a', '\\x01'), ('theirs', 'carrier', 1, 'b', '\\x02')"
        )


async def test_copies_end_the_same_in_any_order_wherever_among_them_the_claim_is(database_url: str) -> None:
    ground.set_up(database_url, [])
    make_keys(database_url)
    async with ground.running(database_url) as world:
        planner = planning.Planner(world.db, world.line)
        orders = list(itertools.permutations(COPIES))[::5]
        for n, order in enumerate(orders):
            spot = ground.at(f"n{n}", ground.T0, 47.0, 8.0, 0.0)
            parcels = [delivery.Delivery(sender=who, messages=[spot], received_ms=ms) for who, ms in order]
            claim = n % (len(parcels) + 1)
            together = n % 2 == 0
            before = parcels[:claim]
            for batch in [before] if before and together else [[parcel] for parcel in before]:
                await world.line.process(batch)
            await claims.register(planner, forms.NewTracker(identity=f"n{n}", carrier="CARR"))
            for parcel in parcels[claim:]:
                await world.line.process([parcel])
        ends = world.rows("SELECT DISTINCT trust, protocol, received_at, flags FROM position")
        first_ms = ground.T0 + 4
        assert ends == [(fix.Trust.API_KEY, JSON, units.utc(first_ms), 0)]
        assert world.rows("SELECT count(*) FROM position") == [(len(orders),)]
        assert world.rows("SELECT count(*) FROM held_ping") == [(0,)]
