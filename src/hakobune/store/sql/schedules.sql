-- Queries of schedules and their runs.

-- name: find
SELECT doc FROM schedules WHERE project = :project AND location = :location AND job = :job

-- name: by_uid
SELECT doc FROM schedules WHERE uid = :uid

-- name: list
SELECT doc FROM schedules WHERE project = :project AND location = :location AND job > :after ORDER BY job LIMIT :limit

-- name: list_everywhere
SELECT doc FROM schedules WHERE project = :project AND (job, location) > (:after, :after_location)
ORDER BY job, location LIMIT :limit

-- name: add
INSERT INTO schedules (uid, project, location, job, doc) VALUES (:uid, :project, :location, :job, :doc)

-- name: save
UPDATE schedules SET doc = :doc WHERE uid = :uid

-- name: delete
DELETE FROM schedules WHERE uid = :uid

-- name: find_run
SELECT doc FROM schedule_runs WHERE uid = :uid

-- name: runs_of
SELECT doc FROM schedule_runs WHERE schedule_uid = :schedule_uid ORDER BY rowid

-- The run of a due time that has not ended.
-- name: open_run
SELECT doc FROM schedule_runs WHERE schedule_uid = :schedule_uid AND NOT is_forced

-- name: save_run
INSERT INTO schedule_runs (uid, schedule_uid, is_forced, doc) VALUES (:uid, :schedule_uid, :is_forced, :doc)
ON CONFLICT (uid) DO UPDATE SET doc = excluded.doc

-- name: delete_run
DELETE FROM schedule_runs WHERE uid = :uid

-- name: delete_runs
DELETE FROM schedule_runs WHERE schedule_uid = :schedule_uid
