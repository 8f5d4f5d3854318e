-- Queries of the jobs room. Parameters are named; :seq is the number of the commit under way.

-- name: insert_job
INSERT INTO jobs (uid, project, location, job, etag, doc, changed_seq)
VALUES (:uid, :project, :location, :job, :etag, :doc, :seq)

-- name: update_job
-- A new generation or state of the same uid.
UPDATE jobs SET etag = :etag, doc = :doc, changed_seq = :seq WHERE uid = :uid

-- name: hide_job
UPDATE jobs SET hidden = 1, changed_seq = :seq WHERE uid = :uid AND hidden = 0

-- name: delete_job_without_executions
-- The row of a deleted job goes with its last execution.
DELETE FROM jobs WHERE uid = :job_uid AND hidden = 1
AND NOT EXISTS (SELECT 1 FROM executions WHERE job_uid = :job_uid)

-- name: find_job
SELECT j.*, e.execution AS e_execution, e.create_s AS e_create_s, e.completion_s AS e_completion_s, e.state AS e_state
FROM jobs j LEFT JOIN executions e ON e.id = j.latest_execution AND e.hidden = 0
WHERE j.project = :project AND j.location = :location AND j.job = :job AND j.hidden = 0

-- name: job_by_uid
SELECT j.*, e.execution AS e_execution, e.create_s AS e_create_s, e.completion_s AS e_completion_s, e.state AS e_state
FROM jobs j LEFT JOIN executions e ON e.id = j.latest_execution AND e.hidden = 0
WHERE j.uid = :uid

-- name: list_jobs
SELECT j.*, e.execution AS e_execution, e.create_s AS e_create_s, e.completion_s AS e_completion_s, e.state AS e_state
FROM jobs j LEFT JOIN executions e ON e.id = j.latest_execution AND e.hidden = 0
WHERE j.project = :project AND (:location IS NULL OR j.location = :location) AND j.hidden = 0
AND (j.job, j.location) > (:after_job, :after_location)
ORDER BY j.job, j.location LIMIT :limit

-- name: changed_jobs
SELECT j.*, e.execution AS e_execution, e.create_s AS e_create_s, e.completion_s AS e_completion_s, e.state AS e_state
FROM jobs j LEFT JOIN executions e ON e.id = j.latest_execution AND e.hidden = 0
WHERE j.changed_seq > :since AND j.changed_seq <= :until AND j.hidden = 0 AND (:project IS NULL OR j.project = :project)
ORDER BY j.changed_seq LIMIT :limit

-- name: count_execution_of_job
-- A new execution becomes the newest of its job.
UPDATE jobs SET execution_count = execution_count + 1, latest_execution = :id, changed_seq = :seq WHERE uid = :job_uid

-- name: touch_job
-- Its newest execution changed state, which the job shows.
UPDATE jobs SET changed_seq = :seq WHERE uid = :job_uid AND latest_execution = :id

-- name: uncount_execution_of_job
-- An execution went: the newest one that is left takes its place.
UPDATE jobs SET execution_count = execution_count - 1, changed_seq = :seq, latest_execution = (
    SELECT id FROM executions WHERE job_uid = :job_uid AND hidden = 0 ORDER BY id DESC LIMIT 1)
WHERE uid = :job_uid

-- name: execution_count
SELECT execution_count FROM jobs WHERE uid = :job_uid

-- name: insert_execution
INSERT INTO executions (uid, job_uid, project, location, job, execution, state, generation, running, succeeded, failed,
cancelled, retried, attempts_ended, in_flight, pending_rows, first_unborn, create_s, start_s, first_start_s,
completion_s, update_s, failure_index, failure, cancel_reason, operation, changed_seq)
VALUES (:uid, :job_uid, :project, :location, :job, :execution, :state, :generation, :running, :succeeded, :failed,
:cancelled, :retried, :attempts_ended, :in_flight, :pending_rows, :first_unborn, :create_s, :start_s, :first_start_s,
:completion_s, :update_s, :failure_index, :failure, :cancel_reason, :operation, :seq)

-- name: insert_execution_doc
INSERT INTO execution_docs (execution_id, doc) VALUES (:id, :doc)

-- name: execution_doc
SELECT doc FROM execution_docs WHERE execution_id = :id

-- name: update_execution
-- What a decision may change. An execution that has ended stays as it is.
UPDATE executions SET state = :state, generation = :generation, running = :running, succeeded = :succeeded,
failed = :failed, cancelled = :cancelled, retried = :retried, attempts_ended = :attempts_ended, in_flight = :in_flight,
pending_rows = :pending_rows, first_unborn = :first_unborn, start_s = :start_s, first_start_s = :first_start_s,
completion_s = :completion_s, update_s = :update_s, failure_index = :failure_index, failure = :failure,
cancel_reason = :cancel_reason, changed_seq = :seq
WHERE uid = :uid AND completion_s IS NULL

-- name: hide_execution
UPDATE executions SET hidden = 1, changed_seq = :seq WHERE uid = :uid AND hidden = 0

-- name: delete_execution
DELETE FROM executions WHERE id = :id

-- name: delete_execution_doc
DELETE FROM execution_docs WHERE execution_id = :id

-- name: execution_by_uid
SELECT * FROM executions WHERE uid = :uid

-- name: execution_place
SELECT id, state, hidden, job_uid FROM executions WHERE uid = :uid

-- name: find_execution
SELECT * FROM executions
WHERE project = :project AND location = :location AND job = :job AND execution = :execution AND hidden = 0

-- name: find_execution_in_project
SELECT * FROM executions
WHERE project = :project AND (:location IS NULL OR location = :location) AND execution = :execution AND hidden = 0
ORDER BY id DESC LIMIT 1

-- name: list_executions
-- Newest first; :before is the id of the last one seen.
SELECT * FROM executions
WHERE project = :project AND (:location IS NULL OR location = :location) AND hidden = 0 AND id < :before
ORDER BY id DESC LIMIT :limit

-- name: list_executions_of_job
SELECT e.* FROM executions e JOIN jobs j ON j.uid = e.job_uid
WHERE j.project = :project AND j.job = :job AND (:location IS NULL OR j.location = :location) AND j.hidden = 0
AND e.hidden = 0 AND e.id < :before
ORDER BY e.id DESC LIMIT :limit

-- name: changed_executions
SELECT * FROM executions
WHERE changed_seq > :since AND changed_seq <= :until AND hidden = 0 AND (:project IS NULL OR project = :project)
ORDER BY changed_seq LIMIT :limit

-- name: executions_under_way
SELECT uid FROM executions INDEXED BY executions_under_way WHERE completion_s IS NULL ORDER BY id

-- name: count_under_way
SELECT count(*) FROM executions WHERE completion_s IS NULL AND project = :project AND location = :location

-- name: executions_of
SELECT uid FROM executions WHERE job_uid = :job_uid ORDER BY id

-- name: surplus_executions
SELECT uid FROM executions WHERE job_uid = :job_uid AND completion_s IS NOT NULL AND hidden = 0
ORDER BY id DESC LIMIT -1 OFFSET :keep

-- name: totals_by_state
SELECT state, executions FROM totals

-- name: totals_under_way
SELECT coalesce(sum(running), 0) AS running, coalesce(sum(in_flight), 0) AS in_flight,
coalesce(sum(pending_rows), 0) AS pending_rows FROM executions WHERE completion_s IS NULL

-- name: upsert_task
-- In the order of rows.task_parameters.
INSERT INTO tasks (execution_id, idx, state, attempt, handed_over, retried, lost, not_before_s, is_running, cause,
attempt_create_s, attempt_start_s, start_s, completion_s, result, changed_seq)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (execution_id, idx) DO UPDATE SET state = excluded.state, attempt = excluded.attempt,
handed_over = excluded.handed_over, retried = excluded.retried, lost = excluded.lost,
not_before_s = excluded.not_before_s, is_running = excluded.is_running, cause = excluded.cause,
attempt_create_s = excluded.attempt_create_s, attempt_start_s = excluded.attempt_start_s,
start_s = excluded.start_s, completion_s = excluded.completion_s, result = excluded.result,
changed_seq = excluded.changed_seq

-- name: cancel_pending_tasks
UPDATE tasks SET state = 'CANCELLED', completion_s = :now_s, not_before_s = NULL, changed_seq = :seq
WHERE execution_id = :execution_id AND state = 'PENDING'

-- name: tasks_from
SELECT idx, state, attempt, handed_over, retried, lost, not_before_s, is_running, cause, attempt_create_s,
attempt_start_s, start_s, completion_s, result
FROM tasks WHERE execution_id = :execution_id AND idx > :after ORDER BY idx LIMIT :limit

-- name: tasks_at
-- :indexes is a JSON array.
SELECT idx, state, attempt, handed_over, retried, lost, not_before_s, is_running, cause, attempt_create_s,
attempt_start_s, start_s, completion_s, result
FROM tasks WHERE execution_id = :execution_id AND idx IN (SELECT value FROM json_each(:indexes))

-- name: ready_tasks
-- May start now: no backoff, or one that is over; the lowest indexes of each. The two arms are merged by the caller.
SELECT * FROM (
    SELECT idx, state, attempt, handed_over, retried, lost, not_before_s, is_running, cause, attempt_create_s,
    attempt_start_s, start_s, completion_s, result
    FROM tasks WHERE execution_id = :execution_id AND state = 'PENDING' AND not_before_s IS NULL
    ORDER BY idx LIMIT :limit)
UNION ALL
SELECT * FROM (
    SELECT idx, state, attempt, handed_over, retried, lost, not_before_s, is_running, cause, attempt_create_s,
    attempt_start_s, start_s, completion_s, result
    FROM tasks WHERE execution_id = :execution_id AND state = 'PENDING' AND not_before_s <= :now_s
    ORDER BY idx LIMIT :limit)

-- name: next_ready
SELECT min(not_before_s) AS due_s FROM tasks
WHERE execution_id = :execution_id AND state = 'PENDING' AND not_before_s > :now_s

-- name: changed_tasks
SELECT t.idx, t.state, t.attempt, t.handed_over, t.retried, t.lost, t.not_before_s, t.is_running, t.cause,
t.attempt_create_s, t.attempt_start_s, t.start_s, t.completion_s, t.result, t.changed_seq, e.uid AS e_uid,
e.project AS e_project, e.location AS e_location, e.job AS e_job, e.execution AS e_execution
FROM tasks t CROSS JOIN executions e ON e.id = t.execution_id
WHERE t.changed_seq > :since AND t.changed_seq <= :until AND e.hidden = 0
AND (:project IS NULL OR e.project = :project)
ORDER BY t.changed_seq, t.execution_id, t.idx LIMIT :limit

-- name: held_attempts
SELECT e.uid AS e_uid, t.idx, t.attempt, t.handed_over FROM executions e JOIN tasks t ON t.execution_id = e.id
WHERE e.completion_s IS NULL AND t.state = 'RUNNING' ORDER BY e.id, t.idx

-- name: insert_attempt
-- In the order of rows.attempt_parameters. An attempt that has ended stays as it is.
INSERT INTO attempts (execution_id, idx, handed_over, number, cause, create_s, start_s, end_s, result, max_rss_bytes,
cpu_s)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (execution_id, idx, handed_over) DO NOTHING

-- name: attempts_of_task
SELECT * FROM attempts WHERE execution_id = :execution_id AND idx = :idx ORDER BY handed_over

-- name: ended_attempts
SELECT * FROM attempts WHERE execution_id = :execution_id AND (idx, handed_over) > (:after_idx, :after_handed_over)
ORDER BY idx, handed_over LIMIT :limit

-- name: ended_attempts_of_task
SELECT * FROM attempts WHERE execution_id = :execution_id AND idx = :idx AND handed_over > :after_handed_over
ORDER BY handed_over LIMIT :limit
