-- :name create
INSERT INTO place (ref, name, party_id, timezone, class)
VALUES (%(ref)s::text, %(name)s::text, %(party_id)s::bigint, %(timezone)s::text, %(class)s::text)
RETURNING id

-- :name known
-- What a plan needs of places: id, party and time zone.
SELECT ref, id, party_id, timezone FROM place WHERE ref = ANY(%(refs)s::text[])

-- :name page
-- Places in order, or one of them.
SELECT p.ref, p.name, o.ref AS party, p.timezone, p.class AS class_, p.created_at
FROM place p JOIN party o ON o.id = p.party_id
WHERE p.ref > %(after)s::text AND (%(ref)s::text IS NULL OR p.ref = %(ref)s::text)
ORDER BY p.ref LIMIT %(limit)s::int

-- :name fence_create
INSERT INTO geofence (place_id, name) VALUES (%(place_id)s::bigint, %(name)s::text) RETURNING id

-- :name fence_place
-- The place of a fence, locked against other edits of it.
SELECT place_id FROM geofence WHERE id = %(fence_id)s::bigint FOR UPDATE

-- :name fence_end
-- State again, for the time before, what held at and after a time; return how many statements that replaced.
WITH replaced AS (
    UPDATE geofence_version SET recorded = tstzrange(lower(recorded), %(known)s::timestamptz)
    WHERE geofence_id = %(fence_id)s::bigint AND upper_inf(recorded)
        AND (upper_inf(valid) OR upper(valid) > %(from)s::timestamptz)
    RETURNING version, geofence_id, place_id, shape, rules, valid
), kept AS (
    INSERT INTO geofence_version (version, geofence_id, place_id, shape, rules, valid, recorded)
    SELECT version, geofence_id, place_id, shape, rules, tstzrange(lower(valid), %(from)s::timestamptz),
        tstzrange(%(known)s::timestamptz, NULL)
    FROM replaced WHERE lower(valid) < %(from)s::timestamptz
)
SELECT count(*), min(lower(valid)) FROM replaced

-- :name fence_version
INSERT INTO geofence_version (geofence_id, place_id, shape, rules, valid, recorded)
VALUES (%(fence_id)s::bigint, %(place_id)s::bigint, %(shape)s::jsonb, %(rules)s::jsonb,
    tstzrange(%(from)s::timestamptz, NULL), tstzrange(%(known)s::timestamptz, NULL))

-- :name fences
-- Versions that hold or will hold, in the order they were stated.
SELECT v.id AS version, v.geofence_id AS id, p.ref AS place, g.name, v.shape, v.rules,
    lower(v.valid) AS valid_from, upper(v.valid) AS valid_to
FROM geofence_version v JOIN geofence g ON g.id = v.geofence_id JOIN place p ON p.id = v.place_id
WHERE upper_inf(v.recorded) AND (upper_inf(v.valid) OR upper(v.valid) > clock_timestamp())
    AND v.id > %(after)s::bigint
    AND (%(places)s::text[] IS NULL OR p.ref = ANY(%(places)s::text[]))
    AND (%(fence_id)s::bigint IS NULL OR v.geofence_id = %(fence_id)s::bigint)
ORDER BY v.id LIMIT %(limit)s::int
