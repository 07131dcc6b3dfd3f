-- Parties, places with their geofences, vehicles, trackers, keys.
-- Facts that people enter are bitemporal: `valid` is when it held, `recorded` since when we know it.

CREATE EXTENSION IF NOT EXISTS btree_gist;

CREATE TABLE party (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ref text NOT NULL CONSTRAINT party_ref_unique UNIQUE,
    name text NOT NULL,
    gln text,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE place (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ref text NOT NULL CONSTRAINT place_ref_unique UNIQUE,
    name text NOT NULL,
    party_id bigint NOT NULL REFERENCES party,
    timezone text NOT NULL DEFAULT 'UTC',
    class text NOT NULL DEFAULT 'site' CHECK (class IN ('site', 'depot', 'fuel', 'rest', 'border')),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE geofence (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    place_id bigint NOT NULL REFERENCES place,
    name text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now()
);

-- A statement that was replaced keeps its row with `recorded` closed. Stating again that the same version holds for
-- another time (a new version follows it, the fence is deleted) keeps its `version`: open visits are pinned to that.
CREATE SEQUENCE geofence_version_number;
CREATE TABLE geofence_version (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version bigint NOT NULL DEFAULT nextval('geofence_version_number'),
    geofence_id bigint NOT NULL REFERENCES geofence,
    place_id bigint NOT NULL REFERENCES place,
    shape jsonb NOT NULL,  -- GeoJSON geometry, or {"type": "Circle" | "Corridor", ...} in metres
    rules jsonb NOT NULL DEFAULT '{}',
    valid tstzrange NOT NULL CHECK (NOT isempty(valid)),
    recorded tstzrange NOT NULL DEFAULT tstzrange(now(), NULL),
    CONSTRAINT geofence_version_one_at_a_time
        EXCLUDE USING gist (geofence_id WITH =, valid WITH &&) WHERE (upper_inf(recorded))
);

CREATE TABLE vehicle (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ref text NOT NULL CONSTRAINT vehicle_ref_unique UNIQUE,
    giai text,
    carrier_id bigint REFERENCES party,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE tracker (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identity text NOT NULL CONSTRAINT tracker_identity_unique UNIQUE,
    name text NOT NULL DEFAULT '',
    carrier_id bigint REFERENCES party,
    checksum text NOT NULL DEFAULT 'if-present' CHECK (checksum IN ('require', 'if-present', 'ignore')),
    minimum_trust smallint NOT NULL DEFAULT 0,
    secret_sha256 bytea,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_key (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    prefix text NOT NULL,
    sha256 bytea NOT NULL CONSTRAINT api_key_unique UNIQUE,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('admin', 'dispatcher', 'carrier')),
    party_id bigint REFERENCES party,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    CHECK (role <> 'carrier' OR party_id IS NOT NULL)
);

-- An answer already given to an Idempotency-Key, so that a retry gets it again.
CREATE TABLE idempotency (
    api_key_id bigint NOT NULL REFERENCES api_key,
    key text NOT NULL,
    request_sha256 bytea NOT NULL,
    status smallint NOT NULL,
    body jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (api_key_id, key)
);
CREATE INDEX idempotency_created ON idempotency (created_at);

-- Counts up with each edit of fences or assignments; a batch that decided by an older count decides again.
CREATE TABLE configuration (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch bigint NOT NULL DEFAULT 1
);
INSERT INTO configuration DEFAULT VALUES;
