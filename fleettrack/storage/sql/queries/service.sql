-- :name beat
INSERT INTO heartbeat (at) VALUES (%(now)s::timestamptz)
ON CONFLICT (only_row) DO UPDATE SET at = greatest(heartbeat.at, excluded.at)

-- :name last_beat
SELECT at FROM heartbeat

-- :name note_outage
INSERT INTO outage (from_time, to_time) VALUES (%(from)s::timestamptz, %(to)s::timestamptz) ON CONFLICT DO NOTHING

-- :name outages
SELECT from_time, to_time FROM outage ORDER BY from_time
