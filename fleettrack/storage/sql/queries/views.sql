-- :name visits
-- Visits, newest first, each with what its newest revision says.
SELECT v.id, t.identity AS tracker, p.ref AS place, v.arrived, v.entered_at, v.entered_lo, v.entered_hi, v.exited_at,
    v.retracted, v.revision, e.kind AS last_event, e.rule, e.confirmed_at, e.held, e.recorded_at
FROM visit v
JOIN tracker t ON t.id = v.tracker_id
JOIN place p ON p.id = v.place_id
CROSS JOIN LATERAL (
    SELECT * FROM visit_event e WHERE e.visit_id = v.id ORDER BY e.revision DESC, e.recorded_at DESC LIMIT 1
) e
WHERE (%(before)s::bigint IS NULL OR v.id < %(before)s::bigint)
    AND (%(tracker)s::text IS NULL OR t.identity = %(tracker)s::text)
    AND (%(place)s::text IS NULL OR p.ref = %(place)s::text)
    AND (%(arrived)s::boolean IS NULL OR v.arrived = %(arrived)s::boolean)
ORDER BY v.id DESC LIMIT %(limit)s::int

-- :name rejects
-- What was refused and why, newest first.
SELECT r.id, r.received_at, r.reason, r.detail, r.protocol, r.source, r.identity AS tracker, k.prefix AS api_key, r.raw
FROM reject r LEFT JOIN api_key k ON k.id = r.api_key_id
WHERE (%(before)s::bigint IS NULL OR r.id < %(before)s::bigint)
    AND (%(reason)s::text IS NULL OR r.reason = %(reason)s::text)
ORDER BY r.id DESC LIMIT %(limit)s::int

-- :name rejects_of
-- What was refused and why, newest first, of what came with a carrier's keys, or without a key from its trackers.
SELECT r.id, r.received_at, r.reason, r.detail, r.protocol, r.source, r.identity AS tracker, r.prefix AS api_key, r.raw
FROM (
    SELECT newest.*, k.prefix FROM api_key k CROSS JOIN LATERAL (
        SELECT * FROM reject
        WHERE api_key_id = k.id AND (%(before)s::bigint IS NULL OR id < %(before)s::bigint)
            AND (%(reason)s::text IS NULL OR reason = %(reason)s::text)
        ORDER BY id DESC LIMIT %(limit)s::int
    ) newest WHERE k.party_id = %(party_id)s::bigint
    UNION ALL
    SELECT newest.*, NULL FROM tracker t CROSS JOIN LATERAL (
        SELECT * FROM reject
        WHERE api_key_id IS NULL AND identity = t.identity AND (%(before)s::bigint IS NULL OR id < %(before)s::bigint)
            AND (%(reason)s::text IS NULL OR reason = %(reason)s::text)
        ORDER BY id DESC LIMIT %(limit)s::int
    ) newest WHERE t.carrier_id = %(party_id)s::bigint
) r
ORDER BY r.id DESC LIMIT %(limit)s::int

-- :name held
-- Unknown trackers whose pings wait to be claimed.
SELECT identity, count(*) AS pings, min(received_at) AS first_received_at, max(received_at) AS last_received_at,
    array_agg(DISTINCT source) AS sources
FROM held_ping WHERE identity > %(after)s::text
GROUP BY identity ORDER BY identity LIMIT %(limit)s::int

-- :name tracker_spans
-- A tracker by its identity, as one span without an end.
SELECT id, tstzrange(NULL, NULL) FROM tracker WHERE identity = %(identity)s::text

-- :name consignment_spans
-- The trackers on a consignment, on units in it, and on the vehicles of its legs and loads, each while it was there.
WITH c AS (
    SELECT id, tstzrange(effective_from, closed_at) AS life FROM consignment WHERE ref = %(ref)s::text
)
SELECT a.tracker_id, a.valid * c.life FROM c JOIN assignment a ON a.consignment_id = c.id
WHERE upper_inf(a.recorded) AND a.valid && c.life
UNION
SELECT a.tracker_id, a.valid * c.life
FROM c JOIN assignment_consignment l ON l.consignment_id = c.id JOIN assignment a ON a.id = l.assignment_id
WHERE upper_inf(a.recorded) AND a.valid && c.life
UNION
SELECT a.tracker_id, a.valid * c.life
FROM c JOIN (
    SELECT consignment_id, vehicle_id FROM leg WHERE upper_inf(recorded) AND vehicle_id IS NOT NULL
    UNION
    SELECT consignment_id, vehicle_id FROM load WHERE upper_inf(recorded)
) v ON v.consignment_id = c.id JOIN assignment a ON a.vehicle_id = v.vehicle_id
WHERE upper_inf(a.recorded) AND a.valid && c.life

-- :name positions
-- Fixes of trackers, each within a span, merged by time; with the flags that neighbours gave.
SELECT t.identity AS tracker, p.fix_time, p.lat_e7, p.lon_e7, p.received_at, p.speed_cms, p.course_ddeg,
    p.altitude_dm, p.accuracy_dm, p.battery_pct, p.trust, p.flags | coalesce((
        SELECT bit_or(f.flag) FROM position_flag f
        WHERE (f.tracker_id, f.fix_time, f.lat_e7, f.lon_e7) = (p.tracker_id, p.fix_time, p.lat_e7, p.lon_e7)
    ), 0::smallint) AS flags
FROM unnest(%(trackers)s::bigint[], %(spans)s::tstzrange[]) AS s (id, span)
JOIN tracker t ON t.id = s.id
CROSS JOIN LATERAL (
    SELECT * FROM position p
    WHERE p.tracker_id = s.id
        AND p.fix_time >= greatest(coalesce(lower(s.span), '-infinity'), %(from)s::timestamptz, %(after_time)s::timestamptz)
        AND p.fix_time < least(coalesce(upper(s.span), 'infinity'), %(until)s::timestamptz)
        AND (%(after_time)s::timestamptz IS NULL
            OR (p.fix_time, t.identity, p.lat_e7, p.lon_e7)
                > (%(after_time)s::timestamptz, %(after_tracker)s::text, %(after_lat)s::int, %(after_lon)s::int))
    ORDER BY p.fix_time, p.lat_e7, p.lon_e7 LIMIT %(limit)s::int
) p
ORDER BY p.fix_time, t.identity, p.lat_e7, p.lon_e7 LIMIT %(limit)s::int

-- :name consignment_exists
SELECT EXISTS (SELECT 1 FROM consignment WHERE ref = %(ref)s::text)
