-- :name states
SELECT tracker_id, version, (extract(epoch FROM settled_at) * 1000)::bigint, fold
FROM tracker_state WHERE tracker_id = ANY(%(trackers)s::bigint[])

-- :name save_states
-- Write states whose version is the next one; a row that is left out was folded by somebody else meanwhile.
-- The least integer stands for NULL.
INSERT INTO tracker_state AS t (
    tracker_id, version, newest_time, lat_e7, lon_e7, speed_cms, course_ddeg, received_at, due_at, settled_at, fold)
SELECT tracker_id, version, newest, lat, lon, NULLIF(speed, -2147483648), NULLIF(course, -2147483648), received,
    due, settled, fold
FROM unnest(
    %(trackers)s::bigint[], %(versions)s::bigint[], %(newest)s::timestamptz[], %(lats)s::int[], %(lons)s::int[],
    %(speeds)s::int[], %(courses)s::int[], %(received)s::timestamptz[], %(due)s::timestamptz[],
    %(settled)s::timestamptz[], %(folds)s::bytea[])
    AS s (tracker_id, version, newest, lat, lon, speed, course, received, due, settled, fold)
ON CONFLICT (tracker_id) DO UPDATE SET
    version = excluded.version, newest_time = excluded.newest_time, lat_e7 = excluded.lat_e7,
    lon_e7 = excluded.lon_e7, speed_cms = excluded.speed_cms, course_ddeg = excluded.course_ddeg,
    received_at = excluded.received_at, due_at = excluded.due_at, settled_at = excluded.settled_at,
    fold = excluded.fold
WHERE t.version = excluded.version - 1

-- :name empty_states
-- Forget what was folded of trackers, each in the version before this one.
UPDATE tracker_state t SET version = s.version, newest_time = NULL, lat_e7 = NULL, lon_e7 = NULL, speed_cms = NULL,
    course_ddeg = NULL, received_at = NULL, due_at = NULL, settled_at = NULL, fold = %(empty)s::bytea
FROM unnest(%(trackers)s::bigint[], %(versions)s::bigint[]) AS s (id, version)
WHERE t.tracker_id = s.id AND t.version = s.version - 1

-- :name shown
-- The newest fix of each tracker as it is shown.
SELECT t.id, coalesce(p.speed_cms, -2147483648), coalesce(p.course_ddeg, -2147483648),
    (extract(epoch FROM p.received_at) * 1000)::bigint
FROM unnest(%(trackers)s::bigint[], %(times)s::timestamptz[], %(lats)s::int[], %(lons)s::int[])
    AS t (id, fix_time, lat_e7, lon_e7)
JOIN position p ON p.tracker_id = t.id
    AND (p.fix_time, p.lat_e7, p.lon_e7) = (t.fix_time, t.lat_e7, t.lon_e7)

-- :name due
-- Trackers about which the clock has something to say, the longest waiting first.
SELECT tracker_id FROM tracker_state WHERE due_at <= %(as_of)s::timestamptz ORDER BY due_at LIMIT %(limit)s::int

-- :name settle
UPDATE tracker_state t SET version = t.version + 1, due_at = s.due_at, settled_at = s.settled_at
FROM unnest(%(trackers)s::bigint[], %(due)s::timestamptz[], %(settled)s::timestamptz[]) AS s (id, due_at, settled_at)
WHERE t.tracker_id = s.id

-- :name checkpoints_before
-- The last checkpoint of each tracker before a time of its own.
SELECT t.id, (extract(epoch FROM c.fix_time) * 1000)::bigint, c.fold
FROM unnest(%(trackers)s::bigint[], %(before)s::timestamptz[]) AS t (id, before)
CROSS JOIN LATERAL (
    SELECT fix_time, fold FROM tracker_checkpoint
    WHERE tracker_id = t.id AND fix_time < t.before ORDER BY fix_time DESC LIMIT 1
) c

-- :name checkpoints_forget
DELETE FROM tracker_checkpoint c
USING unnest(%(trackers)s::bigint[], %(after)s::timestamptz[]) AS t (id, after)
WHERE c.tracker_id = t.id AND c.fix_time > coalesce(t.after, '-infinity')

-- :name checkpoints_save
INSERT INTO tracker_checkpoint (tracker_id, fix_time, fold)
SELECT * FROM unnest(%(trackers)s::bigint[], %(times)s::timestamptz[], %(folds)s::bytea[])
ON CONFLICT (tracker_id, fix_time) DO UPDATE SET fold = excluded.fold

-- :name flags_forget
DELETE FROM position_flag f
USING unnest(%(trackers)s::bigint[], %(after)s::timestamptz[]) AS t (id, after)
WHERE f.tracker_id = t.id AND f.fix_time > coalesce(t.after, '-infinity')

-- :name flags_save
INSERT INTO position_flag (tracker_id, fix_time, lat_e7, lon_e7, flag)
SELECT * FROM unnest(
    %(trackers)s::bigint[], %(times)s::timestamptz[], %(lats)s::int[], %(lons)s::int[], %(flags)s::smallint[])
ON CONFLICT DO NOTHING

-- :name stored
-- The visits of each tracker that changed after a time of its own, retracted ones left out.
SELECT v.id, v.tracker_id, v.revision, (
        SELECT held FROM visit_event e WHERE e.visit_id = v.id ORDER BY revision DESC LIMIT 1), v.body
FROM unnest(%(trackers)s::bigint[], %(after)s::timestamptz[]) AS t (id, after)
JOIN visit v ON v.tracker_id = t.id AND v.last_change > coalesce(t.after, '-infinity')
WHERE NOT v.retracted

-- :name by_key
-- Visits by tracker, place and first fix inside.
SELECT v.id, v.tracker_id, v.revision, (
        SELECT held FROM visit_event e WHERE e.visit_id = v.id ORDER BY revision DESC LIMIT 1), v.body
FROM unnest(%(trackers)s::bigint[], %(places)s::bigint[], %(firsts)s::timestamptz[]) AS k (tracker_id, place_id, first_in)
JOIN visit v USING (tracker_id, place_id, first_in)
WHERE NOT v.retracted

-- :name bodies
SELECT id, tracker_id, body FROM visit WHERE id = ANY(%(ids)s::bigint[])

-- :name new_ids
SELECT nextval(pg_get_serial_sequence('visit', 'id')) FROM generate_series(1, %(count)s::int)

-- :name save
INSERT INTO visit (
    id, tracker_id, place_id, revision, first_in, last_change, entered_at, entered_lo, entered_hi, arrived, exited_at,
    retracted, trust, exit_trust, body)
OVERRIDING SYSTEM VALUE
SELECT * FROM unnest(
    %(ids)s::bigint[], %(trackers)s::bigint[], %(places)s::bigint[], %(revisions)s::int[], %(firsts)s::timestamptz[],
    %(changes)s::timestamptz[], %(entered)s::timestamptz[], %(los)s::timestamptz[], %(his)s::timestamptz[],
    %(arrived)s::boolean[], %(exited)s::timestamptz[], %(retracted)s::boolean[], %(trusts)s::smallint[],
    %(exit_trusts)s::smallint[], %(bodies)s::bytea[])
ON CONFLICT (id) DO UPDATE SET
    revision = excluded.revision, first_in = excluded.first_in, last_change = excluded.last_change,
    entered_at = excluded.entered_at, entered_lo = excluded.entered_lo, entered_hi = excluded.entered_hi,
    arrived = excluded.arrived, exited_at = excluded.exited_at, retracted = excluded.retracted,
    trust = excluded.trust, exit_trust = excluded.exit_trust, body = excluded.body

-- :name log
INSERT INTO visit_event (
    visit_id, revision, kind, late, held, entered_at, entered_lo, entered_hi, exited_at, rule, confirmed_at, trust,
    exit_trust, cut_off, left_at, left_trust)
SELECT * FROM unnest(
    %(ids)s::bigint[], %(revisions)s::int[], %(kinds)s::text[], %(lates)s::boolean[], %(helds)s::boolean[],
    %(entered)s::timestamptz[], %(los)s::timestamptz[], %(his)s::timestamptz[], %(exited)s::timestamptz[],
    %(rules)s::text[], %(confirmed)s::timestamptz[], %(trusts)s::smallint[], %(exit_trusts)s::smallint[],
    %(cut_off)s::boolean[], %(left)s::timestamptz[], %(left_trusts)s::smallint[])

-- :name fence_statements
-- What holds of every version of every fence as known now, by the version.
SELECT array_agg(id ORDER BY version) FROM geofence_version WHERE upper_inf(recorded)

-- :name fences
-- What these statements say; they never change, they are only replaced.
SELECT id, version, geofence_id, place_id, shape, rules, valid FROM geofence_version WHERE id = ANY(%(ids)s::bigint[])

-- :name fences_of_place
-- All that was ever said of the fences of a place.
SELECT id, version, geofence_id, place_id, shape, rules, valid FROM geofence_version WHERE place_id = %(place)s::bigint

-- :name near_place
-- Trackers with a visit at a place that is open or changed since a time, or with fixes within a box since then; and who
-- left the place and was heard last within the box: it may be back, which is not told until it arrives or leaves.
SELECT DISTINCT tracker_id FROM visit v
WHERE place_id = %(place)s::bigint AND NOT retracted AND (
    last_change >= %(since)s::timestamptz
    OR exited_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM visit_event e WHERE e.visit_id = v.id AND e.kind IN ('passed', 'ended')))
UNION
SELECT tracker_id FROM tracker_state s
WHERE newest_time >= %(since)s::timestamptz AND EXISTS (
    SELECT 1 FROM position p
    WHERE p.tracker_id = s.tracker_id AND fix_time >= %(since)s::timestamptz
        AND lat_e7 BETWEEN %(south)s::int AND %(north)s::int AND lon_e7 BETWEEN %(west)s::int AND %(east)s::int)
UNION
SELECT tracker_id FROM tracker_state s
WHERE lat_e7 BETWEEN %(south)s::int AND %(north)s::int AND lon_e7 BETWEEN %(west)s::int AND %(east)s::int AND EXISTS (
    SELECT 1 FROM visit v WHERE v.tracker_id = s.tracker_id AND v.place_id = %(place)s::bigint AND NOT v.retracted)

-- :name staying_since
-- Trackers heard after a time; and where no visit shows that they were at a place then or later, their state.
SELECT tracker_id, CASE WHEN NOT EXISTS (
    SELECT 1 FROM visit v
    WHERE v.tracker_id = s.tracker_id AND NOT v.retracted AND (
        v.last_change >= %(since)s::timestamptz
        OR v.exited_at IS NULL AND NOT EXISTS (
            SELECT 1 FROM visit_event e WHERE e.visit_id = v.id AND e.kind IN ('passed', 'ended'))))
    THEN fold END
FROM tracker_state s WHERE newest_time > %(since)s::timestamptz
