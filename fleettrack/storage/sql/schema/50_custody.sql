-- The custody ledger: append-only, sealed after commit; exceptions and tasks; what is to be told outside.

-- The explicit members of a scope, shared by all entries that name the same ones.
CREATE TABLE object_list (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sha256 bytea NOT NULL CONSTRAINT object_list_unique UNIQUE
);
CREATE TABLE object_list_member (
    list_id bigint NOT NULL REFERENCES object_list,
    object_id bigint NOT NULL REFERENCES object,
    PRIMARY KEY (object_id, list_id)
);

CREATE TABLE ledger_entry (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consignment_id bigint REFERENCES consignment,
    batch_id bigint REFERENCES batch,
    key text NOT NULL,
    kind text NOT NULL,
    status text NOT NULL,
    item_set_id bigint REFERENCES item_set,
    only_list_id bigint REFERENCES object_list,
    except_list_id bigint REFERENCES object_list,
    event_at timestamptz NOT NULL,
    event_lo timestamptz,
    event_hi timestamptz,
    recorded_at timestamptz NOT NULL,
    from_party bigint REFERENCES party,
    to_party bigint REFERENCES party,  -- NULL: movement only
    place_id bigint REFERENCES place,
    stop_seq int,
    visit_id bigint,
    fact_id bigint,
    level smallint NOT NULL,
    corroborated_by text[] NOT NULL DEFAULT '{}',
    evidence_sha256 bytea,
    actor text NOT NULL,
    supersedes bigint REFERENCES ledger_entry,  -- this entry takes that one's place
    voids bigint REFERENCES ledger_entry,  -- this entry takes that one away
    CHECK (num_nonnulls(consignment_id, batch_id) = 1)
);
CREATE INDEX ledger_consignment ON ledger_entry (consignment_id, recorded_at);
CREATE INDEX ledger_batch ON ledger_entry (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX ledger_only ON ledger_entry (only_list_id) WHERE only_list_id IS NOT NULL;

-- The fixes that decided an entry, copied so that retention never touches them (law L4).
CREATE TABLE ledger_evidence (
    entry_id bigint NOT NULL REFERENCES ledger_entry,
    ordinal smallint NOT NULL,
    tracker_id bigint NOT NULL,
    fix_time timestamptz NOT NULL,
    lat_e7 integer NOT NULL,
    lon_e7 integer NOT NULL,
    received_at timestamptz,
    speed_cms integer,
    accuracy_dm integer,
    flags smallint,
    trust smallint,
    salt bytea NOT NULL,  -- of its digest: who has only the entry cannot find the fix by trying
    PRIMARY KEY (entry_id, ordinal)
);

-- Entries that wait for their seal, filled by whoever appends and emptied by the seal: nobody searches the ledger.
CREATE TABLE ledger_unsealed (
    entry_id bigint PRIMARY KEY REFERENCES ledger_entry,
    txid xid8 NOT NULL DEFAULT pg_current_xact_id()  -- to be sealed once no older transaction is open
);

CREATE TABLE ledger_seal (
    seq bigint PRIMARY KEY,
    entry_id bigint NOT NULL UNIQUE REFERENCES ledger_entry,
    sha256 bytea NOT NULL,
    sealed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- An entry as it is sealed: everything it says, lists by their digest, times in microseconds since 1970.
CREATE VIEW ledger_sealable AS
SELECT e.id, jsonb_build_object(
    'id', e.id, 'consignment', e.consignment_id, 'batch', e.batch_id, 'key', e.key, 'kind', e.kind,
    'status', e.status, 'item_set', e.item_set_id, 'only', encode(o.sha256, 'hex'), 'except', encode(x.sha256, 'hex'),
    'event_at', (extract(epoch FROM e.event_at) * 1000000)::bigint,
    'event_lo', (extract(epoch FROM e.event_lo) * 1000000)::bigint,
    'event_hi', (extract(epoch FROM e.event_hi) * 1000000)::bigint,
    'recorded_at', (extract(epoch FROM e.recorded_at) * 1000000)::bigint,
    'from', e.from_party, 'to', e.to_party, 'place', e.place_id, 'stop', e.stop_seq, 'visit', e.visit_id,
    'fact', e.fact_id, 'level', e.level, 'corroborated_by', to_jsonb(e.corroborated_by),
    'evidence', encode(e.evidence_sha256, 'hex'), 'actor', e.actor, 'supersedes', e.supersedes, 'voids', e.voids
) AS body
FROM ledger_entry e
LEFT JOIN object_list o ON o.id = e.only_list_id
LEFT JOIN object_list x ON x.id = e.except_list_id;

CREATE TABLE exception (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consignment_id bigint NOT NULL REFERENCES consignment,
    key text NOT NULL,
    kind text NOT NULL,
    at timestamptz NOT NULL,
    stop_seq int,
    detail text NOT NULL,
    visit_id bigint,
    fact_id bigint,
    raised_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    cleared_at timestamptz
);
CREATE UNIQUE INDEX exception_open ON exception (consignment_id, key) WHERE cleared_at IS NULL;

CREATE TABLE task (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    consignment_id bigint REFERENCES consignment,
    visit_id bigint,
    title text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    done_at timestamptz,
    done_by text
);

-- Told to nobody before commit; read in order by whoever publishes.
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    consignment_id bigint,
    body jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
