-- Several messages in one row: rows of about a kilobyte left a quarter of each page empty.

-- Messages of one topic in the order of their ids, `id` and `last_id` being those of the first and the last. `heads` is
-- [ids, sizes, instants, keys] in JSON: the ids less `id`, the bytes of each body, the publish instants, the ordering
-- keys. Three may be null: the ids follow each other, all instants are `publish_s`, nothing has a key. `bodies` is the
-- bodies one behind the other.
CREATE TABLE pubsub_blocks (
    id INTEGER PRIMARY KEY,
    topic_id INTEGER NOT NULL,
    last_id INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    publish_s REAL NOT NULL,
    heads TEXT NOT NULL,
    bodies BLOB NOT NULL
);
INSERT INTO pubsub_blocks (id, topic_id, last_id, messages, publish_s, heads, bodies)
SELECT id, topic_id, id, 1, publish_s, json_array(NULL, json_array(length(body)), NULL, json_array(ordering_key)), body
FROM pubsub_messages ORDER BY id;
DROP TABLE pubsub_messages;
CREATE INDEX pubsub_blocks_by_topic ON pubsub_blocks (topic_id);
