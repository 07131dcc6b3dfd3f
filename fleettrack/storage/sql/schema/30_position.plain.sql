-- Plain PostgreSQL: native range partitions by month, made ahead of the fixes that need them.

CREATE TABLE position (LIKE position_row INCLUDING DEFAULTS, PRIMARY KEY (tracker_id, fix_time, lat_e7, lon_e7))
PARTITION BY RANGE (fix_time);
