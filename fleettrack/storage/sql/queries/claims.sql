-- :name create
INSERT INTO tracker (identity, name, carrier_id, checksum, minimum_trust, secret_sha256)
VALUES (%(identity)s::text, %(name)s::text, %(carrier_id)s::bigint, %(checksum)s::text, %(minimum_trust)s::smallint,
    %(secret_sha256)s::bytea)

-- :name ids
SELECT identity, id FROM tracker WHERE identity = ANY(%(refs)s::text[])

-- :name page
-- Trackers in order; of one carrier, or one of them, where asked for.
SELECT t.identity, t.name, p.ref AS carrier, t.checksum, t.minimum_trust,
    t.secret_sha256 IS NOT NULL AS has_secret, t.created_at
FROM tracker t LEFT JOIN party p ON p.id = t.carrier_id
WHERE t.identity > %(after)s::text
    AND (%(carrier)s::text IS NULL OR p.ref = %(carrier)s::text)
    AND (%(identity)s::text IS NULL OR t.identity = %(identity)s::text)
ORDER BY t.identity LIMIT %(limit)s::int

-- :name key_carriers
-- The carriers for which API keys may post.
SELECT id, party_id FROM api_key WHERE id = ANY(%(ids)s::bigint[]) AND role = 'carrier'
