-- :name create
INSERT INTO load (vehicle_id, consignment_id, object_id, valid, recorded)
VALUES (%(vehicle_id)s::bigint, %(consignment_id)s::bigint, %(object_id)s::bigint,
    tstzrange(%(from)s::timestamptz, %(to)s::timestamptz), tstzrange(%(known)s::timestamptz, NULL))
RETURNING id

-- :name of_object
-- The loads of one thing as known now, in order.
SELECT id, vehicle_id, consignment_id, lower(valid) AS since, upper(valid) AS until
FROM load
WHERE consignment_id = %(consignment_id)s::bigint AND object_id IS NOT DISTINCT FROM %(object_id)s::bigint
    AND upper_inf(recorded)
ORDER BY lower(valid)

-- :name current
SELECT id, vehicle_id, consignment_id, lower(valid) AS since, upper(valid) AS until
FROM load WHERE id = %(id)s::bigint AND upper_inf(recorded)

-- :name restate
-- Keep what was believed until now as a row of its own; the row itself then says what is believed now.
WITH believed AS (
    INSERT INTO load (vehicle_id, consignment_id, object_id, valid, recorded)
    SELECT vehicle_id, consignment_id, object_id, valid, tstzrange(lower(recorded), %(known)s::timestamptz)
    FROM load WHERE id = %(id)s::bigint
)
UPDATE load SET valid = tstzrange(lower(valid), %(to)s::timestamptz), recorded = tstzrange(%(known)s::timestamptz, NULL)
WHERE id = %(id)s::bigint

-- :name page
-- Scanned loads as known now, in the order they were scanned.
SELECT l.id, v.ref AS vehicle, c.ref AS consignment, o.ref AS object,
    lower(l.valid) AS loaded_from, upper(l.valid) AS loaded_until
FROM load l
JOIN vehicle v ON v.id = l.vehicle_id
JOIN consignment c ON c.id = l.consignment_id
LEFT JOIN object o ON o.id = l.object_id
WHERE upper_inf(l.recorded) AND l.id > %(after)s::bigint
    AND (%(consignment)s::text IS NULL OR c.ref = %(consignment)s::text)
    AND (%(vehicle)s::text IS NULL OR v.ref = %(vehicle)s::text)
    AND (%(id)s::bigint IS NULL OR l.id = %(id)s::bigint)
ORDER BY l.id LIMIT %(limit)s::int
