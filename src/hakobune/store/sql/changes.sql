-- The change feed, effects, policies, small facts.

-- name: bury
INSERT INTO tombstones (seq, project, name) VALUES (:seq, :project, :name)

-- name: buried
SELECT seq, name FROM tombstones
WHERE seq > :since AND seq <= :until AND (:project IS NULL OR project = :project) ORDER BY seq LIMIT :limit

-- name: tombstone_beyond
-- The newest tombstone that is not kept, if only :keep are.
SELECT id, seq FROM tombstones WHERE id = (SELECT max(id) FROM tombstones) - :keep

-- name: forget_tombstones
DELETE FROM tombstones WHERE id <= :id

-- name: get_meta
SELECT value FROM meta WHERE key = :key

-- name: set_meta
INSERT INTO meta (key, value) VALUES (:key, :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value

-- name: metas
SELECT key, value FROM meta WHERE key >= :prefix AND key < :stop

-- name: clear_meta
DELETE FROM meta WHERE key = :key

-- name: get_policy
SELECT doc FROM iam_policies WHERE resource = :resource

-- name: set_policy
INSERT INTO iam_policies (resource, doc) VALUES (:resource, :doc)
ON CONFLICT (resource) DO UPDATE SET doc = excluded.doc

-- name: delete_policy
DELETE FROM iam_policies WHERE resource = :resource

-- name: record_effect
INSERT INTO effects (attempt_uid, call, phase, target, key, at_s, seq)
VALUES (:attempt_uid, :call, :phase, :target, :key, :at_s, :seq)

-- name: trim_effects
-- Bounded: only the newest of each attempt are kept.
DELETE FROM effects WHERE attempt_uid = :attempt_uid AND id <= (
    SELECT id FROM effects WHERE attempt_uid = :attempt_uid ORDER BY id DESC LIMIT 1 OFFSET :keep)

-- name: effects_of
SELECT * FROM effects WHERE attempt_uid = :attempt_uid ORDER BY id

-- name: leave
-- The rows of an execution that is gone are removed bit by bit.
INSERT INTO leavings (execution_id, uid) VALUES (:execution_id, :uid)

-- name: next_leaving
SELECT execution_id, uid FROM leavings ORDER BY execution_id LIMIT 1

-- name: sweep_tasks
DELETE FROM tasks WHERE execution_id = :execution_id AND idx IN (
    SELECT idx FROM tasks WHERE execution_id = :execution_id LIMIT :limit)

-- name: sweep_attempts
DELETE FROM attempts WHERE execution_id = :execution_id AND (idx, handed_over) IN (
    SELECT idx, handed_over FROM attempts WHERE execution_id = :execution_id LIMIT :limit)

-- name: sweep_effects
DELETE FROM effects WHERE id IN (
    SELECT id FROM effects WHERE attempt_uid >= :first AND attempt_uid < :last LIMIT :limit)

-- name: left
DELETE FROM leavings WHERE execution_id = :execution_id

-- name: insert_snapshot
INSERT INTO snapshots (snapshot, project, create_s) VALUES (:snapshot, :project, :create_s)

-- name: insert_part
INSERT INTO snapshot_parts (snapshot, part, doc) VALUES (:snapshot, :part, :doc)

-- name: find_snapshot
SELECT project FROM snapshots WHERE snapshot = :snapshot

-- name: delete_snapshot
DELETE FROM snapshots WHERE snapshot = :snapshot

-- name: delete_parts
DELETE FROM snapshot_parts WHERE snapshot = :snapshot

-- name: snapshot_parts
SELECT doc FROM snapshot_parts WHERE snapshot = :snapshot ORDER BY part

-- name: project_jobs
SELECT * FROM jobs WHERE project = :project AND hidden = 0 ORDER BY job, location

-- name: project_executions
SELECT id FROM executions WHERE project = :project AND hidden = 0 ORDER BY location, job, execution

-- name: execution_row
SELECT * FROM executions WHERE id = :execution_id

-- name: execution_doc_rows
SELECT * FROM execution_docs WHERE execution_id = :execution_id

-- name: execution_tasks
SELECT * FROM tasks WHERE execution_id = :execution_id ORDER BY idx

-- name: execution_attempts
SELECT * FROM attempts WHERE execution_id = :execution_id ORDER BY idx, handed_over

-- name: project_policies
-- All resources of a project have a name that begins with it.
SELECT resource, doc FROM iam_policies WHERE resource >= :first AND resource < :last ORDER BY resource
