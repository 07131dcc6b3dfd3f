-- :name stage_create
-- A place for COPY to go to; emptied by each commit, kept by the connection. NULL is the least integer here.
CREATE TEMPORARY TABLE IF NOT EXISTS position_stage (
    ord integer NOT NULL, LIKE position_row
) ON COMMIT DELETE ROWS

-- :name stage_copy
-- Fixed-width binary rows, see positions.stage_rows.
COPY position_stage FROM STDIN (FORMAT binary)

-- :name stage_insert
-- Store what is staged; return those that were known already, and whether the copy said something new.
-- A copy of higher trust replaces what the lower ones said; copies of equal trust are merged field by field, in ways
-- that do not depend on their order (law L2). Of one of lower trust only counts that it was here earlier (law L5).
WITH stored AS (
    INSERT INTO position AS p (
        tracker_id, fix_time, lat_e7, lon_e7, received_at, speed_cms, course_ddeg, altitude_dm, accuracy_dm,
        hdop_centi, satellites, quality, battery_pct, flags, trust, protocol, attributes)
    SELECT
        tracker_id, fix_time, lat_e7, lon_e7, received_at,
        NULLIF(speed_cms, -2147483648), NULLIF(course_ddeg, -2147483648), NULLIF(altitude_dm, -2147483648),
        NULLIF(accuracy_dm, -2147483648), NULLIF(hdop_centi, -2147483648), NULLIF(satellites, (-32768)::smallint),
        NULLIF(quality, (-32768)::smallint), NULLIF(battery_pct, (-32768)::smallint), flags, trust, protocol, attributes
    FROM position_stage
    ON CONFLICT (tracker_id, fix_time, lat_e7, lon_e7) DO UPDATE SET
        received_at = least(p.received_at, excluded.received_at),
        trust = greatest(p.trust, excluded.trust),
        (speed_cms, course_ddeg, altitude_dm, accuracy_dm, hdop_centi, satellites, quality, battery_pct, flags,
            protocol, attributes) = (
            SELECT max(speed_cms), max(course_ddeg), max(altitude_dm), max(accuracy_dm), max(hdop_centi),
                max(satellites), max(quality), max(battery_pct), bit_or(flags), min(protocol),
                (array_agg(attributes ORDER BY attributes DESC NULLS LAST))[1]
            FROM (SELECT p.* UNION ALL SELECT excluded.*) AS c
            WHERE c.trust = greatest(p.trust, excluded.trust)
        )
    WHERE excluded.received_at < p.received_at
        OR excluded.trust > p.trust
        OR excluded.trust = p.trust AND (
            excluded.flags & ~p.flags <> 0
            OR excluded.protocol < p.protocol
            OR greatest(p.speed_cms, excluded.speed_cms) IS DISTINCT FROM p.speed_cms
            OR greatest(p.course_ddeg, excluded.course_ddeg) IS DISTINCT FROM p.course_ddeg
            OR greatest(p.altitude_dm, excluded.altitude_dm) IS DISTINCT FROM p.altitude_dm
            OR greatest(p.accuracy_dm, excluded.accuracy_dm) IS DISTINCT FROM p.accuracy_dm
            OR greatest(p.hdop_centi, excluded.hdop_centi) IS DISTINCT FROM p.hdop_centi
            OR greatest(p.satellites, excluded.satellites) IS DISTINCT FROM p.satellites
            OR greatest(p.quality, excluded.quality) IS DISTINCT FROM p.quality
            OR greatest(p.battery_pct, excluded.battery_pct) IS DISTINCT FROM p.battery_pct
            OR greatest(p.attributes, excluded.attributes) IS DISTINCT FROM p.attributes)
    RETURNING p.tracker_id, p.fix_time, p.lat_e7, p.lon_e7, old.tracker_id IS NULL AS fresh
)
SELECT s.ord, stored.fresh IS NOT NULL AS changed
FROM position_stage s
LEFT JOIN stored USING (tracker_id, fix_time, lat_e7, lon_e7)
WHERE stored.fresh IS NOT TRUE

-- :name is_native
-- Whether positions lie in native partitions (else in a hypertable).
SELECT relkind = 'p' FROM pg_class WHERE oid = 'position'::regclass

-- :name make_month
-- A month's partition, where it is missing.
DO $do$ BEGIN
    PERFORM pg_advisory_xact_lock(hashtext({text}));
    IF to_regclass({text}) IS NULL THEN
        CREATE TABLE {name} (LIKE position INCLUDING ALL);
        ALTER TABLE position ATTACH PARTITION {name} FOR VALUES FROM ({start}) TO ({end});
    END IF;
END $do$

-- :name since
-- The fixes of some trackers, each after a time of its own, in the order of the fold's sort.
SELECT p.tracker_id, (extract(epoch FROM p.fix_time) * 1000)::bigint, p.lat_e7, p.lon_e7,
    coalesce(p.speed_cms, -1), coalesce(p.accuracy_dm, -1), coalesce(p.hdop_centi, -1), p.flags, p.trust
FROM unnest(%(trackers)s::bigint[], %(after)s::timestamptz[]) AS t (id, after)
JOIN position p ON p.tracker_id = t.id AND p.fix_time > coalesce(t.after, '-infinity')
ORDER BY p.tracker_id, p.fix_time

-- :name by_key
-- Single fixes by their whole key: what evidence is copied from.
SELECT p.tracker_id, (extract(epoch FROM p.fix_time) * 1000)::bigint, p.lat_e7, p.lon_e7,
    p.received_at, p.speed_cms, p.accuracy_dm, p.flags, p.trust
FROM unnest(%(trackers)s::bigint[], %(times)s::timestamptz[], %(lats)s::int[], %(lons)s::int[])
    AS k (tracker_id, fix_time, lat_e7, lon_e7)
JOIN position p USING (tracker_id, fix_time, lat_e7, lon_e7)

-- :name at_times
-- A tracker's usable fixes at single times: what evidence is copied from where no visit names the fixes.
SELECT p.tracker_id, (extract(epoch FROM p.fix_time) * 1000)::bigint, p.lat_e7, p.lon_e7,
    p.received_at, p.speed_cms, p.accuracy_dm, p.flags, p.trust
FROM unnest(%(trackers)s::bigint[], %(times)s::timestamptz[]) AS k (tracker_id, fix_time)
JOIN position p USING (tracker_id, fix_time)
WHERE p.flags & %(doubt)s::smallint = 0

-- :name track
-- One tracker's fixes of some trust in a time range, with the flags its neighbours gave.
SELECT (extract(epoch FROM p.fix_time) * 1000)::bigint, p.lat_e7, p.lon_e7, p.speed_cms, p.accuracy_dm,
    p.flags | coalesce((SELECT bit_or(f.flag) FROM position_flag f
        WHERE (f.tracker_id, f.fix_time, f.lat_e7, f.lon_e7) = (p.tracker_id, p.fix_time, p.lat_e7, p.lon_e7)), 0::smallint),
    p.trust
FROM position p
WHERE p.tracker_id = %(tracker)s::bigint AND p.fix_time >= %(from)s::timestamptz AND p.fix_time < %(until)s::timestamptz
    AND p.trust >= %(trust)s::smallint
ORDER BY p.fix_time, p.lat_e7, p.lon_e7
LIMIT %(limit)s::int
