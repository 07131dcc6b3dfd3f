-- What the first fold keeps: state, checkpoints, judgements on fixes, visits; and pings that wait or were refused.

-- Where no fix of a tracker can decide any more its row stays, emptied: the version counts on, or somebody who still
-- has the old state could write what follows from it.
CREATE TABLE tracker_state (
    tracker_id bigint PRIMARY KEY REFERENCES tracker,
    version bigint NOT NULL,  -- counts up with each fold: a batch that read an older one decides again
    newest_time timestamptz,  -- of the unflagged fixes
    lat_e7 integer,
    lon_e7 integer,
    speed_cms integer,
    course_ddeg integer,
    received_at timestamptz,
    due_at timestamptz,  -- when the clock alone decides something
    settled_at timestamptz,  -- up to when the clock has decided
    fold bytea NOT NULL
) WITH (fillfactor = 60);
CREATE INDEX tracker_state_due ON tracker_state (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE tracker_checkpoint (
    tracker_id bigint NOT NULL REFERENCES tracker,
    fix_time timestamptz NOT NULL,
    fold bytea NOT NULL,
    PRIMARY KEY (tracker_id, fix_time)
);

-- Flags that depend on neighbours, rewritten when those change.
CREATE TABLE position_flag (
    tracker_id bigint NOT NULL,
    fix_time timestamptz NOT NULL,
    lat_e7 integer NOT NULL,
    lon_e7 integer NOT NULL,
    flag smallint NOT NULL,
    PRIMARY KEY (tracker_id, fix_time, lat_e7, lon_e7, flag)
);

-- The visit as known now; `visit_event` keeps every state it ever had.
CREATE TABLE visit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tracker_id bigint NOT NULL REFERENCES tracker,
    place_id bigint NOT NULL REFERENCES place,
    revision int NOT NULL,
    first_in timestamptz NOT NULL,  -- the first fix inside
    last_change timestamptz NOT NULL,  -- event time of the fix or tick that last changed it
    entered_at timestamptz NOT NULL,
    entered_lo timestamptz NOT NULL,
    entered_hi timestamptz NOT NULL,
    arrived boolean NOT NULL,
    exited_at timestamptz,
    retracted boolean NOT NULL DEFAULT false,
    trust smallint NOT NULL,  -- the least of the fixes that had a say in the arrival; 0 without one
    exit_trust smallint NOT NULL,  -- the same of the departure
    body bytea NOT NULL  -- the fold's record, whole
);
CREATE INDEX visit_tracker ON visit (tracker_id, last_change);
CREATE INDEX visit_key ON visit (tracker_id, place_id, first_in) WHERE NOT retracted;
CREATE INDEX visit_place ON visit (place_id, entered_at);

CREATE TABLE visit_event (
    visit_id bigint NOT NULL REFERENCES visit,
    revision int NOT NULL,
    kind text NOT NULL CHECK (kind IN
        ('entered', 'passed', 'arrived', 'departed', 'reopened', 'corrected', 'retracted', 'ended')),
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    late boolean NOT NULL DEFAULT false,
    held boolean NOT NULL DEFAULT false,  -- older than custody may follow by itself: waits for a person
    entered_at timestamptz NOT NULL,
    entered_lo timestamptz NOT NULL,
    entered_hi timestamptz NOT NULL,
    exited_at timestamptz,
    rule text,
    confirmed_at timestamptz,
    trust smallint NOT NULL,
    exit_trust smallint NOT NULL,
    cut_off boolean NOT NULL,  -- it ended with the place's last fence: nobody saw the tracker leave
    left_at timestamptz,  -- a proven departure that only unproven fixes took back: custody still follows it
    left_trust smallint NOT NULL,
    PRIMARY KEY (visit_id, kind, revision)
);

-- When we ourselves were not listening: never taken for a tracker's silence (law L6).
CREATE TABLE outage (
    from_time timestamptz PRIMARY KEY,
    to_time timestamptz NOT NULL
);
CREATE TABLE heartbeat (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    at timestamptz NOT NULL
);

-- An unknown tracker's pings wait here until somebody claims it (law L8).
CREATE TABLE held_ping (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identity text NOT NULL,
    source text NOT NULL,
    api_key_id bigint REFERENCES api_key,
    received_at timestamptz NOT NULL,
    protocol smallint NOT NULL,
    trust smallint NOT NULL,
    fix bytea NOT NULL,
    digest bytea NOT NULL,
    -- The same again by another way is no copy: only at the claim it shows which sender may speak for the tracker.
    CONSTRAINT held_ping_once UNIQUE NULLS NOT DISTINCT (identity, digest, trust, protocol, api_key_id)
);
CREATE INDEX held_ping_source ON held_ping (source);
CREATE INDEX held_ping_received ON held_ping (received_at);

-- How many of them came without a key, kept in count because counting a million takes too long for a batch.
CREATE TABLE held_room (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    keyless bigint NOT NULL DEFAULT 0
);
INSERT INTO held_room DEFAULT VALUES;

CREATE TABLE reject (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_at timestamptz NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    protocol smallint NOT NULL,
    source text NOT NULL,
    identity text,
    api_key_id bigint REFERENCES api_key,
    raw bytea NOT NULL
);
CREATE INDEX reject_received ON reject (received_at);
CREATE INDEX reject_key ON reject (api_key_id, id);
CREATE INDEX reject_tracker ON reject (identity, id) WHERE api_key_id IS NULL;
