-- :name claim
-- Be the one who imports a file; waits for whoever is importing it just now.
INSERT INTO manifest (sha256, name, imported_at) VALUES (%(sha256)s::bytea, %(name)s::text, %(at)s::timestamptz)
ON CONFLICT DO NOTHING
RETURNING sha256

-- :name report
SELECT report FROM manifest WHERE sha256 = %(sha256)s::bytea

-- :name keep_report
UPDATE manifest SET report = %(report)s::jsonb WHERE sha256 = %(sha256)s::bytea
