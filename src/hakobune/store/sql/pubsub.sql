-- Queries of the messages room. Parameters are named; those of the hot path stand by place.

-- name: is_used
-- Whether there is anything that can change by itself. Deleted topics have rows, too.
SELECT EXISTS (SELECT 1 FROM pubsub_topics) OR EXISTS (SELECT 1 FROM pubsub_leavings)

-- name: insert_topic
INSERT INTO pubsub_topics (project, topic, retention_s, schema, is_deleted, doc, changed_seq)
VALUES (:project, :topic, :retention_s, :schema, 0, :doc, :seq)

-- name: update_topic
UPDATE pubsub_topics SET retention_s = :retention_s, schema = :schema, doc = :doc, changed_seq = :seq
WHERE project = :project AND topic = :topic AND is_deleted = 0

-- name: delete_topic
-- Its row stays for as long as subscriptions have messages of it.
UPDATE pubsub_topics SET is_deleted = 1, schema = NULL, retention_s = NULL, changed_seq = :seq
WHERE project = :project AND topic = :topic AND is_deleted = 0

-- name: find_topic
SELECT * FROM pubsub_topics WHERE project = :project AND topic = :topic AND is_deleted = 0

-- name: list_topics
SELECT * FROM pubsub_topics WHERE project = :project AND topic > :after AND is_deleted = 0 ORDER BY topic LIMIT :limit

-- name: count_topics
SELECT count(*) FROM pubsub_topics WHERE project = :project AND is_deleted = 0

-- name: changed_topics
SELECT * FROM pubsub_topics WHERE changed_seq > :since AND changed_seq <= :until AND is_deleted = 0
AND (:project IS NULL OR project = :project) ORDER BY changed_seq LIMIT :limit

-- name: topics_of_schema
SELECT * FROM pubsub_topics WHERE schema = :schema

-- name: topic_subscriptions
SELECT project, subscription FROM pubsub_subscriptions
WHERE topic_id = :topic_id AND is_detached = 0 AND (project, subscription) > (:after_project, :after_id)
ORDER BY project, subscription LIMIT :limit

-- name: count_topic_subscriptions
SELECT count(*) FROM pubsub_subscriptions WHERE topic_id = :topic_id AND is_detached = 0

-- name: topic_snapshots
SELECT project, snapshot FROM pubsub_snapshots
WHERE topic_id = :topic_id AND (project, snapshot) > (:after_project, :after_id)
ORDER BY project, snapshot LIMIT :limit

-- name: insert_subscription
INSERT INTO pubsub_subscriptions (project, subscription, topic_id, lane, frontier, active_s, is_push, has_dead_letter,
is_detached, doc, changed_seq)
VALUES (:project, :subscription, :topic_id, :lane, :frontier, :now_s, :is_push, :has_dead_letter, 0, :doc, :seq)

-- name: update_subscription
UPDATE pubsub_subscriptions SET is_push = :is_push, has_dead_letter = :has_dead_letter,
is_detached = :is_detached, doc = :doc, changed_seq = :seq
WHERE project = :project AND subscription = :subscription

-- name: delete_subscription
DELETE FROM pubsub_subscriptions WHERE id = :id

-- name: find_subscription
SELECT s.*, t.is_deleted, t.retention_s FROM pubsub_subscriptions s JOIN pubsub_topics t ON t.id = s.topic_id
WHERE s.project = ? AND s.subscription = ?

-- name: list_subscriptions
SELECT s.*, t.is_deleted, t.retention_s FROM pubsub_subscriptions s JOIN pubsub_topics t ON t.id = s.topic_id
WHERE s.project = :project AND s.subscription > :after ORDER BY s.subscription LIMIT :limit

-- name: count_subscriptions
SELECT count(*) FROM pubsub_subscriptions WHERE project = :project

-- name: changed_subscriptions
SELECT s.*, t.is_deleted, t.retention_s FROM pubsub_subscriptions s JOIN pubsub_topics t ON t.id = s.topic_id
WHERE s.changed_seq > :since AND s.changed_seq <= :until AND (:project IS NULL OR s.project = :project)
ORDER BY s.changed_seq LIMIT :limit

-- name: push_subscriptions
SELECT s.*, t.is_deleted, t.retention_s FROM pubsub_subscriptions s JOIN pubsub_topics t ON t.id = s.topic_id
WHERE s.is_push = 1 AND s.is_detached = 0 ORDER BY s.id

-- name: topic_went
-- The subscriptions of a topic that was deleted look otherwise from now on.
UPDATE pubsub_subscriptions SET changed_seq = :seq WHERE topic_id = :topic_id

-- name: insert_snapshot
INSERT INTO pubsub_snapshots (project, snapshot, topic_id, frontier, expire_s, doc)
VALUES (:project, :snapshot, :topic_id, :frontier, :expire_s, :doc)

-- name: update_snapshot
UPDATE pubsub_snapshots SET doc = :doc, expire_s = :expire_s WHERE project = :project AND snapshot = :snapshot

-- name: delete_snapshot
DELETE FROM pubsub_snapshots WHERE project = :project AND snapshot = :snapshot

-- name: find_snapshot
SELECT s.*, t.is_deleted FROM pubsub_snapshots s JOIN pubsub_topics t ON t.id = s.topic_id
WHERE s.project = :project AND s.snapshot = :snapshot

-- name: list_snapshots
SELECT s.*, t.is_deleted FROM pubsub_snapshots s JOIN pubsub_topics t ON t.id = s.topic_id
WHERE s.project = :project AND s.snapshot > :after ORDER BY s.snapshot LIMIT :limit

-- name: count_snapshots
SELECT count(*) FROM pubsub_snapshots WHERE project = :project

-- name: expired_snapshots
SELECT project, snapshot FROM pubsub_snapshots WHERE expire_s <= :now_s ORDER BY expire_s LIMIT :limit

-- name: insert_schema
INSERT INTO pubsub_schemas (project, schema, ordinal, revision, doc)
VALUES (:project, :schema, :ordinal, :revision, :doc)

-- name: newest_schema
SELECT * FROM pubsub_schemas WHERE project = :project AND schema = :schema ORDER BY ordinal DESC LIMIT 1

-- name: schema_revision
SELECT * FROM pubsub_schemas WHERE project = :project AND schema = :schema AND revision = :revision

-- name: schema_revisions
SELECT * FROM pubsub_schemas WHERE project = :project AND schema = :schema AND ordinal < :before
ORDER BY ordinal DESC LIMIT :limit

-- name: list_schemas
SELECT s.* FROM pubsub_schemas s WHERE s.project = :project AND s.schema > :after AND s.ordinal = (
    SELECT max(n.ordinal) FROM pubsub_schemas n WHERE n.project = s.project AND n.schema = s.schema)
ORDER BY s.schema LIMIT :limit

-- name: count_schemas
SELECT count(DISTINCT schema) FROM pubsub_schemas WHERE project = :project

-- name: count_schema_revisions
SELECT count(*) FROM pubsub_schemas WHERE project = :project AND schema = :schema

-- name: delete_schema
DELETE FROM pubsub_schemas WHERE project = :project AND schema = :schema

-- name: delete_schema_revision
DELETE FROM pubsub_schemas WHERE project = :project AND schema = :schema AND revision = :revision

-- name: counter
SELECT value FROM pubsub_counters WHERE name = ?

-- name: set_counter
INSERT INTO pubsub_counters (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- name: is_wanted
-- Whether anybody can ever receive what is published now.
SELECT EXISTS (SELECT 1 FROM pubsub_subscriptions WHERE topic_id = :topic_id AND is_detached = 0)
OR EXISTS (SELECT 1 FROM pubsub_snapshots WHERE topic_id = :topic_id)

-- name: insert_block
INSERT INTO pubsub_blocks (id, topic_id, last_id, messages, publish_s, heads, bodies) VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: blocks_from
-- From the block on in which a message would be.
SELECT id, last_id, publish_s, heads, bodies FROM pubsub_blocks
WHERE topic_id = ?1 AND id >= coalesce((SELECT max(id) FROM pubsub_blocks WHERE topic_id = ?1 AND id <= ?2), ?2)
ORDER BY id

-- name: block_of
-- The block in which a message would be.
SELECT id, last_id, publish_s, heads, bodies FROM pubsub_blocks WHERE topic_id = ? AND id <= ?
ORDER BY id DESC LIMIT 1

-- name: first_block_since
SELECT id, publish_s FROM pubsub_blocks WHERE topic_id = ? AND id >= ? ORDER BY id LIMIT 1

-- name: message_bounds
SELECT (SELECT min(id) FROM pubsub_blocks WHERE topic_id = ?1),
(SELECT last_id FROM pubsub_blocks WHERE topic_id = ?1 ORDER BY id DESC LIMIT 1)

-- name: blocks_between
-- A stretch of a topic, its messages acknowledged or not.
SELECT id, last_id, messages, length(bodies) FROM pubsub_blocks
WHERE topic_id = ? AND id >= ? AND id < ? AND last_id < ? ORDER BY id

-- name: delete_block
DELETE FROM pubsub_blocks WHERE id = ?

-- name: lease_new
-- Messages that are all delivered now, for the first time; their ids as a JSON array: three times as fast as one by one.
INSERT INTO pubsub_deliveries (lane, message_id, due_s, attempts, is_leased, ordering_key)
SELECT ?, value, ?, 1, 1, NULL FROM json_each(?)

-- name: insert_delivery
INSERT INTO pubsub_deliveries (lane, message_id, due_s, attempts, is_leased, ordering_key) VALUES (?, ?, ?, ?, ?, ?)

-- name: move_frontier
UPDATE pubsub_subscriptions SET frontier = ? WHERE id = ?

-- name: due_deliveries
-- What may be delivered again.
SELECT message_id, due_s, attempts, is_leased, ordering_key FROM pubsub_deliveries
WHERE lane = ? AND due_s <= ? ORDER BY due_s, message_id LIMIT ?

-- name: key_deliveries
SELECT d.message_id, d.due_s, d.attempts, d.is_leased FROM pubsub_deliveries d
WHERE d.lane = ? AND d.ordering_key = ? ORDER BY d.message_id LIMIT ?

-- name: has_key
SELECT 1 FROM pubsub_deliveries WHERE lane = ? AND ordering_key = ? LIMIT 1

-- name: count_waiting
SELECT count(*) FROM (SELECT 1 FROM pubsub_deliveries WHERE lane = ? AND due_s >= ? LIMIT ?)

-- name: find_delivery
SELECT due_s, attempts, is_leased, ordering_key FROM pubsub_deliveries WHERE lane = ? AND message_id = ?

-- name: set_delivery
UPDATE pubsub_deliveries SET due_s = ?, attempts = ?, is_leased = ? WHERE lane = ? AND message_id = ?

-- name: set_due
-- An older lease changes nothing.
UPDATE pubsub_deliveries SET due_s = ?, is_leased = ? WHERE lane = ? AND message_id = ? AND attempts = ? AND is_leased = 1

-- name: delete_delivery
DELETE FROM pubsub_deliveries WHERE lane = ? AND message_id = ?

-- name: delete_deliveries
-- Their ids as a JSON array.
DELETE FROM pubsub_deliveries WHERE lane = ? AND message_id IN (SELECT value FROM json_each(?))

-- name: next_due
SELECT min(due_s) FROM pubsub_deliveries WHERE lane = ?

-- name: start_lane
UPDATE pubsub_subscriptions SET lane = :lane, frontier = :frontier WHERE id = :id

-- name: leave_lane
INSERT INTO pubsub_leavings (lane) VALUES (?)

-- name: leave_snapshot
INSERT INTO pubsub_leavings (snapshot_id) VALUES (?)

-- name: carry_rows
-- What was not acknowledged before a seek, and is not among what is replayed.
INSERT INTO pubsub_deliveries (lane, message_id, due_s, attempts, is_leased, ordering_key)
SELECT :new_lane, message_id, CASE WHEN ordering_key IS NULL THEN :now_s ELSE :waiting_s END, attempts, 0, ordering_key
FROM pubsub_deliveries WHERE lane = :lane AND message_id >= :first AND message_id < :last

-- name: snapshot_ids
SELECT message_id FROM pubsub_snapshot_messages WHERE snapshot_id = ? ORDER BY message_id

-- name: free_heads
-- The first message of each key of which all wait may come now.
UPDATE pubsub_deliveries SET due_s = :now_s WHERE lane = :lane AND message_id IN (
    SELECT min(message_id) FROM pubsub_deliveries WHERE lane = :lane AND ordering_key IS NOT NULL
    GROUP BY ordering_key HAVING min(due_s) >= :waiting_s)

-- name: keep_rows
INSERT INTO pubsub_snapshot_messages (snapshot_id, message_id)
SELECT :snapshot_id, message_id FROM pubsub_deliveries WHERE lane = :lane

-- name: backlog
-- Rows of the lane, whole blocks behind the frontier, and the rest of the block in which it stands.
SELECT (SELECT count(*) FROM pubsub_deliveries WHERE lane = :lane) AS passed,
(SELECT sum(messages) FROM pubsub_blocks WHERE topic_id = :topic_id AND id >= :frontier) AS coming,
(SELECT max(0, min(messages, last_id - :frontier + 1)) FROM pubsub_blocks
    WHERE topic_id = :topic_id AND id < :frontier ORDER BY id DESC LIMIT 1) AS part,
(SELECT publish_s FROM pubsub_blocks WHERE topic_id = :topic_id
    AND id <= (SELECT min(message_id) FROM pubsub_deliveries WHERE lane = :lane) ORDER BY id DESC LIMIT 1) AS passed_s,
(SELECT min(publish_s) FROM pubsub_blocks WHERE topic_id = :topic_id AND last_id >= :frontier) AS coming_s

-- name: oldest_unacked
SELECT min(message_id) FROM pubsub_deliveries WHERE lane = ?

-- name: release_pushed
-- At a start nobody is pushing: what the last runtime had leased may be pushed again.
UPDATE pubsub_deliveries SET due_s = :now_s, is_leased = 0 WHERE is_leased = 1 AND due_s > :now_s AND lane IN (
    SELECT lane FROM pubsub_subscriptions WHERE is_push = 1)

-- name: subscriptions_of_topic
SELECT s.*, t.is_deleted, t.retention_s FROM pubsub_subscriptions s JOIN pubsub_topics t ON t.id = s.topic_id
WHERE s.topic_id = :topic_id AND s.is_detached = 0

-- name: snapshots_of_topic
SELECT id, frontier FROM pubsub_snapshots WHERE topic_id = :topic_id

-- name: topics_with_messages
-- Each topic that has messages, or is deleted. `next` finds the next topic's first message by the index.
WITH RECURSIVE found (topic_id) AS (
    SELECT min(topic_id) FROM pubsub_blocks
    UNION ALL
    SELECT (SELECT min(m.topic_id) FROM pubsub_blocks m WHERE m.topic_id > f.topic_id) FROM found f
    WHERE f.topic_id IS NOT NULL
)
SELECT topic_id FROM found WHERE topic_id IS NOT NULL
UNION SELECT id FROM pubsub_topics WHERE is_deleted = 1

-- name: topic_by_id
SELECT * FROM pubsub_topics WHERE id = :topic_id

-- name: needed_ids
-- Messages of a stretch that a subscription or a snapshot has a row for.
SELECT d.message_id FROM pubsub_subscriptions s JOIN pubsub_deliveries d
ON d.lane = s.lane AND d.message_id >= :first AND d.message_id <= :last WHERE s.topic_id = :topic_id
UNION
SELECT k.message_id FROM pubsub_snapshots p JOIN pubsub_snapshot_messages k
ON k.snapshot_id = p.id AND k.message_id >= :first AND k.message_id <= :last WHERE p.topic_id = :topic_id
ORDER BY 1

-- name: forget_topic
DELETE FROM pubsub_topics WHERE id = :topic_id AND is_deleted = 1
AND NOT EXISTS (SELECT 1 FROM pubsub_subscriptions WHERE topic_id = :topic_id)
AND NOT EXISTS (SELECT 1 FROM pubsub_snapshots WHERE topic_id = :topic_id)
AND NOT EXISTS (SELECT 1 FROM pubsub_blocks WHERE topic_id = :topic_id)

-- name: drop_stale_rows
DELETE FROM pubsub_deliveries WHERE lane = :lane AND message_id IN (
    SELECT message_id FROM pubsub_deliveries WHERE lane = :lane AND message_id < :first ORDER BY message_id LIMIT :limit)

-- name: next_pubsub_leaving
SELECT rowid, lane, snapshot_id FROM pubsub_leavings ORDER BY rowid LIMIT 1

-- name: sweep_lane
DELETE FROM pubsub_deliveries WHERE lane = :lane AND message_id IN (
    SELECT message_id FROM pubsub_deliveries WHERE lane = :lane LIMIT :limit)

-- name: sweep_snapshot
DELETE FROM pubsub_snapshot_messages WHERE snapshot_id = :snapshot_id AND message_id IN (
    SELECT message_id FROM pubsub_snapshot_messages WHERE snapshot_id = :snapshot_id LIMIT :limit)

-- name: pubsub_left
DELETE FROM pubsub_leavings WHERE rowid = :rowid

-- name: dead_letter_dues
-- Of each subscription with a dead letter policy: when the next lease is over.
SELECT project, subscription, (SELECT min(d.due_s) FROM pubsub_deliveries d WHERE d.lane = s.lane) AS due_s
FROM pubsub_subscriptions s WHERE s.has_dead_letter = 1 AND s.is_detached = 0

-- name: touch_subscription
UPDATE pubsub_subscriptions SET active_s = :now_s WHERE project = :project AND subscription = :subscription

-- name: idle_subscriptions
-- Those that nobody has used since :before_s, at most; whether one is too old its document says.
SELECT s.*, t.is_deleted, t.retention_s FROM pubsub_subscriptions s JOIN pubsub_topics t ON t.id = s.topic_id
WHERE s.active_s <= :before_s ORDER BY s.id

-- name: project_topics
-- Deleted ones included, whose messages a subscription still has.
SELECT * FROM pubsub_topics WHERE project = :project ORDER BY is_deleted, topic, id

-- name: project_subscriptions
SELECT s.*, t.is_deleted, t.retention_s, t.project AS topic_project
FROM pubsub_subscriptions s JOIN pubsub_topics t ON t.id = s.topic_id WHERE s.project = :project ORDER BY s.subscription

-- name: project_schemas
SELECT * FROM pubsub_schemas WHERE project = :project ORDER BY schema, ordinal

-- name: project_snapshots
SELECT s.*, t.project AS topic_project FROM pubsub_snapshots s JOIN pubsub_topics t ON t.id = s.topic_id
WHERE s.project = :project ORDER BY s.snapshot

-- name: delivery_rows
SELECT message_id, attempts, ordering_key FROM pubsub_deliveries WHERE lane = :lane AND message_id > :after
ORDER BY message_id LIMIT :limit

-- name: snapshot_message_rows
SELECT message_id FROM pubsub_snapshot_messages WHERE snapshot_id = :snapshot_id AND message_id > :after
ORDER BY message_id LIMIT :limit

-- name: lane_ids
SELECT message_id FROM pubsub_deliveries WHERE lane = ? ORDER BY message_id
