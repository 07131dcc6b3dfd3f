-- Serials and logistic units, what contains what, consignments with their plan, and what people stated.
-- Objects come by the 100,000, and nothing is ever deleted here: references to and from them are written down but not
-- enforced, because looking each up again costs a third of an import (tried: 2.6 of 8 s).

-- Serials and logistic units share one id space, because custody and containment speak of both.
CREATE TABLE object (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('serial', 'unit')),
    ref text NOT NULL CONSTRAINT object_ref_unique UNIQUE,  -- canonical form, a GS1 Digital Link where there is one
    code text NOT NULL,  -- the bare serial, or the SSCC; case-sensitive, never trimmed
    gtin text,
    issuer_id bigint REFERENCES party NOT ENFORCED,
    product text,  -- the issuer's own product code, where there is no GTIN
    lot text,
    expiry date,
    batch_id bigint NOT NULL,  -- commissioned together; the first custody entry names the batch
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX object_code ON object (code);
CREATE INDEX object_batch ON object (batch_id);

CREATE TABLE batch (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    issuer_id bigint NOT NULL REFERENCES party,
    place_id bigint REFERENCES place,
    commissioned_at timestamptz NOT NULL,
    source text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE object ADD FOREIGN KEY (batch_id) REFERENCES batch NOT ENFORCED;

-- One parent at a time. What lies directly in a consignment needs no row: its item line says so.
CREATE TABLE containment (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    child bigint NOT NULL REFERENCES object NOT ENFORCED,
    parent bigint NOT NULL REFERENCES object NOT ENFORCED,
    valid tstzrange NOT NULL CHECK (NOT isempty(valid)),
    recorded tstzrange NOT NULL DEFAULT tstzrange(clock_timestamp(), NULL),
    fact_id bigint,  -- the receipt that opened or ended it; taken back with it
    CHECK (child <> parent),
    CONSTRAINT containment_one_parent
        EXCLUDE USING gist (child WITH =, valid WITH &&) WHERE (upper_inf(recorded))
);
CREATE INDEX containment_child ON containment (child);
CREATE INDEX containment_parent ON containment (parent);
CREATE INDEX containment_fact ON containment (fact_id) WHERE fact_id IS NOT NULL;

CREATE TABLE consignment (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ref text NOT NULL CONSTRAINT consignment_ref_unique UNIQUE,
    consignor_id bigint NOT NULL REFERENCES party,
    consignee_id bigint NOT NULL REFERENCES party,
    effective_from timestamptz NOT NULL,
    closed_at timestamptz,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_recorded_at timestamptz NOT NULL DEFAULT '-infinity'  -- of its ledger entries: strictly increasing
);

CREATE TABLE stop (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consignment_id bigint NOT NULL REFERENCES consignment,
    seq int NOT NULL,
    place_id bigint NOT NULL REFERENCES place,
    role text NOT NULL CHECK (role IN ('pickup', 'drop', 'waypoint')),
    party_id bigint NOT NULL REFERENCES party,
    on_arrival text NOT NULL CHECK (on_arrival IN ('transfer', 'propose', 'record')),
    window_from timestamptz,
    window_to timestamptz,
    CONSTRAINT stop_seq_unique UNIQUE (consignment_id, seq)
);
CREATE INDEX stop_place ON stop (place_id);

CREATE TABLE leg (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consignment_id bigint NOT NULL REFERENCES consignment,
    from_seq int NOT NULL,
    to_seq int NOT NULL CHECK (to_seq > from_seq),
    carrier_id bigint NOT NULL REFERENCES party,
    vehicle_id bigint REFERENCES vehicle,
    recorded tstzrange NOT NULL DEFAULT tstzrange(clock_timestamp(), NULL)
);
CREATE INDEX leg_consignment ON leg (consignment_id);
CREATE INDEX leg_vehicle ON leg (vehicle_id) WHERE upper_inf(recorded);

CREATE TABLE item_set (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consignment_id bigint NOT NULL REFERENCES consignment,
    from_seq int NOT NULL,
    to_seq int NOT NULL CHECK (to_seq > from_seq),
    CONSTRAINT item_set_unique UNIQUE (consignment_id, from_seq, to_seq)
);

CREATE TABLE item (
    object_id bigint NOT NULL REFERENCES object NOT ENFORCED,
    item_set_id bigint NOT NULL REFERENCES item_set,
    recorded tstzrange NOT NULL DEFAULT tstzrange(clock_timestamp(), NULL),
    PRIMARY KEY (object_id, item_set_id)
);
CREATE INDEX item_by_set ON item (item_set_id);

CREATE TABLE assignment (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tracker_id bigint NOT NULL REFERENCES tracker,
    vehicle_id bigint REFERENCES vehicle,
    consignment_id bigint REFERENCES consignment,
    object_id bigint REFERENCES object,
    valid tstzrange NOT NULL CHECK (NOT isempty(valid)),  -- as people state it
    received_at timestamptz,  -- derived by the journey: since when all goods of its consignment are received for certain
    recorded tstzrange NOT NULL DEFAULT tstzrange(clock_timestamp(), NULL),
    CHECK (num_nonnulls(vehicle_id, consignment_id, object_id) = 1),
    CONSTRAINT assignment_one_subject
        EXCLUDE USING gist (tracker_id WITH =, valid WITH &&) WHERE (upper_inf(recorded))
);
CREATE INDEX assignment_vehicle ON assignment (vehicle_id) WHERE vehicle_id IS NOT NULL;
CREATE INDEX assignment_by_consignment ON assignment (consignment_id) WHERE consignment_id IS NOT NULL;
CREATE INDEX assignment_object ON assignment (object_id) WHERE object_id IS NOT NULL;

-- Scanned loads only; planned ones follow from legs and departures.
CREATE TABLE load (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    vehicle_id bigint NOT NULL REFERENCES vehicle,
    consignment_id bigint NOT NULL REFERENCES consignment,
    object_id bigint REFERENCES object,  -- NULL: the whole consignment
    valid tstzrange NOT NULL CHECK (NOT isempty(valid)),
    recorded tstzrange NOT NULL DEFAULT tstzrange(clock_timestamp(), NULL)
);
CREATE INDEX load_vehicle ON load (vehicle_id);
CREATE INDEX load_consignment ON load (consignment_id);
CREATE INDEX load_object ON load (object_id) WHERE object_id IS NOT NULL;

-- What a person or partner stated: receipts, handovers, corrections.
CREATE TABLE fact (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consignment_id bigint NOT NULL REFERENCES consignment,
    kind text NOT NULL CHECK (kind IN ('receipt', 'handover', 'skip_stop', 'complete_stop', 'void_fact')),
    stop_seq int,
    event_at timestamptz NOT NULL,
    effective_at timestamptz,
    level smallint NOT NULL,
    from_party bigint REFERENCES party,
    to_party bigint REFERENCES party,
    only_listed boolean NOT NULL DEFAULT false,
    target_fact_id bigint REFERENCES fact,
    actor text NOT NULL,
    note text NOT NULL DEFAULT '',
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX fact_consignment ON fact (consignment_id);

CREATE TABLE fact_object (
    fact_id bigint NOT NULL REFERENCES fact,
    object_id bigint NOT NULL REFERENCES object NOT ENFORCED,
    outcome text NOT NULL
        CHECK (outcome IN ('received', 'short', 'over', 'damaged', 'refused', 'handed_over')),
    PRIMARY KEY (fact_id, object_id)
);
CREATE INDEX fact_object_by_object ON fact_object (object_id);

-- A file that was imported is not imported again, whoever sends it twice.
CREATE TABLE manifest (
    sha256 bytea PRIMARY KEY,
    name text NOT NULL,
    report jsonb NOT NULL DEFAULT '{}',
    imported_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Which consignments a tracker on a unit concerns: kept by whoever edits assignments, items or containment, so
-- that a journey never searches 100,000 items for trackers.
CREATE TABLE assignment_consignment (
    assignment_id bigint NOT NULL REFERENCES assignment,
    consignment_id bigint NOT NULL REFERENCES consignment,
    PRIMARY KEY (assignment_id, consignment_id)
);
CREATE INDEX assignment_consignment_by_consignment ON assignment_consignment (consignment_id);

-- A consignment whose custody depends on where a tracker is before any visit says so: its departure from a pickup
-- is not known, or more than one tracker watches it. Kept by the journey; read by every batch.
CREATE TABLE watch (
    tracker_id bigint NOT NULL REFERENCES tracker,
    consignment_id bigint NOT NULL REFERENCES consignment,
    place_id bigint NOT NULL DEFAULT 0,  -- 0: any fix counts, else one far from this place
    trust smallint NOT NULL,  -- and of at least this trust
    since timestamptz NOT NULL,
    until timestamptz  -- fixes after it change nothing
);
CREATE INDEX watch_tracker ON watch (tracker_id);
CREATE INDEX watch_consignment ON watch (consignment_id);
CREATE INDEX watch_place ON watch (place_id, since) WHERE place_id <> 0;
