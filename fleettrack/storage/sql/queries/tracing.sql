-- :name lineage
-- What contains these objects over time, as known at a time: spans, the object itself first.
WITH RECURSIVE up AS (
    SELECT o AS root, o AS member, tstzrange(NULL, NULL) AS span, 0 AS depth FROM unnest(%(objects)s::bigint[]) AS o
    UNION ALL
    SELECT up.root, c.parent, up.span * c.valid, up.depth + 1
    FROM up JOIN containment c ON c.child = up.member AND c.valid && up.span AND c.recorded @> %(known)s::timestamptz
    WHERE up.depth < 10
)
SELECT root, member, lower(span), upper(span), depth FROM up ORDER BY root, depth

-- :name lines
-- The item lines of these objects as known at a time.
SELECT i.object_id, s.id AS item_set_id, s.consignment_id, s.from_seq, s.to_seq
FROM item i JOIN item_set s ON s.id = i.item_set_id
WHERE i.object_id = ANY(%(objects)s::bigint[]) AND i.recorded @> %(known)s::timestamptz

-- :name lists
-- Which lists name these objects.
SELECT list_id, array_agg(object_id) FROM object_list_member WHERE object_id = ANY(%(objects)s::bigint[])
GROUP BY list_id

-- :name entries
-- The ledger of batches and consignments, and what names lists, as known at a time; each with its end as known then.
WITH wanted AS (
    SELECT * FROM ledger_entry WHERE batch_id = ANY(%(batches)s::bigint[])
    UNION
    SELECT * FROM ledger_entry WHERE consignment_id = ANY(%(consignments)s::bigint[])
    UNION
    SELECT * FROM ledger_entry WHERE only_list_id = ANY(%(lists)s::bigint[])
)
SELECT e.id, e.consignment_id, e.batch_id, e.key, e.kind, e.status, e.item_set_id, e.only_list_id, e.except_list_id,
    e.event_at, e.event_lo, e.event_hi, e.recorded_at, e.from_party, e.to_party, e.place_id, e.stop_seq, e.visit_id,
    e.fact_id, e.level, e.corroborated_by, later.recorded_at AS ended_at, coalesce(later.voids = e.id, false) AS voided
FROM wanted e
LEFT JOIN LATERAL (
    SELECT l.recorded_at, l.voids FROM ledger_entry l
    WHERE l.consignment_id = e.consignment_id AND l.recorded_at <= %(known)s::timestamptz
        AND (l.supersedes = e.id OR l.voids = e.id)
    ORDER BY l.recorded_at LIMIT 1
) later ON true
WHERE e.recorded_at <= %(known)s::timestamptz AND e.voids IS NULL
ORDER BY e.recorded_at, e.id

-- :name evidence
-- The fixes copied with entries.
SELECT v.entry_id, t.identity, v.fix_time
FROM ledger_evidence v JOIN tracker t ON t.id = v.tracker_id
WHERE v.entry_id = ANY(%(entries)s::bigint[]) ORDER BY v.entry_id, v.ordinal

-- :name names
-- What ids are called.
SELECT 'party', id, ref FROM party WHERE id = ANY(%(parties)s::bigint[])
UNION ALL
SELECT 'place', id, ref FROM place WHERE id = ANY(%(places)s::bigint[])
UNION ALL
SELECT 'consignment', id, ref FROM consignment WHERE id = ANY(%(consignments)s::bigint[])
UNION ALL
SELECT 'object', id, ref FROM object WHERE id = ANY(%(objects)s::bigint[])

-- :name batches
SELECT id, batch_id FROM object WHERE id = ANY(%(objects)s::bigint[])

-- :name rides
-- Vehicles that these consignments were on by scan (NULL: all of it) or are planned on, as known at a time.
SELECT l.consignment_id, l.vehicle_id, l.object_id, lower(l.valid), upper(l.valid), NULL::int, NULL::int
FROM load l WHERE l.consignment_id = ANY(%(consignments)s::bigint[]) AND l.recorded @> %(known)s::timestamptz
UNION ALL
SELECT g.consignment_id, g.vehicle_id, NULL, NULL, NULL, g.from_seq, g.to_seq
FROM leg g
WHERE g.consignment_id = ANY(%(consignments)s::bigint[]) AND g.recorded @> %(known)s::timestamptz
    AND g.vehicle_id IS NOT NULL

-- :name assignments
-- The trackers that were ever on these things, as known at a time.
SELECT tracker_id, vehicle_id, consignment_id, object_id, lower(valid), upper(valid)
FROM assignment
WHERE recorded @> %(known)s::timestamptz AND object_id = ANY(%(objects)s::bigint[])
UNION ALL
SELECT tracker_id, vehicle_id, consignment_id, object_id, lower(valid), upper(valid)
FROM assignment
WHERE recorded @> %(known)s::timestamptz AND consignment_id = ANY(%(consignments)s::bigint[])
UNION ALL
SELECT tracker_id, vehicle_id, consignment_id, object_id, lower(valid), upper(valid)
FROM assignment
WHERE recorded @> %(known)s::timestamptz AND vehicle_id = ANY(%(vehicles)s::bigint[])

-- :name last_fixes
-- The last usable fix of each tracker in a span, its end excluded, as known at a time; not one that its neighbours belie.
SELECT t.ord, p.lat_e7, p.lon_e7, p.fix_time
FROM unnest(%(trackers)s::bigint[], %(from)s::timestamptz[], %(to)s::timestamptz[]) WITH ORDINALITY
    AS t (tracker_id, from_at, to_at, ord)
CROSS JOIN LATERAL (
    SELECT lat_e7, lon_e7, fix_time FROM position p
    WHERE tracker_id = t.tracker_id AND fix_time >= t.from_at AND fix_time < t.to_at
        AND received_at <= %(known)s::timestamptz AND flags & %(doubt)s::smallint = 0
        AND NOT EXISTS (
            SELECT 1 FROM position_flag f
            WHERE (f.tracker_id, f.fix_time, f.lat_e7, f.lon_e7) = (p.tracker_id, p.fix_time, p.lat_e7, p.lon_e7)
                AND f.flag & %(doubt)s::smallint <> 0)
    ORDER BY fix_time DESC LIMIT 1
) p

-- :name visited
-- The place that a tracker is at at a time, as known at a time.
SELECT v.place_id
FROM visit v
CROSS JOIN LATERAL (
    SELECT kind, entered_at, exited_at FROM visit_event
    WHERE visit_id = v.id AND recorded_at <= %(known)s::timestamptz ORDER BY revision DESC LIMIT 1
) e
WHERE v.tracker_id = %(tracker)s::bigint AND e.kind <> 'retracted' AND e.entered_at <= %(at)s::timestamptz
    AND (e.exited_at IS NULL OR e.exited_at > %(at)s::timestamptz)
ORDER BY e.entered_at DESC LIMIT 1

-- :name directly
-- What lies directly in a consignment, in a stable order, as known at a time.
SELECT i.object_id, o.ref, o.kind, o.gtin, o.lot, s.from_seq, s.to_seq
FROM item_set s JOIN item i ON i.item_set_id = s.id AND i.recorded @> %(known)s::timestamptz
JOIN object o ON o.id = i.object_id
WHERE s.consignment_id = %(consignment)s::bigint AND o.ref > %(after)s::text
ORDER BY o.ref LIMIT %(limit)s::int

-- :name inside
-- What lies directly in a unit at a time, in a stable order, as known at a time.
SELECT c.child, o.ref, o.kind, o.gtin, o.lot
FROM containment c JOIN object o ON o.id = c.child
WHERE c.parent = %(parent)s::bigint AND c.valid @> %(at)s::timestamptz AND c.recorded @> %(known)s::timestamptz
    AND o.ref > %(after)s::text
ORDER BY o.ref LIMIT %(limit)s::int

-- :name contains
-- How much lies directly in each of these objects at a time, as known at a time.
SELECT c.parent, count(*)
FROM containment c
WHERE c.parent = ANY(%(objects)s::bigint[]) AND c.valid @> %(at)s::timestamptz
    AND c.recorded @> %(known)s::timestamptz
GROUP BY c.parent

-- :name alike
-- The item lines of a consignment, those together that have one origin, went with the same consignments and are named
-- by the same lists: one of them, and how many there are.
SELECT from_seq, to_seq, min(object_id), count(*) FROM (
    SELECT s.from_seq, s.to_seq, i.object_id, o.batch_id, (
        SELECT array_agg(x.item_set_id ORDER BY x.item_set_id) FROM item x WHERE x.object_id = i.object_id
    ) AS sets, (
        SELECT array_agg(m.list_id ORDER BY m.list_id) FROM object_list_member m WHERE m.object_id = i.object_id
    ) AS lists
    FROM item_set s JOIN item i ON i.item_set_id = s.id AND i.recorded @> %(known)s::timestamptz
    JOIN object o ON o.id = i.object_id
    WHERE s.consignment_id = %(consignment)s::bigint
) each
GROUP BY from_seq, to_seq, batch_id, sets, lists
ORDER BY from_seq, to_seq, min(object_id)

-- :name consignment
SELECT id FROM consignment WHERE ref = %(ref)s::text
