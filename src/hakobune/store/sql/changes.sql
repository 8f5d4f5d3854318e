-- The change feed, effects, policies, small facts.

-- name: bury
INSERT INTO tombstones (seq, room, name) VALUES (:seq, :room, :name)

-- name: buried
SELECT seq, name FROM tombstones WHERE seq > :since AND (:prefix IS NULL OR name LIKE :prefix) ORDER BY seq LIMIT :limit

-- name: get_meta
SELECT value FROM meta WHERE key = :key

-- name: set_meta
INSERT INTO meta (key, value) VALUES (:key, :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value

-- name: get_policy
SELECT doc FROM iam_policies WHERE resource = :resource

-- name: set_policy
INSERT INTO iam_policies (resource, doc) VALUES (:resource, :doc)
ON CONFLICT (resource) DO UPDATE SET doc = excluded.doc

-- name: record_effect
INSERT INTO effects (attempt_uid, call, phase, target, key, at_s, seq)
VALUES (:attempt_uid, :call, :phase, :target, :key, :at_s, :seq)

-- name: trim_effects
-- Bounded: only the newest of each attempt are kept.
DELETE FROM effects WHERE attempt_uid = :attempt_uid AND id <= (
    SELECT id FROM effects WHERE attempt_uid = :attempt_uid ORDER BY id DESC LIMIT 1 OFFSET :keep)

-- name: effects_of
SELECT * FROM effects WHERE attempt_uid = :attempt_uid ORDER BY id

-- name: delete_effects_of_execution
DELETE FROM effects WHERE attempt_uid LIKE :prefix

-- name: insert_snapshot
INSERT INTO snapshots (snapshot, project, create_s, doc) VALUES (:snapshot, :project, :create_s, :doc)

-- name: find_snapshot
SELECT doc FROM snapshots WHERE snapshot = :snapshot

-- name: project_jobs
SELECT * FROM jobs WHERE project = :project AND hidden = 0 ORDER BY job, location

-- name: project_executions
SELECT * FROM executions WHERE project = :project AND hidden = 0 ORDER BY id

-- name: project_tasks
SELECT * FROM tasks WHERE execution_id = :execution_id ORDER BY idx

-- name: project_attempts
SELECT * FROM attempts WHERE execution_id = :execution_id ORDER BY idx, handed_over
