-- :name changed
-- The trackers with a checksum policy of their own, unless nothing was edited since an epoch.
SELECT c.epoch, t.identity, t.checksum
FROM configuration c LEFT JOIN tracker t ON t.checksum <> 'if-present'
WHERE c.epoch <> %(epoch)s::bigint
