-- :name elsewhere
-- Which of these objects lie in another unit at a time, and in which.
SELECT o.ref, p.ref
FROM containment c JOIN object o ON o.id = c.child JOIN object p ON p.id = c.parent
WHERE c.child = ANY(%(children)s::bigint[]) AND c.valid @> %(at)s::timestamptz AND upper_inf(c.recorded)
ORDER BY o.ref LIMIT 100

-- :name missing
-- Which of these objects do not lie directly in this unit at a time.
SELECT o.ref FROM object o
WHERE o.id = ANY(%(children)s::bigint[]) AND NOT EXISTS (
    SELECT FROM containment c WHERE c.child = o.id AND c.parent = %(parent)s::bigint
        AND c.valid @> %(at)s::timestamptz AND upper_inf(c.recorded))
ORDER BY o.ref LIMIT 100

-- :name open
-- Put objects into a unit from a time on, until they are known to lie in something again.
INSERT INTO containment (child, parent, valid, recorded, fact_id)
SELECT n.child, %(parent)s::bigint,
    tstzrange(%(at)s::timestamptz, (
        SELECT min(lower(later.valid)) FROM containment later
        WHERE later.child = n.child AND lower(later.valid) > %(at)s::timestamptz AND upper_inf(later.recorded))),
    tstzrange(%(known)s::timestamptz, NULL), %(fact_id)s::bigint
FROM unnest(%(children)s::bigint[]) AS n (child)
ORDER BY n.child

-- :name close
-- End where these objects lie at a time (in one unit, or whichever); what was believed stays as a row of its own.
WITH ended AS (
    SELECT id, child, parent, valid, recorded, fact_id FROM containment
    WHERE child = ANY(%(children)s::bigint[]) AND (%(parent)s::bigint IS NULL OR parent = %(parent)s::bigint)
        AND valid @> %(at)s::timestamptz AND lower(valid) < %(until)s::timestamptz AND upper_inf(recorded)
), believed AS (
    INSERT INTO containment (child, parent, valid, recorded, fact_id)
    SELECT child, parent, valid, tstzrange(lower(recorded), %(known)s::timestamptz), fact_id FROM ended
), closed AS (
    UPDATE containment c
    SET valid = tstzrange(lower(c.valid), least(upper(c.valid), %(until)s::timestamptz)),
        recorded = tstzrange(%(known)s::timestamptz, NULL), fact_id = %(fact_id)s::bigint
    FROM ended WHERE c.id = ended.id
)
SELECT child FROM ended

-- :name undo_opened
-- Forget what a fact put into a unit: rows that have no predecessor.
UPDATE containment c SET recorded = tstzrange(lower(c.recorded), %(known)s::timestamptz)
WHERE c.fact_id = %(fact_id)s::bigint AND upper_inf(c.recorded) AND NOT EXISTS (
    SELECT FROM containment b
    WHERE b.child = c.child AND b.parent = c.parent AND lower(b.valid) = lower(c.valid)
        AND upper(b.recorded) = lower(c.recorded))
RETURNING c.child

-- :name undo_ended
-- Let what a fact ended go on as it did before, as far as nothing followed.
WITH ended AS (
    SELECT c.id, c.child, c.parent, c.valid, c.recorded, c.fact_id, least(upper(b.valid), (
        SELECT min(lower(later.valid)) FROM containment later
        WHERE later.child = c.child AND later.id <> c.id AND lower(later.valid) >= upper(c.valid)
            AND upper_inf(later.recorded))) AS until
    FROM containment c JOIN containment b
        ON b.child = c.child AND b.parent = c.parent AND lower(b.valid) = lower(c.valid)
            AND upper(b.recorded) = lower(c.recorded)
    WHERE c.fact_id = %(fact_id)s::bigint AND upper_inf(c.recorded)
), believed AS (
    INSERT INTO containment (child, parent, valid, recorded, fact_id)
    SELECT child, parent, valid, tstzrange(lower(recorded), %(known)s::timestamptz), fact_id FROM ended
)
UPDATE containment c SET valid = tstzrange(lower(c.valid), ended.until),
    recorded = tstzrange(%(known)s::timestamptz, NULL), fact_id = NULL
FROM ended WHERE c.id = ended.id
RETURNING c.child

-- :name above
-- What contains an object at any time in a range, with how many levels up, and over what time.
WITH RECURSIVE up AS (
    SELECT %(object)s::bigint AS member, tstzrange(%(from)s::timestamptz, NULL) AS span, 0 AS depth
    UNION ALL
    SELECT c.parent, up.span * c.valid, up.depth + 1
    FROM up JOIN containment c ON c.child = up.member AND c.valid && up.span AND upper_inf(c.recorded)
    WHERE up.depth <= %(limit)s::int
)
SELECT member, depth FROM up

-- :name height
-- How many levels lie below these objects at any time in a range, counted to one beyond the limit.
WITH RECURSIVE down AS (
    SELECT unnest(%(objects)s::bigint[]) AS member, tstzrange(%(from)s::timestamptz, NULL) AS span, 0 AS depth
    UNION ALL
    SELECT c.child, down.span * c.valid, down.depth + 1
    FROM down JOIN containment c ON c.parent = down.member AND c.valid && down.span AND upper_inf(c.recorded)
    WHERE down.depth <= %(limit)s::int
)
SELECT max(depth) FROM down

-- :name depth
-- How many levels lie above these objects at any time in a range, counted to one beyond the limit.
WITH RECURSIVE up AS (
    SELECT unnest(%(objects)s::bigint[]) AS member, tstzrange(%(from)s::timestamptz, NULL) AS span, 0 AS depth
    UNION
    SELECT c.parent, up.span * c.valid, up.depth + 1
    FROM up JOIN containment c ON c.child = up.member AND c.valid && up.span AND upper_inf(c.recorded)
    WHERE up.depth <= %(limit)s::int
)
SELECT max(depth) FROM up

-- :name concerned
-- Consignments whose journeys name one of these objects, or something in them: by a fact, a load or a tracker.
WITH RECURSIVE down AS (
    SELECT unnest(%(objects)s::bigint[]) AS member, 0 AS depth
    UNION
    SELECT c.child, down.depth + 1
    FROM down JOIN containment c ON c.parent = down.member AND upper_inf(c.recorded)
    WHERE down.depth < 10
)
SELECT f.consignment_id FROM down JOIN fact_object o ON o.object_id = down.member JOIN fact f ON f.id = o.fact_id
UNION
SELECT l.consignment_id FROM down JOIN load l ON l.object_id = down.member
UNION
SELECT c.consignment_id FROM down JOIN assignment a ON a.object_id = down.member
JOIN assignment_consignment c ON c.assignment_id = a.id
