-- :name tasks
SELECT t.id, t.kind, c.ref AS consignment, t.visit_id AS visit, t.title, t.created_at, t.done_at, t.done_by
FROM task t LEFT JOIN consignment c ON c.id = t.consignment_id
WHERE t.id > %(after)s::bigint AND (t.done_at IS NULL OR NOT %(open_only)s::boolean)
    AND (%(id)s::bigint IS NULL OR t.id = %(id)s::bigint)
ORDER BY t.id LIMIT %(limit)s::int

-- :name task_done
-- Note who did a task; it stays with whoever did it first.
UPDATE task SET done_at = coalesce(done_at, %(at)s::timestamptz), done_by = coalesce(done_by, %(actor)s::text)
WHERE id = %(id)s::bigint

-- :name tasks_of_visit_done
UPDATE task SET done_at = %(at)s::timestamptz, done_by = %(actor)s::text
WHERE visit_id = %(visit_id)s::bigint AND done_at IS NULL

-- :name exceptions
SELECT e.id, c.ref AS consignment, e.kind, e.at, e.stop_seq AS stop, e.detail, e.visit_id AS visit,
    e.fact_id AS fact, e.raised_at, e.cleared_at
FROM exception e JOIN consignment c ON c.id = e.consignment_id
WHERE e.id > %(after)s::bigint AND (e.cleared_at IS NULL OR NOT %(open_only)s::boolean)
    AND (%(consignment)s::text IS NULL OR c.ref = %(consignment)s::text)
ORDER BY e.id LIMIT %(limit)s::int

-- :name visit
-- The tracker of a visit.
SELECT tracker_id FROM visit WHERE id = %(visit_id)s::bigint

-- :name newest_revision
-- What the newest revision of a visit says, and the last one that custody follows.
SELECT e.kind, e.held, e.entered_at, e.exited_at, f.entered_at, f.exited_at
FROM visit_event e
LEFT JOIN LATERAL (
    SELECT entered_at, exited_at FROM visit_event
    WHERE visit_id = e.visit_id AND NOT held ORDER BY revision DESC LIMIT 1
) f ON true
WHERE e.visit_id = %(visit_id)s::bigint ORDER BY e.revision DESC, e.held DESC LIMIT 1

-- :name accept_visit
-- Repeat the newest revision as one that custody follows.
WITH grown AS (
    UPDATE visit SET revision = revision + 1 WHERE id = %(visit_id)s::bigint RETURNING id, revision
)
INSERT INTO visit_event (
    visit_id, revision, kind, late, held, entered_at, entered_lo, entered_hi, exited_at, rule, confirmed_at, trust,
    exit_trust, cut_off, left_at, left_trust)
SELECT grown.id, grown.revision, e.kind, e.late, false, e.entered_at, e.entered_lo, e.entered_hi, e.exited_at, e.rule,
    e.confirmed_at, e.trust, e.exit_trust, e.cut_off, e.left_at, e.left_trust
FROM grown JOIN visit_event e ON e.visit_id = grown.id
WHERE e.revision = (SELECT max(revision) FROM visit_event WHERE visit_id = grown.id)
RETURNING revision
