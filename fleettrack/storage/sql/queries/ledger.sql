-- :name writers
-- Be counted among the ledger's writers until this transaction ends (see horizon).
SELECT pg_advisory_xact_lock_shared(%(lock)s::bigint)

-- :name effective
-- The entries of consignments that are neither superseded nor voided.
SELECT e.id, e.consignment_id, e.key, e.kind, e.status, e.item_set_id, e.only_list_id, e.except_list_id,
    e.event_at, e.event_lo, e.event_hi, e.from_party, e.to_party, e.place_id, e.stop_seq, e.visit_id, e.fact_id,
    e.level, e.corroborated_by
FROM ledger_entry e
WHERE e.consignment_id = ANY(%(ids)s::bigint[]) AND e.voids IS NULL
    AND NOT EXISTS (
        SELECT 1 FROM ledger_entry later
        WHERE later.consignment_id = e.consignment_id AND (later.supersedes = e.id OR later.voids = e.id))

-- :name list_members
SELECT list_id, object_id FROM object_list_member WHERE list_id = ANY(%(lists)s::bigint[])

-- :name list_make
-- The id of a list of objects; made where it is new.
INSERT INTO object_list (sha256) VALUES (%(sha256)s::bytea)
ON CONFLICT (sha256) DO UPDATE SET sha256 = excluded.sha256
RETURNING id

-- :name list_fill
INSERT INTO object_list_member (list_id, object_id)
SELECT %(list)s::bigint, o FROM unnest(%(objects)s::bigint[]) AS o
ON CONFLICT DO NOTHING

-- :name reserve
-- Ids for so many entries, in order.
SELECT nextval(pg_get_serial_sequence('ledger_entry', 'id')) FROM generate_series(1, %(count)s::int)

-- :name recorded_at
-- The next knowledge times of consignments, a microsecond apart: the clock, but always after their last one.
UPDATE consignment c
SET last_recorded_at = greatest(clock_timestamp(), c.last_recorded_at + interval '1 microsecond')
    + (n.count - 1) * interval '1 microsecond'
FROM unnest(%(ids)s::bigint[], %(counts)s::int[]) AS n (id, count)
WHERE c.id = n.id
RETURNING c.id, c.last_recorded_at - (n.count - 1) * interval '1 microsecond'

-- :name append
-- Append entries, and note that they wait for their seal.
WITH appended AS (
INSERT INTO ledger_entry (
    id, consignment_id, batch_id, key, kind, status, item_set_id, only_list_id, except_list_id, event_at, event_lo,
    event_hi, recorded_at, from_party, to_party, place_id, stop_seq, visit_id, fact_id, level, corroborated_by,
    actor, supersedes, voids, evidence_sha256)
OVERRIDING SYSTEM VALUE
SELECT * FROM jsonb_to_recordset(%(entries)s::jsonb) AS e (
    id bigint, consignment_id bigint, batch_id bigint, key text, kind text, status text, item_set_id bigint,
    only_list_id bigint, except_list_id bigint, event_at timestamptz, event_lo timestamptz, event_hi timestamptz,
    recorded_at timestamptz, from_party bigint, to_party bigint, place_id bigint, stop_seq int, visit_id bigint,
    fact_id bigint, level smallint, corroborated_by text[], actor text, supersedes bigint, voids bigint,
    evidence_sha256 bytea)
RETURNING id
)
INSERT INTO ledger_unsealed (entry_id) SELECT id FROM appended

-- :name evidence
INSERT INTO ledger_evidence (
    entry_id, ordinal, tracker_id, fix_time, lat_e7, lon_e7, received_at, speed_cms, accuracy_dm, flags, trust, salt)
SELECT * FROM jsonb_to_recordset(%(fixes)s::jsonb) AS e (
    entry_id bigint, ordinal smallint, tracker_id bigint, fix_time timestamptz, lat_e7 int, lon_e7 int,
    received_at timestamptz, speed_cms int, accuracy_dm int, flags smallint, trust smallint, salt bytea)

-- :name exceptions_open
SELECT id, consignment_id, key, kind, at, stop_seq, detail, visit_id, fact_id
FROM exception WHERE consignment_id = ANY(%(ids)s::bigint[]) AND cleared_at IS NULL

-- :name exceptions_clear
UPDATE exception SET cleared_at = clock_timestamp() WHERE id = ANY(%(ids)s::bigint[])

-- :name exception_raise
INSERT INTO exception (consignment_id, key, kind, at, stop_seq, detail, visit_id, fact_id)
VALUES (%(consignment_id)s, %(key)s, %(kind)s, %(at)s, %(stop_seq)s, %(detail)s, %(visit_id)s, %(fact_id)s)

-- :name outbox
INSERT INTO outbox (kind, consignment_id, body)
SELECT 'custody', consignment_id, body
FROM jsonb_to_recordset(%(told)s::jsonb) AS t (consignment_id bigint, body jsonb)

-- :name horizon
-- No ledger entry and no visit recorded before this moment can still appear: the start of the oldest writer under way.
-- The clock is read before the locks: a writer that joins in between begins to record after that.
SELECT coalesce(oldest.at, asked.at)
FROM (SELECT clock_timestamp() AS at OFFSET 0) asked
CROSS JOIN LATERAL (
    SELECT min(a.xact_start) AS at
    FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (l.classid::bigint << 32) + l.objid::bigint = %(lock)s::bigint AND l.objsubid = 1
        AND a.xact_start <= asked.at
) oldest

-- :name propose
-- One open task for each visit and consignment.
INSERT INTO task (kind, consignment_id, visit_id, title)
SELECT 'late_correction', %(consignment_id)s::bigint, %(visit_id)s::bigint,
    'Positions more than 72 hours late change this visit: accept it, and custody follows'
WHERE NOT EXISTS (
    SELECT 1 FROM task WHERE visit_id = %(visit_id)s::bigint AND consignment_id = %(consignment_id)s::bigint
        AND kind = 'late_correction' AND done_at IS NULL)
