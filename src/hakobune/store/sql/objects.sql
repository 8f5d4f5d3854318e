-- Queries of the objects room. Parameters are named; :seq is the number of the commit under way.

-- name: insert_bucket
INSERT INTO buckets (bucket, project, doc, changed_seq) VALUES (:bucket, :project, :doc, :seq)

-- name: update_bucket
UPDATE buckets SET doc = :doc, changed_seq = :seq WHERE bucket = :bucket

-- name: delete_bucket
DELETE FROM buckets WHERE id = :id

-- name: find_bucket
SELECT * FROM buckets WHERE bucket = :bucket

-- name: list_buckets
-- From a name on, and not beyond one.
SELECT doc FROM buckets WHERE project = :project AND bucket > :after AND bucket >= :first
ORDER BY bucket LIMIT :limit

-- name: all_buckets
SELECT doc FROM buckets WHERE bucket > :after ORDER BY bucket LIMIT :limit

-- name: changed_buckets
SELECT bucket, changed_seq FROM buckets
WHERE changed_seq > :since AND changed_seq <= :until AND (:project IS NULL OR project = :project)
ORDER BY changed_seq LIMIT :limit

-- name: has_objects
SELECT 1 FROM objects WHERE bucket_id = :id AND state <> 'soft_deleted' LIMIT 1

-- name: insert_object
INSERT INTO objects (bucket_id, name, generation, metageneration, state, size_bytes, crc32c, md5, content, components,
create_s, update_s, class_update_s, delete_s, soft_delete_s, hard_delete_s, doc, changed_seq)
VALUES (:bucket_id, :name, :generation, :metageneration, :state, :size_bytes, :crc32c, :md5, :content, :components,
:create_s, :update_s, :class_update_s, :delete_s, :soft_delete_s, :hard_delete_s, :doc, :seq)

-- name: update_object
-- Content, checksums and instants of creation never change.
UPDATE objects SET metageneration = :metageneration, state = :state, update_s = :update_s,
class_update_s = :class_update_s, delete_s = :delete_s, soft_delete_s = :soft_delete_s, hard_delete_s = :hard_delete_s,
doc = :doc, changed_seq = :seq WHERE bucket_id = :bucket_id AND name = :name AND generation = :generation

-- name: delete_object
DELETE FROM objects WHERE bucket_id = :bucket_id AND name = :name AND generation = :generation

-- name: find_live
SELECT o.*, b.bucket FROM buckets b JOIN objects o ON o.bucket_id = b.id AND o.name = :name AND o.state = 'live'
WHERE b.bucket = :bucket

-- name: find_version
SELECT o.*, b.bucket FROM buckets b
JOIN objects o ON o.bucket_id = b.id AND o.name = :name AND o.generation = :generation
WHERE b.bucket = :bucket

-- name: live_from
-- Read row by row: only as many as are wanted.
SELECT o.*, :bucket AS bucket FROM objects o WHERE o.bucket_id = :id AND o.state = 'live' AND o.name >= :name
ORDER BY o.name

-- name: versions_from
SELECT o.*, :bucket AS bucket FROM objects o
WHERE o.bucket_id = :id AND (o.name, o.generation) > (:name, :generation) AND o.state <> 'soft_deleted'
ORDER BY o.name, o.generation

-- name: soft_deleted_from
SELECT o.*, :bucket AS bucket FROM objects o
WHERE o.bucket_id = :id AND o.state = 'soft_deleted' AND (o.name, o.generation) > (:name, :generation)
ORDER BY o.name, o.generation

-- name: newer_versions
-- How many versions of a name are newer than one.
SELECT count(*) FROM objects WHERE bucket_id = :bucket_id AND name = :name AND generation > :generation
AND state <> 'soft_deleted'

-- name: hard_due
SELECT o.*, b.bucket FROM objects o JOIN buckets b ON b.id = o.bucket_id
WHERE o.state = 'soft_deleted' AND o.hard_delete_s <= :now_s ORDER BY o.hard_delete_s LIMIT :limit

-- name: soft_deleted_of
SELECT o.*, :bucket AS bucket FROM objects o WHERE o.bucket_id = :id AND o.state = 'soft_deleted'

-- name: after_id
-- All versions of all buckets, by age: for checks of the whole house.
SELECT o.*, b.bucket FROM objects o JOIN buckets b ON b.id = o.bucket_id WHERE o.id > :after ORDER BY o.id LIMIT :limit

-- name: changed_objects
SELECT o.name, o.changed_seq, b.bucket FROM objects o JOIN buckets b ON b.id = o.bucket_id
WHERE o.changed_seq > :since AND o.changed_seq <= :until AND o.state = 'live'
AND (:project IS NULL OR b.project = :project) ORDER BY o.changed_seq LIMIT :limit

-- name: keep_content
INSERT INTO contents (content, refs) VALUES (:content, 1) ON CONFLICT (content) DO UPDATE SET refs = refs + 1

-- name: drop_content
UPDATE contents SET refs = refs - 1 WHERE content = :content

-- name: unused_contents
SELECT content FROM contents WHERE refs = 0 LIMIT :limit

-- name: forget_content
DELETE FROM contents WHERE content = :content AND refs = 0

-- name: any_content
SELECT 1 FROM contents WHERE content > '' LIMIT 1

-- name: knows_content
SELECT 1 FROM contents WHERE content = :content

-- name: insert_session
INSERT INTO upload_sessions (session, bucket_id, content, received_bytes, expire_s, doc)
VALUES (:session, :bucket_id, :content, :received_bytes, :expire_s, :doc)

-- name: update_session
UPDATE upload_sessions SET received_bytes = :received_bytes, doc = :doc, result = :result WHERE session = :session

-- name: delete_session
DELETE FROM upload_sessions WHERE session = :session

-- name: find_session
SELECT * FROM upload_sessions WHERE session = :session

-- name: expired_sessions
SELECT * FROM upload_sessions WHERE expire_s <= :now_s ORDER BY expire_s LIMIT :limit

-- name: unfinished_contents
-- Contents of sessions that are not done.
SELECT content FROM upload_sessions WHERE expire_s > 0 AND result IS NULL

-- name: sessions_of
SELECT * FROM upload_sessions WHERE bucket_id = :id

-- name: insert_multipart
INSERT INTO multipart_uploads (upload, bucket_id, name, expire_s, doc)
VALUES (:upload, :bucket_id, :name, :expire_s, :doc)

-- name: delete_multipart
DELETE FROM multipart_uploads WHERE upload = :upload

-- name: find_multipart
SELECT * FROM multipart_uploads WHERE upload = :upload

-- name: expired_multiparts
SELECT * FROM multipart_uploads WHERE expire_s <= :now_s ORDER BY expire_s LIMIT :limit

-- name: multiparts_of
SELECT * FROM multipart_uploads WHERE bucket_id = :id

-- name: list_multiparts
SELECT * FROM multipart_uploads
WHERE bucket_id = :id AND (name, upload) > (:after_name, :after_id) AND name >= :prefix
ORDER BY name, upload LIMIT :limit

-- name: put_part
INSERT INTO upload_parts (upload, number, size_bytes, crc32c, md5, content, update_s)
VALUES (:upload, :number, :size_bytes, :crc32c, :md5, :content, :update_s)
ON CONFLICT (upload, number) DO UPDATE SET size_bytes = excluded.size_bytes, crc32c = excluded.crc32c,
md5 = excluded.md5, content = excluded.content, update_s = excluded.update_s

-- name: find_part
SELECT * FROM upload_parts WHERE upload = :upload AND number = :number

-- name: list_parts
SELECT * FROM upload_parts WHERE upload = :upload AND number > :after ORDER BY number LIMIT :limit

-- name: delete_parts
DELETE FROM upload_parts WHERE upload = :upload

-- name: insert_config
INSERT INTO notification_configs (bucket_id, config, doc) VALUES (:bucket_id, :config, :doc)

-- name: delete_config
DELETE FROM notification_configs WHERE bucket_id = :bucket_id AND config = :config

-- name: delete_configs
DELETE FROM notification_configs WHERE bucket_id = :bucket_id

-- name: list_configs
SELECT config, doc FROM notification_configs WHERE bucket_id = :bucket_id ORDER BY config

-- name: project_buckets
SELECT * FROM buckets WHERE project = :project ORDER BY bucket

-- name: bucket_objects
-- For pictures: a part at a time.
SELECT * FROM objects WHERE bucket_id = :id AND (name, generation) > (:name, :generation) AND state <> 'soft_deleted'
ORDER BY name, generation LIMIT :limit

-- name: bucket_configs
SELECT config, doc FROM notification_configs WHERE bucket_id = :id ORDER BY config
