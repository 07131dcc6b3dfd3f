-- :name create
INSERT INTO assignment (tracker_id, vehicle_id, consignment_id, object_id, valid, recorded)
VALUES (%(tracker_id)s::bigint, %(vehicle_id)s::bigint, %(consignment_id)s::bigint, %(object_id)s::bigint,
    tstzrange(%(from)s::timestamptz, %(to)s::timestamptz), tstzrange(%(known)s::timestamptz, NULL))
RETURNING id

-- :name current
-- An assignment as known now, by its number.
SELECT tracker_id, lower(valid) AS since, upper(valid) AS until
FROM assignment WHERE id = %(id)s::bigint AND upper_inf(recorded)

-- :name restate
-- Keep what was believed until now as a row of its own; the row itself then says what is believed now.
WITH believed AS (
    INSERT INTO assignment (tracker_id, vehicle_id, consignment_id, object_id, valid, recorded)
    SELECT tracker_id, vehicle_id, consignment_id, object_id, valid,
        tstzrange(lower(recorded), %(known)s::timestamptz)
    FROM assignment WHERE id = %(id)s::bigint
)
UPDATE assignment SET valid = tstzrange(lower(valid), %(to)s::timestamptz),
    recorded = tstzrange(%(known)s::timestamptz, NULL)
WHERE id = %(id)s::bigint

-- :name set_received
-- Since when all goods of these consignments are received for certain, by the trackers on the whole of each.
UPDATE assignment a SET received_at = r.at
FROM assignment mine LEFT JOIN unnest(%(received)s::bigint[], %(trackers)s::bigint[], %(times)s::timestamptz[])
    AS r (consignment_id, tracker_id, at)
    ON r.consignment_id = mine.consignment_id AND r.tracker_id = mine.tracker_id AND r.at > lower(mine.valid)
        AND (upper_inf(mine.valid) OR r.at <= upper(mine.valid))
WHERE a.id = mine.id AND mine.consignment_id = ANY(%(consignments)s::bigint[]) AND upper_inf(mine.recorded)
    AND a.received_at IS DISTINCT FROM r.at

-- :name over
-- What a tracker is assigned to at or after a time, though all the goods had been received by then.
SELECT id, received_at FROM assignment
WHERE tracker_id = %(tracker_id)s::bigint AND upper_inf(recorded) AND received_at <= %(since)s::timestamptz
    AND coalesce(upper(valid) > %(since)s::timestamptz, true)

-- :name link
-- Which consignments the trackers on units concern: those that the unit, or what contains it, is an item of.
WITH RECURSIVE up AS (
    SELECT a.id, a.object_id AS member, a.valid AS span, 0 AS depth
    FROM assignment a WHERE a.id = ANY(%(ids)s::bigint[]) AND a.object_id IS NOT NULL
    UNION
    SELECT up.id, c.parent, up.span * c.valid, up.depth + 1
    FROM up JOIN containment c ON c.child = up.member AND c.valid && up.span AND upper_inf(c.recorded)
    WHERE up.depth < 10
)
INSERT INTO assignment_consignment (assignment_id, consignment_id)
SELECT DISTINCT up.id, s.consignment_id
FROM up JOIN item i ON i.object_id = up.member AND upper_inf(i.recorded) JOIN item_set s ON s.id = i.item_set_id
ON CONFLICT DO NOTHING

-- :name within
-- The trackers on these objects or on what lies in them at any time.
WITH RECURSIVE down AS (
    SELECT unnest(%(objects)s::bigint[]) AS member, 0 AS depth
    UNION
    SELECT c.child, down.depth + 1
    FROM down JOIN containment c ON c.parent = down.member AND upper_inf(c.recorded)
    WHERE down.depth < 10
)
SELECT DISTINCT a.id FROM down JOIN assignment a ON a.object_id = down.member AND upper_inf(a.recorded)

-- :name page
-- Assignments as known now, in the order they were made.
SELECT a.id, t.identity AS tracker, v.ref AS vehicle, c.ref AS consignment, o.ref AS unit,
    lower(a.valid) AS valid_from, least(upper(a.valid), a.received_at) AS valid_to, lower(a.recorded) AS recorded_at
FROM assignment a
JOIN tracker t ON t.id = a.tracker_id
LEFT JOIN vehicle v ON v.id = a.vehicle_id
LEFT JOIN consignment c ON c.id = a.consignment_id
LEFT JOIN object o ON o.id = a.object_id
WHERE upper_inf(a.recorded) AND a.id > %(after)s::bigint
    AND (%(tracker)s::text IS NULL OR t.identity = %(tracker)s::text)
    AND (%(id)s::bigint IS NULL OR a.id = %(id)s::bigint)
ORDER BY a.id LIMIT %(limit)s::int
