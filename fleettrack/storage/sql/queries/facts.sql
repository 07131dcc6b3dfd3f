-- :name create
INSERT INTO fact (consignment_id, kind, stop_seq, event_at, effective_at, level, from_party, to_party, only_listed,
    target_fact_id, actor, note, recorded_at)
VALUES (%(consignment_id)s::bigint, %(kind)s::text, %(stop_seq)s::int, %(event_at)s::timestamptz,
    %(effective_at)s::timestamptz, %(level)s::smallint, %(from_party)s::bigint, %(to_party)s::bigint,
    %(only_listed)s::boolean, %(target_fact_id)s::bigint, %(actor)s::text, %(note)s::text, %(known)s::timestamptz)
RETURNING id

-- :name list_objects
INSERT INTO fact_object (fact_id, object_id, outcome)
SELECT %(fact_id)s::bigint, o, %(outcome)s::text FROM unnest(%(objects)s::bigint[]) AS o

-- :name get
-- A fact of a consignment, and whether a later one voided it.
SELECT f.id, f.kind, EXISTS (SELECT FROM fact v WHERE v.target_fact_id = f.id) AS voided
FROM fact f WHERE f.id = %(id)s::bigint AND f.consignment_id = %(consignment_id)s::bigint

-- :name page
-- The facts of a consignment in the order they were recorded, or one of them.
SELECT f.id, c.ref AS consignment, f.kind, f.stop_seq AS stop, f.event_at, f.effective_at, f.level,
    s.ref AS from_party, r.ref AS to_party, f.only_listed, f.target_fact_id AS target_fact, f.actor, f.note,
    f.recorded_at, coalesce((
        SELECT jsonb_object_agg(n.outcome, n.count)
        FROM (SELECT outcome, count(*) FROM fact_object WHERE fact_id = f.id GROUP BY outcome) n
    ), '{}') AS outcomes
FROM fact f JOIN consignment c ON c.id = f.consignment_id
LEFT JOIN party s ON s.id = f.from_party LEFT JOIN party r ON r.id = f.to_party
WHERE c.ref = %(consignment)s::text AND f.id > %(after)s::bigint
    AND (%(id)s::bigint IS NULL OR f.id = %(id)s::bigint)
ORDER BY f.id LIMIT %(limit)s::int

-- :name ways
-- From which stop to which each object goes with a consignment, as it lay at a time; none for one that does not.
WITH RECURSIVE up AS (
    SELECT o AS object_id, o AS member, 0 AS depth FROM unnest(%(objects)s::bigint[]) AS o
    UNION ALL
    SELECT up.object_id, c.parent, up.depth + 1
    FROM up JOIN containment c ON c.child = up.member AND c.valid @> %(at)s::timestamptz AND upper_inf(c.recorded)
    WHERE up.depth < 10
)
SELECT DISTINCT up.object_id, s.from_seq, s.to_seq
FROM up JOIN item i ON i.object_id = up.member AND upper_inf(i.recorded)
JOIN item_set s ON s.id = i.item_set_id AND s.consignment_id = %(consignment_id)s::bigint

-- :name taken
-- What a handover at a stop takes along, as it lay at a time: the listed objects, or without a list the items that go
-- on from there; with everything in them.
WITH RECURSIVE taken AS (
    SELECT o AS member, 0 AS depth FROM unnest(%(objects)s::bigint[]) AS o
    UNION ALL
    SELECT i.object_id, 0
    FROM item_set s JOIN item i ON i.item_set_id = s.id AND upper_inf(i.recorded)
    WHERE cardinality(%(objects)s::bigint[]) = 0 AND s.consignment_id = %(consignment_id)s::bigint
        AND s.from_seq <= %(stop)s::int AND %(stop)s::int < s.to_seq
    UNION ALL
    SELECT c.child, taken.depth + 1
    FROM taken JOIN containment c
        ON c.parent = taken.member AND (c.valid @> %(at)s::timestamptz) IS TRUE AND upper_inf(c.recorded)
    WHERE taken.depth < 10
)
SELECT DISTINCT member FROM taken

-- :name ends
-- The stops at which items of a consignment end.
SELECT DISTINCT to_seq FROM item_set WHERE consignment_id = %(consignment_id)s::bigint

-- :name due
-- Everything that goes with the items of a consignment, as it lay at a time, from the outside in: all of it, or
-- what is due at one stop.
WITH RECURSIVE due AS (
    SELECT i.object_id AS member, NULL::bigint AS parent, 0 AS depth
    FROM item_set s JOIN item i ON i.item_set_id = s.id AND upper_inf(i.recorded)
    WHERE s.consignment_id = %(consignment_id)s::bigint AND (%(stop)s::int IS NULL OR s.to_seq = %(stop)s::int)
    UNION ALL
    SELECT c.child, c.parent, due.depth + 1
    -- IS TRUE keeps the planner from asking the exclusion's index for everything that is valid then, once for each member.
    FROM due JOIN containment c
        ON c.parent = due.member AND (c.valid @> %(at)s::timestamptz) IS TRUE AND upper_inf(c.recorded)
    WHERE due.depth < 10
)
SELECT member, parent FROM due ORDER BY depth
