-- Long-running operations and idempotency keys.

-- name: insert
INSERT INTO operations (operation, project, location, kind, target_uid, create_s, target_kind, doc, seq)
VALUES (:operation, :project, :location, :kind, :target_uid, :create_s, :target_kind, :doc, :seq)

-- name: find
SELECT * FROM operations WHERE operation = :operation AND project = :project AND location = :location

-- name: by_id
SELECT * FROM operations WHERE operation = :operation

-- name: newest
SELECT * FROM operations WHERE project = :project AND location = :location
AND (seq, operation) < (:after_seq, :after)
ORDER BY seq DESC, operation DESC LIMIT :limit

-- name: keep_picture
-- The target goes: its last picture stays with its operations for ever.
UPDATE operations SET target_kind = :target_kind, doc = :doc WHERE target_uid = :target_uid AND doc IS NULL

-- Those about a service or a worker pool that are not done.
-- name: open_of
SELECT * FROM operations WHERE target_uid = :target_uid AND target_kind = :target_kind

-- name: settle
UPDATE operations SET target_kind = :target_kind, doc = :doc WHERE operation = :operation

-- name: delete
DELETE FROM operations WHERE operation = :operation

-- name: find_key
SELECT request_sha256, operation FROM idempotency_keys WHERE scope = :scope AND key = :key

-- name: keep_key
INSERT INTO idempotency_keys (scope, key, request_sha256, operation) VALUES (:scope, :key, :request_sha256, :operation)

-- name: forget_keys_of
DELETE FROM idempotency_keys WHERE scope = :scope AND operation = :operation

-- name: forget_keys
DELETE FROM idempotency_keys WHERE scope = :scope
