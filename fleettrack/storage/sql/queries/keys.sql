-- :name create
-- Keep a new key: its digest, and the prefix it is recognised by.
INSERT INTO api_key (prefix, sha256, name, role, party_id, expires_at)
VALUES (%(prefix)s::text, %(sha256)s::bytea, %(name)s::text, %(role)s::text, %(party_id)s::bigint,
    %(expires_at)s::timestamptz)
RETURNING id, created_at

-- :name by_digest
-- The key that a token belongs to, if it opens anything now.
SELECT k.id, k.name, k.role, k.party_id, k.last_used_at < now() - %(fresh)s::interval IS NOT FALSE, p.ref
FROM api_key k LEFT JOIN party p ON p.id = k.party_id
WHERE sha256 = %(sha256)s::bytea AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())

-- :name used
-- Note that a key was used just now.
UPDATE api_key SET last_used_at = now() WHERE id = %(id)s::bigint

-- :name revoke
-- End a key for good; a second time changes nothing. Named by its number or its prefix.
UPDATE api_key SET revoked_at = coalesce(revoked_at, now())
WHERE prefix = %(name)s::text OR id::text = %(name)s::text
RETURNING id

-- :name page
-- Keys in the order they were made, without anything that opens doors.
SELECT k.id, k.prefix, k.name, k.role, p.ref, k.created_at, k.expires_at, k.revoked_at, k.last_used_at
FROM api_key k LEFT JOIN party p ON p.id = k.party_id
WHERE k.id > %(after)s::bigint ORDER BY k.id LIMIT %(limit)s::int

-- :name party
-- The id of a party by its reference.
SELECT id FROM party WHERE ref = %(ref)s::text

-- :name alone
-- Be the only one to handle a request under this Idempotency-Key until the transaction ends; false: another does.
SELECT pg_try_advisory_xact_lock(%(lock)s::int, hashtext(%(api_key_id)s::text || ':' || %(key)s::text))

-- :name answered
-- What was asked under an Idempotency-Key, and the answer, unless that is too long ago.
SELECT request_sha256, status, body FROM idempotency
WHERE api_key_id = %(api_key_id)s::bigint AND key = %(key)s::text AND created_at >= now() - %(age)s::interval

-- :name answer
-- Keep the answer given under an Idempotency-Key, in the place of one that is too old.
INSERT INTO idempotency (api_key_id, key, request_sha256, status, body)
VALUES (%(api_key_id)s::bigint, %(key)s::text, %(sha256)s::bytea, %(status)s::smallint, %(body)s::jsonb)
ON CONFLICT (api_key_id, key) DO UPDATE
SET request_sha256 = excluded.request_sha256, status = excluded.status, body = excluded.body, created_at = now()

-- :name expire
-- Forget answers that are too old; one that gives way to a new answer just now is no longer old.
DELETE FROM idempotency WHERE (api_key_id, key) IN (
    SELECT api_key_id, key FROM idempotency WHERE created_at < now() - %(age)s::interval
    ORDER BY created_at LIMIT %(limit)s::int FOR UPDATE SKIP LOCKED
)
