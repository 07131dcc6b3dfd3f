-- The columns of a position, said once for the table of either engine and for the stage it is filled from.

CREATE TABLE position_row (
    tracker_id bigint NOT NULL,
    fix_time timestamptz NOT NULL,
    lat_e7 integer NOT NULL,
    lon_e7 integer NOT NULL,
    received_at timestamptz NOT NULL,  -- the earliest of all copies
    speed_cms integer,
    course_ddeg integer,
    altitude_dm integer,
    accuracy_dm integer,
    hdop_centi integer,
    satellites smallint,
    quality smallint,
    battery_pct smallint,
    flags smallint NOT NULL,
    trust smallint NOT NULL,
    protocol smallint NOT NULL,
    attributes jsonb
);
