-- :name affected
-- Consignments that visits of these trackers in these times can concern.
WITH seen AS (
    SELECT tracker_id, tstzrange(from_at, to_at, '[]') AS span
    FROM unnest(%(trackers)s::bigint[], %(from)s::timestamptz[], %(to)s::timestamptz[]) AS t (tracker_id, from_at, to_at)
), watching AS (
    SELECT a.id, a.vehicle_id, a.consignment_id, seen.span * a.valid AS span
    FROM seen JOIN assignment a USING (tracker_id)
    WHERE upper_inf(a.recorded) AND a.valid && seen.span
)
SELECT consignment_id FROM watching WHERE consignment_id IS NOT NULL
UNION
SELECT l.consignment_id FROM watching w JOIN assignment_consignment l ON l.assignment_id = w.id
UNION
SELECT l.consignment_id FROM watching w JOIN load l ON l.vehicle_id = w.vehicle_id AND l.valid && w.span
WHERE upper_inf(l.recorded)
UNION
SELECT c.id FROM watching w
JOIN leg ON leg.vehicle_id = w.vehicle_id AND upper_inf(leg.recorded)
JOIN consignment c ON c.id = leg.consignment_id
WHERE c.effective_from <= upper(w.span) AND (c.closed_at IS NULL OR c.closed_at > lower(w.span))

-- :name watched
-- Watches on these trackers, with what is watched for.
SELECT tracker_id, consignment_id, place_id, trust, (extract(epoch FROM since) * 1000)::bigint,
    (extract(epoch FROM until) * 1000)::bigint
FROM watch WHERE tracker_id = ANY(%(trackers)s::bigint[])

-- :name lock
-- Take the consignments for the rest of the transaction, in ascending order.
SELECT id, consignor_id, consignee_id, effective_from, closed_at FROM consignment
WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id FOR UPDATE

-- :name stops
SELECT consignment_id, id, seq, place_id, role, party_id, on_arrival, window_from, window_to
FROM stop WHERE consignment_id = ANY(%(ids)s::bigint[]) ORDER BY consignment_id, seq

-- :name legs
SELECT consignment_id, from_seq, to_seq, carrier_id, vehicle_id
FROM leg WHERE consignment_id = ANY(%(ids)s::bigint[]) AND upper_inf(recorded) ORDER BY consignment_id, from_seq

-- :name item_sets
-- The lines of a set are counted only where somebody stated something about single objects.
SELECT s.consignment_id, s.id, s.from_seq, s.to_seq,
    CASE WHEN EXISTS (SELECT 1 FROM fact f JOIN fact_object o ON o.fact_id = f.id WHERE f.consignment_id = s.consignment_id)
    THEN (SELECT count(*) FROM item i WHERE i.item_set_id = s.id AND upper_inf(i.recorded)) END
FROM item_set s WHERE s.consignment_id = ANY(%(ids)s::bigint[]) ORDER BY s.consignment_id, s.id

-- :name assignments
-- Trackers on the consignment, on units in it, and on the vehicles of its legs and loads.
SELECT a.consignment_id, a.tracker_id, 'consignment', a.valid, NULL::bigint, NULL::bigint, t.identity
FROM assignment a JOIN tracker t ON t.id = a.tracker_id WHERE a.consignment_id = ANY(%(ids)s::bigint[]) AND upper_inf(a.recorded)
UNION ALL
SELECT l.consignment_id, a.tracker_id, 'unit', a.valid, a.object_id, NULL, t.identity
FROM assignment_consignment l JOIN assignment a ON a.id = l.assignment_id JOIN tracker t ON t.id = a.tracker_id
WHERE l.consignment_id = ANY(%(ids)s::bigint[]) AND upper_inf(a.recorded)
UNION ALL
SELECT v.consignment_id, a.tracker_id, 'vehicle', a.valid, NULL, a.vehicle_id, t.identity
FROM (
    SELECT consignment_id, vehicle_id FROM leg
    WHERE consignment_id = ANY(%(ids)s::bigint[]) AND upper_inf(recorded) AND vehicle_id IS NOT NULL
    UNION
    SELECT consignment_id, vehicle_id FROM load WHERE consignment_id = ANY(%(ids)s::bigint[]) AND upper_inf(recorded)
) v JOIN assignment a ON a.vehicle_id = v.vehicle_id AND upper_inf(a.recorded) JOIN tracker t ON t.id = a.tracker_id

-- :name loads
SELECT consignment_id, vehicle_id, valid, object_id
FROM load WHERE consignment_id = ANY(%(ids)s::bigint[]) AND upper_inf(recorded)

-- :name visits
-- Arrived visits of these trackers since a time, each by its newest revision that custody may follow. A proven departure
-- stands in it although unproven fixes took it back, unless those may move custody too.
SELECT v.id, v.tracker_id, v.place_id, e.entered_at, e.entered_lo, e.entered_hi, e.rule, e.confirmed_at, e.trust,
    CASE WHEN stands.so THEN e.left_at ELSE e.exited_at END,
    CASE WHEN stands.so THEN e.left_trust ELSE e.exit_trust END, e.cut_off AND NOT stands.so, p.class, EXISTS (
        SELECT 1 FROM assignment a
        JOIN leg l ON l.vehicle_id = a.vehicle_id AND upper_inf(l.recorded)
        JOIN stop s ON s.consignment_id = l.consignment_id AND s.place_id = v.place_id
        WHERE a.tracker_id = v.tracker_id AND upper_inf(a.recorded) AND a.valid @> v.entered_at
    ) AS expected
FROM visit v
JOIN place p ON p.id = v.place_id
CROSS JOIN LATERAL (
    SELECT * FROM visit_event e WHERE e.visit_id = v.id AND NOT e.held ORDER BY revision DESC LIMIT 1
) e
CROSS JOIN LATERAL (SELECT e.left_at IS NOT NULL AND NOT %(none_trust)s::boolean AS so) stands
WHERE v.tracker_id = ANY(%(trackers)s::bigint[]) AND (v.exited_at IS NULL OR v.exited_at >= %(since)s::timestamptz)
    AND e.kind <> 'retracted' AND e.rule IS NOT NULL

-- :name facts
SELECT consignment_id, id, kind, event_at, level, stop_seq, from_party, to_party, effective_at, only_listed,
    target_fact_id
FROM fact WHERE consignment_id = ANY(%(ids)s::bigint[]) ORDER BY id

-- :name fact_objects
SELECT o.fact_id, o.outcome, array_agg(o.object_id)
FROM fact_object o JOIN fact f ON f.id = o.fact_id
WHERE f.consignment_id = ANY(%(ids)s::bigint[]) GROUP BY o.fact_id, o.outcome

-- :name homes
-- Where objects lay in a consignment at a time: the item set that holds them, or what contains them, nearest first.
WITH RECURSIVE named AS (
    SELECT DISTINCT object_id, at FROM unnest(%(objects)s::bigint[], %(times)s::timestamptz[]) AS n (object_id, at)
), up AS (
    SELECT object_id, at, object_id AS member, 0 AS depth FROM named
    UNION ALL
    SELECT up.object_id, up.at, c.parent, up.depth + 1
    FROM up JOIN containment c ON c.child = up.member AND c.valid @> up.at AND upper_inf(c.recorded)
    WHERE up.depth < 10
)
SELECT up.object_id, max(s.id), array_agg(up.member ORDER BY up.depth) FILTER (WHERE up.depth > 0)
FROM up
LEFT JOIN item i ON i.object_id = up.member AND upper_inf(i.recorded)
LEFT JOIN item_set s ON s.id = i.item_set_id AND s.consignment_id = %(consignment)s::bigint
GROUP BY up.object_id

-- :name silences
-- Gaps between usable fixes longer than the limit, and the silence since the last one before each tracker's end.
SELECT t.tracker_id, fix_time, next_time
FROM unnest(%(trackers)s::bigint[], %(until)s::timestamptz[]) AS t (tracker_id, until)
CROSS JOIN LATERAL (
    SELECT fix_time, lead(fix_time) OVER (ORDER BY fix_time) AS next_time
    FROM position
    WHERE tracker_id = t.tracker_id AND fix_time >= %(since)s::timestamptz
        AND fix_time <= coalesce(t.until, 'infinity') AND flags & %(doubt)s::smallint = 0
) g
WHERE next_time IS NULL OR next_time - fix_time > %(limit)s::interval

-- :name near_time
-- The last usable fix of each tracker at or before a time, not older than the limit.
SELECT t.ord, p.lat_e7, p.lon_e7
FROM unnest(%(trackers)s::bigint[], %(times)s::timestamptz[]) WITH ORDINALITY AS t (tracker_id, at, ord)
CROSS JOIN LATERAL (
    SELECT lat_e7, lon_e7 FROM position
    WHERE tracker_id = t.tracker_id AND fix_time <= t.at AND fix_time > t.at - %(limit)s::interval
        AND flags & %(doubt)s::smallint = 0
    ORDER BY fix_time DESC LIMIT 1
) p

-- :name watch_clear
DELETE FROM watch WHERE consignment_id = ANY(%(ids)s::bigint[])

-- :name watch_set
INSERT INTO watch (tracker_id, consignment_id, place_id, trust, since, until)
SELECT * FROM unnest(%(trackers)s::bigint[], %(consignments)s::bigint[], %(places)s::bigint[], %(trusts)s::smallint[],
    %(since)s::timestamptz[], %(until)s::timestamptz[])

-- :name watching_place
-- Consignments that wait for a tracker to be far from a place, as its fences are from a time on.
SELECT DISTINCT consignment_id FROM watch WHERE place_id = %(place)s::bigint AND since >= %(since)s::timestamptz
