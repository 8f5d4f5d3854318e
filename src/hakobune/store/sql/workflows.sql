-- Queries of the workflows room. Parameters are named; :seq is the number of the commit under way.

-- name: insert_workflow
INSERT INTO workflows (uid, project, location, workflow, revision_ordinal, doc, changed_seq)
VALUES (:uid, :project, :location, :workflow, :ordinal, :doc, :seq)

-- name: update_workflow
UPDATE workflows SET revision_ordinal = :ordinal, doc = :doc, changed_seq = :seq WHERE uid = :uid

-- name: delete_workflow
DELETE FROM workflows WHERE uid = :uid

-- name: insert_revision
-- A revision that is stored already stays as it is.
INSERT INTO workflow_revisions (workflow_uid, ordinal, revision, doc) VALUES (:uid, :ordinal, :revision, :doc)
ON CONFLICT (workflow_uid, ordinal) DO NOTHING

-- name: delete_revisions
DELETE FROM workflow_revisions WHERE workflow_uid = :uid

-- name: find_workflow
SELECT w.*, r.doc AS revision_doc FROM workflows w
JOIN workflow_revisions r ON r.workflow_uid = w.uid AND r.ordinal = w.revision_ordinal
WHERE w.project = :project AND w.location = :location AND w.workflow = :workflow

-- name: list_workflows
SELECT w.*, r.doc AS revision_doc FROM workflows w
JOIN workflow_revisions r ON r.workflow_uid = w.uid AND r.ordinal = w.revision_ordinal
WHERE w.project = :project AND (:location IS NULL OR w.location = :location)
AND (w.workflow, w.location) > (:after_workflow, :after_location)
ORDER BY w.workflow, w.location LIMIT :limit

-- name: changed_workflows
SELECT w.*, r.doc AS revision_doc FROM workflows w
JOIN workflow_revisions r ON r.workflow_uid = w.uid AND r.ordinal = w.revision_ordinal
WHERE w.changed_seq > :since AND w.changed_seq <= :until AND (:project IS NULL OR w.project = :project)
ORDER BY w.changed_seq LIMIT :limit

-- name: count_workflows
SELECT count(*) FROM workflows WHERE project = :project

-- name: locations
-- Every location in use.
SELECT DISTINCT location FROM workflows WHERE project = :project ORDER BY location

-- name: find_revision
SELECT doc FROM workflow_revisions WHERE workflow_uid = :uid AND ordinal = :ordinal AND revision = :revision

-- name: list_revisions
SELECT doc FROM workflow_revisions WHERE workflow_uid = :uid AND ordinal < :before ORDER BY ordinal DESC LIMIT :limit

-- name: insert_execution
INSERT INTO workflow_executions (uid, workflow_uid, project, location, workflow, state, revision, create_s, start_s,
end_s, doc, argument, outcome, changed_seq)
VALUES (:uid, :workflow_uid, :project, :location, :workflow, :state, :revision, :create_s, :start_s, :end_s, :doc,
:argument, :outcome, :seq)

-- name: update_execution
-- An execution that has ended stays as it is, but for its history.
UPDATE workflow_executions SET state = :state, start_s = :start_s, end_s = :end_s, outcome = :outcome,
changed_seq = :seq WHERE uid = :uid AND hidden = 0 AND (end_s IS NULL OR end_s = :end_s)

-- name: find_execution
SELECT * FROM workflow_executions WHERE uid = :uid AND hidden = 0

-- name: execution_id
SELECT id FROM workflow_executions WHERE uid = :uid AND hidden = 0

-- name: newest_executions
-- `argument` and `outcome` are read only when they are wanted.
SELECT id, uid, workflow_uid, project, location, workflow, state, revision, create_s, start_s, end_s, doc,
iif(:is_full, argument, NULL) AS argument, iif(:is_full, outcome, NULL) AS outcome, create_s AS createTime, changed_seq
FROM workflow_executions WHERE workflow_uid = :workflow_uid AND hidden = 0 AND id < :after_id
ORDER BY id DESC LIMIT :limit

-- name: executions_ordered
-- The places of the comments are filled in by `execution_orders`: with what comes after a place in the order, and the
-- order itself. What has no value comes last when it rises.
SELECT id, uid, workflow_uid, project, location, workflow, state, revision, create_s, start_s, end_s, doc,
iif(:is_full, argument, NULL) AS argument, iif(:is_full, outcome, NULL) AS outcome, changed_seq,
executionId, createTime, startTime, endTime, duration
FROM (SELECT *, uid AS executionId, create_s AS createTime, ifnull(start_s, 1e300) AS startTime,
ifnull(end_s, 1e300) AS endTime, ifnull(end_s - start_s, 1e300) AS duration, revision AS workflowRevisionId
FROM workflow_executions WHERE workflow_uid = :workflow_uid AND hidden = 0)
/* AFTER */ ORDER BY /* ORDER */ id LIMIT :limit

-- name: changed_executions
-- Without what may be large: a page of the feed with the arguments and results of a thousand executions would be a
-- gigabyte. The context of an error is for people, and short.
SELECT id, uid, workflow_uid, project, location, workflow, state, revision, create_s, start_s, end_s, doc,
NULL AS argument, json_replace(json_remove(outcome, '$.result'), '$.error.payload', '') AS outcome, id AS place,
changed_seq FROM workflow_executions
WHERE changed_seq > :since AND changed_seq <= :until AND hidden = 0 AND (:project IS NULL OR project = :project)
ORDER BY changed_seq LIMIT :limit

-- name: under_way
SELECT uid FROM workflow_executions WHERE workflow_uid = :workflow_uid AND hidden = 0 AND end_s IS NULL ORDER BY id

-- name: hide_executions
UPDATE workflow_executions SET hidden = 1, state = 'CANCELLED', changed_seq = :seq
WHERE workflow_uid = :workflow_uid AND hidden = 0

-- name: hide_execution
UPDATE workflow_executions SET hidden = 1, changed_seq = :seq WHERE uid = :uid AND hidden = 0

-- name: name_of_execution
SELECT project, location, workflow, workflow_uid FROM workflow_executions WHERE uid = :uid AND hidden = 0

-- name: ended_before
SELECT uid FROM workflow_executions WHERE end_s < :before_s AND hidden = 0 AND end_s IS NOT NULL
ORDER BY end_s LIMIT :limit

-- name: first_queued
SELECT uid FROM workflow_executions WHERE project = :project AND location = :location AND state = 'QUEUED'
AND hidden = 0 ORDER BY id LIMIT :limit

-- name: stuck
-- Those that a version of this program could not go on with.
SELECT uid FROM workflow_executions WHERE state = 'UNAVAILABLE' AND hidden = 0 ORDER BY id

-- name: queued_places
SELECT project, location FROM workflow_totals WHERE state = 'QUEUED' AND executions > 0

-- name: load
SELECT state, executions FROM workflow_totals WHERE project = :project AND location = :location

-- name: totals
SELECT state, sum(executions) AS executions FROM workflow_totals GROUP BY state

-- name: append
-- No row where the execution is gone.
INSERT INTO workflow_journal (execution_id, seq, entry)
SELECT id, ?, ? FROM workflow_executions WHERE uid = ? AND hidden = 0

-- name: journal
SELECT entry FROM workflow_journal WHERE execution_id = :id ORDER BY seq

-- name: journal_part
-- Read row by row: only as many as are wanted.
SELECT entry FROM workflow_journal WHERE execution_id = :id AND seq >= :seq ORDER BY seq

-- name: journal_end
SELECT entry FROM workflow_journal WHERE execution_id = :id ORDER BY seq DESC LIMIT 1

-- name: next_hidden
SELECT id FROM workflow_executions WHERE hidden = 1 ORDER BY id LIMIT 1

-- name: sweep_journal
DELETE FROM workflow_journal WHERE execution_id = :id AND seq IN (
    SELECT seq FROM workflow_journal WHERE execution_id = :id LIMIT :limit)

-- name: delete_execution
DELETE FROM workflow_executions WHERE id = :id

-- name: project_workflows
SELECT * FROM workflows WHERE project = :project ORDER BY workflow, location

-- name: workflow_rows
SELECT * FROM workflows WHERE uid = :uid

-- name: revision_rows
SELECT * FROM workflow_revisions WHERE workflow_uid = :uid ORDER BY ordinal

-- name: project_executions
-- In the order in which they were made: their ids are random.
SELECT id, uid FROM workflow_executions WHERE workflow_uid = :uid AND hidden = 0 ORDER BY id

-- name: execution_rows
SELECT * FROM workflow_executions WHERE id = :id

-- name: journal_rows
SELECT * FROM workflow_journal WHERE execution_id = :id ORDER BY seq
