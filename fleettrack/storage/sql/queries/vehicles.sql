-- :name create
INSERT INTO vehicle (ref, giai, carrier_id) VALUES (%(ref)s::text, %(giai)s::text, %(carrier_id)s::bigint)

-- :name ids
SELECT ref, id FROM vehicle WHERE ref = ANY(%(refs)s::text[])

-- :name page
-- Vehicles in order; of one carrier, or one of them, where asked for.
SELECT v.ref, v.giai, p.ref AS carrier, v.created_at
FROM vehicle v LEFT JOIN party p ON p.id = v.carrier_id
WHERE v.ref > %(after)s::text
    AND (%(carrier)s::text IS NULL OR p.ref = %(carrier)s::text)
    AND (%(ref)s::text IS NULL OR v.ref = %(ref)s::text)
ORDER BY v.ref LIMIT %(limit)s::int
