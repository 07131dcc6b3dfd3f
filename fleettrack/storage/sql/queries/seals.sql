-- :name try_lock
-- One sealer at a time, whichever process it runs in.
SELECT pg_try_advisory_xact_lock(%(lock)s::bigint)

-- :name pending
-- Entries to be sealed: committed, and older than the oldest transaction still open, so that none can come before.
-- Nothing of this server's own that is seen here can be newer than the snapshot: what is was restored from another's.
SELECT entry_id FROM ledger_unsealed, pg_current_snapshot() AS s
WHERE txid < pg_snapshot_xmin(s) OR txid >= pg_snapshot_xmax(s)
ORDER BY entry_id LIMIT %(limit)s::int

-- :name bodies
SELECT id, body FROM ledger_sealable WHERE id = ANY(%(entries)s::bigint[]) ORDER BY id

-- :name last
SELECT seq, sha256 FROM ledger_seal ORDER BY seq DESC LIMIT 1

-- :name seal
-- Seal entries, which then wait no longer.
WITH sealed AS (DELETE FROM ledger_unsealed WHERE entry_id = ANY(%(entries)s::bigint[]))
INSERT INTO ledger_seal (seq, entry_id, sha256)
SELECT * FROM unnest(%(seqs)s::bigint[], %(entries)s::bigint[], %(hashes)s::bytea[])

-- :name chain
-- The chain in order, each seal with its entry as that stands now.
SELECT s.seq, s.entry_id, s.sha256, e.body
FROM ledger_seal s LEFT JOIN ledger_sealable e ON e.id = s.entry_id
WHERE s.seq > %(after)s::bigint ORDER BY s.seq LIMIT %(limit)s::int

-- :name unsealed
-- How many entries wait for their seal, and for how long the first of them has.
SELECT count(*), extract(epoch FROM clock_timestamp() - (SELECT recorded_at FROM ledger_entry WHERE id = min(entry_id)))
FROM ledger_unsealed

-- :name without_seal
-- How many entries wait for their seal, and the first that has none and does not wait, of the whole ledger: as of one
-- moment, so that none is on its way from the one to the other.
SELECT (SELECT count(*) FROM ledger_unsealed), (
    SELECT min(e.id) FROM ledger_entry e
    WHERE NOT EXISTS (SELECT 1 FROM ledger_seal s WHERE s.entry_id = e.id)
        AND NOT EXISTS (SELECT 1 FROM ledger_unsealed u WHERE u.entry_id = e.id)
)

-- :name evidence
-- The fixes kept with these entries.
SELECT entry_id, tracker_id, (extract(epoch FROM fix_time) * 1000)::bigint, lat_e7, lon_e7, received_at, speed_cms,
    accuracy_dm, flags, trust, ordinal, salt
FROM ledger_evidence WHERE entry_id = ANY(%(entries)s::bigint[]) ORDER BY entry_id, ordinal

-- :name lists
-- Lists named by these digests, with their members in order.
SELECT encode(l.sha256, 'hex'), array_agg(m.object_id ORDER BY m.object_id)
FROM object_list l JOIN object_list_member m ON m.list_id = l.id
WHERE l.sha256 = ANY(%(digests)s::bytea[]) GROUP BY l.sha256
