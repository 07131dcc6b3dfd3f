"""Fills a database with what a fleet needs: places, trackers on vehicles, consignments that these carry.

Set-based, because thousands of requests one by one would only make the benchmarks wait.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence

import msgspec
import psycopg

from benchmarks import fleet

SERIALS = 10  # of a consignment, on one pallet

_PLACES = """
WITH owner AS (
    INSERT INTO party (ref, name) VALUES ('SHIPPER', 'Shipper'), ('CARRIER', 'Carrier'), ('RECEIVER', 'Receiver')
    RETURNING id, ref
), made AS (
    INSERT INTO place (ref, name, party_id)
    SELECT 'P' || n, 'Place ' || n, (SELECT id FROM owner WHERE ref = 'RECEIVER')
    FROM generate_series(0, %(count)s - 1) AS n RETURNING id, ref
), fence AS (
    INSERT INTO geofence (place_id) SELECT id FROM made RETURNING id, place_id
)
INSERT INTO geofence_version (geofence_id, place_id, shape, rules, valid)
SELECT fence.id, made.id, s.shape, %(rules)s::jsonb, tstzrange('2020-01-01Z', NULL)
FROM made JOIN fence ON fence.place_id = made.id
JOIN unnest(%(shapes)s::jsonb[]) WITH ORDINALITY AS s (shape, n) ON made.ref = 'P' || (s.n - 1)
"""

_TRUCKS = """
WITH carrier AS (SELECT id FROM party WHERE ref = 'CARRIER'), vehicles AS (
    INSERT INTO vehicle (ref, carrier_id)
    SELECT i, carrier.id FROM carrier, unnest(%(identities)s::text[]) AS i RETURNING id, ref
), trackers AS (
    INSERT INTO tracker (identity, carrier_id)
    SELECT i, carrier.id FROM carrier, unnest(%(identities)s::text[]) AS i RETURNING id, identity
), assigned AS (
    INSERT INTO assignment (tracker_id, vehicle_id, valid)
    SELECT t.id, v.id, tstzrange(%(since)s, NULL) FROM trackers t JOIN vehicles v ON v.ref = t.identity
)
SELECT identity, id FROM trackers
"""

_CONSIGNMENTS = """
WITH said AS (
    SELECT * FROM unnest(%(vehicles)s::text[], %(starts)s::text[], %(ends)s::text[]) AS s (vehicle, pickup, drop)
), party AS (
    SELECT s.id AS shipper, c.id AS carrier, r.id AS receiver FROM party s, party c, party r
    WHERE (s.ref, c.ref, r.ref) = ('SHIPPER', 'CARRIER', 'RECEIVER')
), made AS (
    INSERT INTO consignment (ref, consignor_id, consignee_id, effective_from)
    SELECT 'C' || vehicle, shipper, receiver, %(since)s FROM said, party RETURNING id, ref
), plan AS (
    SELECT made.id, p.id AS pickup, d.id AS drop, v.id AS vehicle
    FROM made JOIN said ON made.ref = 'C' || said.vehicle
    JOIN place p ON p.ref = said.pickup JOIN place d ON d.ref = said.drop JOIN vehicle v ON v.ref = said.vehicle
), stops AS (
    INSERT INTO stop (consignment_id, seq, place_id, role, party_id, on_arrival)
    SELECT id, 1, pickup, 'pickup', shipper, 'record' FROM plan, party UNION ALL
    SELECT id, 2, drop, 'drop', receiver, 'transfer' FROM plan, party
), legs AS (
    INSERT INTO leg (consignment_id, from_seq, to_seq, carrier_id, vehicle_id)
    SELECT id, 1, 2, carrier, vehicle FROM plan, party
), sets AS (
    INSERT INTO item_set (consignment_id, from_seq, to_seq) SELECT id, 1, 2 FROM made RETURNING id, consignment_id
), batch AS (
    INSERT INTO batch (issuer_id, commissioned_at, source) SELECT shipper, %(since)s, 'bench' FROM party RETURNING id
), objects AS (
    INSERT INTO object (kind, ref, code, batch_id)
    SELECT CASE n WHEN 0 THEN 'unit' ELSE 'serial' END, made.ref || '.' || n, made.ref || '.' || n, batch.id
    FROM made, batch, generate_series(0, %(serials)s) AS n RETURNING id, kind, split_part(ref, '.', 1) AS consignment
), items AS (
    INSERT INTO item (object_id, item_set_id)
    SELECT o.id, sets.id FROM objects o JOIN made ON made.ref = o.consignment
    JOIN sets ON sets.consignment_id = made.id WHERE o.kind = 'unit'
)
INSERT INTO containment (child, parent, valid)
SELECT o.id, u.id, tstzrange(%(since)s, NULL) FROM objects o JOIN objects u USING (consignment)
WHERE o.kind = 'serial' AND u.kind = 'unit'
"""


class Enlisted(msgspec.Struct, frozen=True, kw_only=True):
    """Trackers by truck number: what they call themselves, and their ids."""

    identities: list[str]
    ids: list[int]


def fill(dsn: str, ground: fleet.Ground, rules: Mapping[str, float] = {}) -> None:
    """Register every place with its fence, all with the same rules."""
    shapes = [json.dumps(ground.shape(i)) for i in range(len(ground))]
    with psycopg.connect(dsn) as connection:
        connection.execute(_PLACES, {"count": len(ground), "shapes": shapes, "rules": json.dumps(rules)})


def enlist(dsn: str, trucks: fleet.Fleet, group: int, laden: Sequence[int], since: dt.datetime) -> Enlisted:
    """Register a tracker and a vehicle for each truck, and a consignment, from start to end, for the laden ones."""
    identities = [f"86{group:02d}{i:011d}" for i in range(len(trucks))]
    with psycopg.connect(dsn) as connection:
        ids: dict[str, int] = dict(connection.execute(_TRUCKS, {"identities": identities, "since": since}).fetchall())
        connection.execute(
            _CONSIGNMENTS,
            {
                "vehicles": [identities[i] for i in laden],
                "starts": [f"P{trucks.start[i]}" for i in laden],
                "ends": [f"P{trucks.end[i]}" for i in laden],
                "since": since,
                "serials": SERIALS,
            },
        )
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("ANALYZE")
    return Enlisted(identities=identities, ids=[ids[i] for i in identities])
