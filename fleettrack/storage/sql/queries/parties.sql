-- :name create
INSERT INTO party (ref, name, gln) VALUES (%(ref)s::text, %(name)s::text, %(gln)s::text)

-- :name ids
SELECT ref, id FROM party WHERE ref = ANY(%(refs)s::text[])

-- :name get
SELECT ref, name, gln, created_at FROM party WHERE ref = %(ref)s::text

-- :name page
SELECT ref, name, gln, created_at FROM party WHERE ref > %(after)s::text ORDER BY ref LIMIT %(limit)s::int
