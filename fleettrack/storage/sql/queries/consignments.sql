-- :name hold_batches
-- Wait for the batches under way, and let no other begin until this transaction ends.
SELECT pg_advisory_xact_lock(%(lock)s::bigint)

-- :name known
-- Which of these references are taken.
SELECT ref FROM consignment WHERE ref = ANY(%(refs)s::text[])

-- :name create
INSERT INTO consignment (ref, consignor_id, consignee_id, effective_from)
SELECT * FROM unnest(%(refs)s::text[], %(consignors)s::bigint[], %(consignees)s::bigint[], %(since)s::timestamptz[])
RETURNING ref, id

-- :name create_stops
INSERT INTO stop (consignment_id, seq, place_id, role, party_id, on_arrival, window_from, window_to)
SELECT * FROM unnest(%(consignments)s::bigint[], %(seqs)s::int[], %(places)s::bigint[], %(roles)s::text[],
    %(parties)s::bigint[], %(on_arrivals)s::text[], %(windows_from)s::timestamptz[], %(windows_to)s::timestamptz[])

-- :name create_legs
INSERT INTO leg (consignment_id, from_seq, to_seq, carrier_id, vehicle_id, recorded)
SELECT *, tstzrange(%(known)s::timestamptz, NULL)
FROM unnest(%(consignments)s::bigint[], %(from_seqs)s::int[], %(to_seqs)s::int[], %(carriers)s::bigint[],
    %(vehicles)s::bigint[])

-- :name lock
-- Take consignments for the rest of the transaction, in ascending order.
SELECT ref, id, consignor_id, consignee_id, effective_from, closed_at FROM consignment
WHERE ref = ANY(%(refs)s::text[]) ORDER BY id FOR UPDATE

-- :name lock_ids
SELECT id FROM consignment WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id FOR UPDATE

-- :name close
UPDATE consignment SET closed_at = %(at)s::timestamptz WHERE id = %(id)s::bigint

-- :name page
-- Consignments in order; of one carrier, or one of them, where asked for.
SELECT c.ref, s.ref AS consignor, r.ref AS consignee, c.effective_from, c.closed_at
FROM consignment c JOIN party s ON s.id = c.consignor_id JOIN party r ON r.id = c.consignee_id
WHERE c.ref > %(after)s::text
    AND (%(ref)s::text IS NULL OR c.ref = %(ref)s::text)
    AND (%(carrier)s::text IS NULL OR EXISTS (
        SELECT FROM leg JOIN party p ON p.id = leg.carrier_id
        WHERE leg.consignment_id = c.id AND upper_inf(leg.recorded) AND p.ref = %(carrier)s::text))
ORDER BY c.ref LIMIT %(limit)s::int

-- :name stops
SELECT s.seq, pl.ref AS place, s.role, p.ref AS party, s.on_arrival, s.window_from, s.window_to
FROM consignment c JOIN stop s ON s.consignment_id = c.id
JOIN place pl ON pl.id = s.place_id JOIN party p ON p.id = s.party_id
WHERE c.ref = %(ref)s::text ORDER BY s.seq

-- :name legs
SELECT l.from_seq AS from_stop, l.to_seq AS to_stop, p.ref AS carrier, v.ref AS vehicle
FROM consignment c JOIN leg l ON l.consignment_id = c.id AND upper_inf(l.recorded)
JOIN party p ON p.id = l.carrier_id LEFT JOIN vehicle v ON v.id = l.vehicle_id
WHERE c.ref = %(ref)s::text ORDER BY l.from_seq

-- :name items
SELECT s.from_seq AS from_stop, s.to_seq AS to_stop,
    (SELECT count(*) FROM item i WHERE i.item_set_id = s.id AND upper_inf(i.recorded)) AS lines
FROM consignment c JOIN item_set s ON s.consignment_id = c.id
WHERE c.ref = %(ref)s::text ORDER BY s.from_seq, s.to_seq

-- :name stop
-- What a fact needs of a stop.
SELECT seq, place_id, role, party_id FROM stop WHERE consignment_id = %(id)s::bigint AND seq = %(seq)s::int
