-- :name create
-- Where item lines wait until all are known to be well; emptied by each commit, kept by the connection.
CREATE TEMPORARY TABLE IF NOT EXISTS item_stage (
    line integer NOT NULL,
    plan integer NOT NULL,  -- which consignment, counted in the order they came
    kind text NOT NULL,
    ref text NOT NULL,
    code text NOT NULL,
    gtin text,
    issuer text,
    product text,
    lot text,
    expiry date,
    parent text,  -- the SSCC it lies in
    from_seq integer,
    to_seq integer,
    mixed boolean NOT NULL  -- a unit whose contents go apart: they are the items, not the unit
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS goods_stage (LIKE item_stage, object_id bigint NOT NULL, known boolean NOT NULL)
ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS plan_stage (
    plan integer PRIMARY KEY,
    consignment_id bigint,
    consignor text NOT NULL,
    consignor_id bigint NOT NULL,
    since timestamptz NOT NULL,
    first_seq integer NOT NULL,
    last_seq integer NOT NULL
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS batch_stage (
    plan integer NOT NULL,
    from_seq integer NOT NULL,
    batch_id bigint NOT NULL,
    PRIMARY KEY (plan, from_seq)
) ON COMMIT DELETE ROWS

-- :name copy
COPY item_stage FROM STDIN

-- :name settle
-- Give each staged object its id: the one it has, or a new one.
INSERT INTO goods_stage
SELECT s.*, coalesce(o.id, nextval(pg_get_serial_sequence('object', 'id'))), o.id IS NOT NULL
FROM item_stage s LEFT JOIN object o ON o.ref = s.ref

-- :name repeated
-- Lines whose serial an earlier line has.
SELECT s.line, s.code, first.line, count(*) OVER ()
FROM item_stage s
JOIN (SELECT ref, min(line) AS line FROM item_stage GROUP BY ref HAVING count(*) > 1) first USING (ref)
WHERE s.line > first.line ORDER BY s.line LIMIT %(limit)s::int

-- :name differing
-- Known objects that the lines describe otherwise than they are.
SELECT g.line, o.lot, g.lot, o.expiry, g.expiry, count(*) OVER ()
FROM goods_stage g JOIN object o ON o.id = g.object_id
WHERE g.known AND (g.lot <> coalesce(o.lot, '') OR g.expiry IS DISTINCT FROM coalesce(o.expiry, g.expiry))
ORDER BY g.line LIMIT %(limit)s::int

-- :name foreign
-- New serials of somebody else's own numbering, which only that issuer can make.
SELECT g.line, g.code, g.issuer, count(*) OVER ()
FROM goods_stage g JOIN plan_stage p USING (plan)
WHERE NOT g.known AND g.issuer <> p.consignor ORDER BY g.line LIMIT %(limit)s::int

-- :name younger
-- Known objects that were commissioned after the consignment's beginning.
SELECT g.line, g.kind, g.code, b.commissioned_at, count(*) OVER ()
FROM goods_stage g JOIN plan_stage p USING (plan) JOIN object o ON o.id = g.object_id JOIN batch b ON b.id = o.batch_id
WHERE g.known AND b.commissioned_at > p.since ORDER BY g.line LIMIT %(limit)s::int

-- :name misplaced
-- Objects said to lie in a unit that is known and does not contain them, or that lie in another one by then.
SELECT g.line, g.kind, g.parent, u.known, o.code, count(*) OVER ()
FROM goods_stage g JOIN plan_stage p USING (plan)
JOIN goods_stage u ON u.kind = 'unit' AND u.code = g.parent
LEFT JOIN containment c ON g.known AND c.child = g.object_id AND c.valid @> p.since AND upper_inf(c.recorded)
LEFT JOIN object o ON o.id = c.parent
WHERE (u.known OR c.id IS NOT NULL) AND c.parent IS DISTINCT FROM u.object_id
ORDER BY g.line LIMIT %(limit)s::int

-- :name listed
-- Known objects that are items of the same consignment already.
SELECT g.line, g.kind, g.code, count(*) OVER ()
FROM goods_stage g JOIN plan_stage p USING (plan)
WHERE g.known AND EXISTS (
    SELECT FROM item i JOIN item_set s ON s.id = i.item_set_id
    WHERE i.object_id = g.object_id AND upper_inf(i.recorded) AND s.consignment_id = p.consignment_id)
ORDER BY g.line LIMIT %(limit)s::int

-- :name astray
-- Lines that go from or to where their consignment has no stops, or backwards.
SELECT g.line, g.plan, g.from_seq, g.to_seq, count(*) OVER ()
FROM item_stage g
JOIN unnest(%(plans)s::int[], %(from_seqs)s::int[], %(to_seqs)s::int[]) AS wrong (plan, from_seq, to_seq)
    ON wrong.plan = g.plan AND wrong.from_seq IS NOT DISTINCT FROM g.from_seq
        AND wrong.to_seq IS NOT DISTINCT FROM g.to_seq
ORDER BY g.line LIMIT %(limit)s::int

-- :name plans
INSERT INTO plan_stage (plan, consignor, consignor_id, since, first_seq, last_seq)
SELECT * FROM unnest(%(plans)s::int[], %(consignors)s::text[], %(consignor_ids)s::bigint[], %(since)s::timestamptz[],
    %(firsts)s::int[], %(lasts)s::int[])

-- :name consignments
UPDATE plan_stage p SET consignment_id = c.consignment_id
FROM unnest(%(plans)s::int[], %(consignments)s::bigint[]) AS c (plan, consignment_id) WHERE c.plan = p.plan

-- :name new_from
SELECT DISTINCT plan, coalesce(g.from_seq, p.first_seq)
FROM goods_stage g JOIN plan_stage p USING (plan) WHERE NOT g.known ORDER BY 1, 2

-- :name batches
INSERT INTO batch_stage SELECT * FROM unnest(%(plans)s::int[], %(from_seqs)s::int[], %(batches)s::bigint[])

-- :name make_objects
INSERT INTO object (id, kind, ref, code, gtin, issuer_id, product, lot, expiry, batch_id)
OVERRIDING SYSTEM VALUE
SELECT g.object_id, g.kind, g.ref, g.code, g.gtin, p.consignor_id, g.product, g.lot, g.expiry, b.batch_id
FROM goods_stage g JOIN plan_stage p USING (plan)
JOIN batch_stage b ON b.plan = g.plan AND b.from_seq = coalesce(g.from_seq, p.first_seq)
WHERE NOT g.known ORDER BY g.object_id

-- :name fill_units
-- Put new objects into their units.
INSERT INTO containment (child, parent, valid, recorded)
SELECT g.object_id, u.object_id, tstzrange(greatest(p.since, q.since), NULL), tstzrange(%(known)s::timestamptz, NULL)
FROM goods_stage g JOIN plan_stage p USING (plan)
JOIN goods_stage u ON u.kind = 'unit' AND u.code = g.parent JOIN plan_stage q ON q.plan = u.plan
WHERE NOT g.known ORDER BY g.object_id

-- :name refill_units
-- Put known objects into new units, until they are known to lie in something again.
INSERT INTO containment (child, parent, valid, recorded)
SELECT g.object_id, u.object_id, tstzrange(greatest(p.since, q.since), (
        SELECT min(lower(later.valid)) FROM containment later
        WHERE later.child = g.object_id AND lower(later.valid) > p.since AND upper_inf(later.recorded))),
    tstzrange(%(known)s::timestamptz, NULL)
FROM goods_stage g JOIN plan_stage p USING (plan)
JOIN goods_stage u ON u.kind = 'unit' AND u.code = g.parent JOIN plan_stage q ON q.plan = u.plan
WHERE g.known AND NOT u.known ORDER BY g.object_id

-- :name make_sets
INSERT INTO item_set (consignment_id, from_seq, to_seq)
SELECT DISTINCT p.consignment_id, coalesce(g.from_seq, p.first_seq), coalesce(g.to_seq, p.last_seq)
FROM goods_stage g JOIN plan_stage p USING (plan) WHERE NOT g.mixed
ON CONFLICT DO NOTHING

-- :name make_items
-- What lies directly in a consignment is an item: loose serials, and units that go as a whole.
INSERT INTO item (object_id, item_set_id, recorded)
SELECT g.object_id, s.id, tstzrange(%(known)s::timestamptz, NULL)
FROM goods_stage g JOIN plan_stage p USING (plan)
LEFT JOIN goods_stage u ON u.kind = 'unit' AND u.code = g.parent
JOIN item_set s ON s.consignment_id = p.consignment_id AND s.from_seq = coalesce(g.from_seq, p.first_seq)
    AND s.to_seq = coalesce(g.to_seq, p.last_seq)
WHERE NOT g.mixed AND (u.code IS NULL OR u.mixed)

-- :name known
SELECT object_id FROM goods_stage WHERE known

-- :name count
SELECT count(*) FILTER (WHERE kind = 'serial' AND NOT known), count(*) FILTER (WHERE kind = 'unit' AND NOT known),
    count(*) FILTER (WHERE known)
FROM goods_stage

-- :name analyze
ANALYZE object, containment, item
