-- Queries of services, worker pools, their revisions and instances.

-- name: find
SELECT doc FROM residents WHERE kind = :kind AND project = :project AND location = :location AND id = :id

-- name: by_uid
SELECT doc FROM residents WHERE uid = :uid

-- name: list
SELECT doc FROM residents WHERE kind = :kind AND project = :project AND location = :location AND id > :after
ORDER BY id LIMIT :limit

-- name: list_everywhere
SELECT doc FROM residents WHERE kind = :kind AND project = :project AND (id, location) > (:after, :after_location)
ORDER BY id, location LIMIT :limit

-- All of all projects: read once, at a start.
-- name: uids
SELECT uid FROM residents

-- name: add
INSERT INTO residents (uid, kind, project, location, id, doc)
VALUES (:uid, :kind, :project, :location, :id, :doc)

-- name: save
UPDATE residents SET doc = :doc WHERE uid = :uid

-- name: delete_resident_policy
DELETE FROM iam_policies WHERE resource =
  (SELECT 'projects/' || project || '/locations/' || location || '/' || kind || '/' || id FROM residents WHERE uid = :uid)

-- name: delete
DELETE FROM residents WHERE uid = :uid

-- name: find_revision
SELECT doc FROM revisions WHERE resident_uid = :resident_uid AND id = :id

-- name: revision_by_uid
SELECT doc FROM revisions WHERE uid = :uid

-- Those made before the last one seen, newest first.
-- name: list_revisions
SELECT doc FROM revisions WHERE resident_uid = :resident_uid AND number < :before ORDER BY number DESC LIMIT :limit

-- Of all residents of a place, by age.
-- name: list_revisions_everywhere
SELECT doc FROM revisions WHERE kind = :kind AND project = :project AND location = :location
AND rowid < :before ORDER BY rowid DESC LIMIT :limit

-- Those in one of two states, or with instances: few, however many there are.
-- name: live_revisions
SELECT doc FROM revisions WHERE resident_uid = :resident_uid AND (state IN (:first, :second)
    OR uid IN (SELECT revision_uid FROM instances WHERE resident_uid = :resident_uid))
ORDER BY number DESC

-- name: revisions_of_project
SELECT doc FROM revisions WHERE project = :project

-- name: revision_position
SELECT rowid AS position, number FROM revisions WHERE uid = :uid

-- name: add_revision
INSERT INTO revisions (uid, resident_uid, kind, project, location, id, number, state, doc)
VALUES (:uid, :resident_uid, :kind, :project, :location, :id, :number, :state, :doc)

-- name: save_revision
UPDATE revisions SET doc = :doc, state = :state WHERE uid = :uid

-- name: delete_revision
DELETE FROM revisions WHERE uid = :uid

-- name: count_start
UPDATE revisions SET starts = starts + 1 WHERE uid = :uid RETURNING starts

-- name: find_instance
SELECT doc FROM instances WHERE uid = :uid

-- name: instances
SELECT doc FROM instances ORDER BY rowid

-- name: instances_of
SELECT doc FROM instances WHERE resident_uid = :resident_uid ORDER BY rowid

-- name: save_instance
INSERT INTO instances (uid, resident_uid, revision_uid, doc) VALUES (:uid, :resident_uid, :revision_uid, :doc)
ON CONFLICT (uid) DO UPDATE SET doc = excluded.doc

-- name: delete_instance
DELETE FROM instances WHERE uid = :uid
