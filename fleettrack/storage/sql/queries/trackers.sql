-- :name by_identity
-- What the pipeline must know of the senders in a batch.
SELECT identity, id, carrier_id, minimum_trust, secret_sha256
FROM tracker WHERE identity = ANY(%(identities)s::text[])

-- :name epoch
-- The count of configuration edits; it stands still under the shared lock that edits take exclusively.
SELECT epoch FROM configuration

-- :name share_configuration
-- Keep fences and assignments as they are until this transaction ends, which waits for no lock longer than this.
SELECT set_config('lock_timeout', %(patience)s::text, true), pg_advisory_xact_lock_shared(%(lock)s::bigint)

-- :name edit_configuration
-- Wait for the batches under way, then count the edit.
WITH lock AS MATERIALIZED (SELECT pg_advisory_xact_lock(%(lock)s::bigint))
UPDATE configuration SET epoch = epoch + 1 FROM lock RETURNING epoch

-- :name lock_partitions
-- One batch at a time in each partition of trackers, in ascending order.
SELECT pg_advisory_xact_lock(%(space)s::int, p) FROM unnest(%(partitions)s::int[]) AS p ORDER BY p

-- :name hold
-- Keep an unknown tracker's pings until somebody claims it, within the bound.
WITH held AS (
    INSERT INTO held_ping (identity, source, api_key_id, received_at, protocol, trust, fix, digest)
    SELECT * FROM unnest(%(identities)s::text[], %(sources)s::text[], %(keys)s::bigint[], %(received)s::timestamptz[],
        %(protocols)s::smallint[], %(trusts)s::smallint[], %(fixes)s::bytea[], %(digests)s::bytea[])
    ON CONFLICT ON CONSTRAINT held_ping_once DO UPDATE
        SET received_at = least(held_ping.received_at, excluded.received_at)
    RETURNING old.id IS NULL AND held_ping.api_key_id IS NULL AS takes_room
)
UPDATE held_room SET keyless = keyless + (SELECT count(*) FROM held WHERE takes_room)

-- :name held_count
-- How much room the unknown trackers of these identities and sources have used.
SELECT identity, source, count(*) FROM held_ping
WHERE identity = ANY(%(identities)s::text[]) OR source = ANY(%(sources)s::text[])
GROUP BY identity, source

-- :name held_keyless
-- How much room those have used that came without a key.
SELECT keyless FROM held_room

-- :name adopt
-- Take the held pings of a tracker that was claimed, out of the waiting room.
WITH adopted AS (
    DELETE FROM held_ping WHERE identity = %(identity)s::text
    RETURNING source, api_key_id, received_at, protocol, trust, fix
), room AS (
    UPDATE held_room SET keyless = keyless - (SELECT count(*) FROM adopted WHERE api_key_id IS NULL)
)
SELECT source, api_key_id, received_at, protocol, trust, fix FROM adopted

-- :name forget_held
-- Held pings that nobody has claimed in their time; those that come again just now wait on.
WITH forgotten AS (
    DELETE FROM held_ping WHERE id IN (
        SELECT id FROM held_ping WHERE received_at < %(before)s::timestamptz
        ORDER BY received_at LIMIT %(limit)s::int FOR UPDATE SKIP LOCKED)
    RETURNING api_key_id
), room AS (
    UPDATE held_room SET keyless = keyless - (SELECT count(*) FROM forgotten WHERE api_key_id IS NULL)
)
SELECT count(*) FROM forgotten

-- :name reject
-- Keep what could not be used, with the reason that the carrier can read.
INSERT INTO reject (received_at, reason, detail, protocol, source, identity, api_key_id, raw)
SELECT * FROM unnest(%(received)s::timestamptz[], %(reasons)s::text[], %(details)s::text[], %(protocols)s::smallint[],
    %(sources)s::text[], %(identities)s::text[], %(keys)s::bigint[], %(raws)s::bytea[])

-- :name forget_rejects
-- Rejects that have served their time.
DELETE FROM reject WHERE id IN (
    SELECT id FROM reject WHERE received_at < %(before)s::timestamptz ORDER BY received_at LIMIT %(limit)s::int)

-- :name thin_rejects
-- The oldest rejects that came without a key, beyond so many of them.
DELETE FROM reject WHERE id IN (
    SELECT id FROM reject
    WHERE api_key_id IS NULL AND id <= (
        SELECT id FROM reject WHERE api_key_id IS NULL ORDER BY id DESC OFFSET %(kept)s::int LIMIT 1)
    ORDER BY id LIMIT %(limit)s::int)
