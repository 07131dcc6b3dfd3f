-- TimescaleDB: a hypertable by fix time, segmented by tracker where it is compressed.

CREATE EXTENSION IF NOT EXISTS timescaledb;
CREATE TABLE position (LIKE position_row INCLUDING DEFAULTS, PRIMARY KEY (tracker_id, fix_time, lat_e7, lon_e7));
SELECT create_hypertable('position', by_range('fix_time', INTERVAL '7 days'), create_default_indexes => false);
ALTER TABLE position SET (
    timescaledb.enable_columnstore,
    timescaledb.segmentby = 'tracker_id',
    timescaledb.orderby = 'fix_time, lat_e7, lon_e7'
);
CALL add_columnstore_policy('position', after => INTERVAL '14 days');
