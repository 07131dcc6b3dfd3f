-- :name batch
INSERT INTO batch (issuer_id, place_id, commissioned_at, source)
VALUES (%(issuer_id)s::bigint, %(place_id)s::bigint, %(commissioned_at)s::timestamptz, %(source)s::text)
RETURNING id

-- :name create
-- Make the objects of a batch; those that exist already are left out, so the count tells.
WITH made AS (
    INSERT INTO object (kind, ref, code, gtin, issuer_id, product, lot, expiry, batch_id)
    SELECT %(kind)s::text, n.ref, n.code, %(gtin)s::text, %(issuer_id)s::bigint, %(product)s::text, %(lot)s::text,
        %(expiry)s::date, %(batch_id)s::bigint
    FROM unnest(%(refs)s::text[], %(codes)s::text[]) AS n (ref, code)
    ON CONFLICT ON CONSTRAINT object_ref_unique DO NOTHING
    RETURNING 1
)
SELECT count(*) FROM made

-- :name existing
-- Which of these were there before, at most some.
SELECT ref FROM object WHERE ref = ANY(%(refs)s::text[]) AND batch_id <> %(batch_id)s::bigint ORDER BY ref LIMIT 100

-- :name by_ref
SELECT o.ref, o.id FROM unnest(%(names)s::text[]) AS n (name) JOIN object o ON o.ref = n.name

-- :name by_code
SELECT o.code, o.id, o.ref FROM object o WHERE o.code = ANY(%(codes)s::text[]) ORDER BY o.code, o.ref

-- :name refs
SELECT id, ref FROM object WHERE id = ANY(%(ids)s::bigint[])

-- :name get
SELECT o.ref, o.kind, o.code, o.gtin, p.ref AS issuer, o.product, o.lot, o.expiry, o.batch_id AS batch
FROM object o LEFT JOIN party p ON p.id = o.issuer_id
WHERE o.id = %(id)s::bigint

-- :name younger
-- Which of these objects were commissioned after a time.
SELECT o.ref FROM object o JOIN batch b ON b.id = o.batch_id
WHERE o.id = ANY(%(ids)s::bigint[]) AND b.commissioned_at > %(at)s::timestamptz ORDER BY o.ref LIMIT 100

-- :name units
-- Which of these objects are units.
SELECT id FROM object WHERE id = ANY(%(ids)s::bigint[]) AND kind = 'unit'
