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

-- :name recorded_at
-- The next knowledge time of a consignment: the clock, but always after its last one.
UPDATE consignment
SET last_recorded_at = greatest(clock_timestamp(), last_recorded_at + interval '1 microsecond')
WHERE id = %(id)s::bigint RETURNING last_recorded_at

-- :name append
INSERT INTO ledger_entry (
    consignment_id, batch_id, key, kind, status, item_set_id, only_list_id, except_list_id, event_at, event_lo,
    event_hi, recorded_at, from_party, to_party, place_id, stop_seq, visit_id, fact_id, level, corroborated_by,
    actor, supersedes, voids, evidence_sha256)
VALUES (
    %(consignment_id)s, %(batch_id)s, %(key)s, %(kind)s, %(status)s, %(item_set_id)s, %(only_list_id)s,
    %(except_list_id)s, %(event_at)s, %(event_lo)s, %(event_hi)s, %(recorded_at)s, %(from_party)s, %(to_party)s,
    %(place_id)s, %(stop_seq)s, %(visit_id)s, %(fact_id)s, %(level)s, %(corroborated_by)s, %(actor)s,
    %(supersedes)s, %(voids)s, %(evidence_sha256)s)
RETURNING id

-- :name evidence
INSERT INTO ledger_evidence (
    entry_id, ordinal, tracker_id, fix_time, lat_e7, lon_e7, received_at, speed_cms, accuracy_dm, flags, trust)
VALUES (
    %(entry_id)s, %(ordinal)s, %(tracker_id)s, %(fix_time)s, %(lat_e7)s, %(lon_e7)s, %(received_at)s, %(speed_cms)s,
    %(accuracy_dm)s, %(flags)s, %(trust)s)

-- :name exceptions_open
SELECT id, consignment_id, key, kind, at, stop_seq, detail, visit_id, fact_id
FROM exception WHERE consignment_id = ANY(%(ids)s::bigint[]) AND cleared_at IS NULL

-- :name exceptions_clear
UPDATE exception SET cleared_at = clock_timestamp() WHERE id = ANY(%(ids)s::bigint[])

-- :name exception_raise
INSERT INTO exception (consignment_id, key, kind, at, stop_seq, detail, visit_id, fact_id)
VALUES (%(consignment_id)s, %(key)s, %(kind)s, %(at)s, %(stop_seq)s, %(detail)s, %(visit_id)s, %(fact_id)s)

-- :name outbox
INSERT INTO outbox (kind, consignment_id, body) VALUES (%(kind)s, %(consignment_id)s, %(body)s::jsonb)

-- :name horizon
-- No ledger entry recorded before this moment can still appear: the start of the oldest writer under way.
SELECT coalesce(min(a.xact_start), clock_timestamp())
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (l.classid::bigint << 32) + l.objid::bigint = %(lock)s::bigint AND l.objsubid = 1 AND a.xact_start IS NOT NULL

-- :name propose
-- One open task for each visit and consignment.
INSERT INTO task (kind, consignment_id, visit_id, title)
SELECT 'late_correction', %(consignment_id)s::bigint, %(visit_id)s::bigint,
    'Positions more than 72 hours late change this visit: accept it, and custody follows'
WHERE NOT EXISTS (
    SELECT 1 FROM task WHERE visit_id = %(visit_id)s::bigint AND consignment_id = %(consignment_id)s::bigint
        AND kind = 'late_correction' AND done_at IS NULL)
