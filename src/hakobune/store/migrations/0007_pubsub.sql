-- Topics, subscriptions, messages, deliveries, snapshots, schemas.

-- A deleted topic keeps its row until no subscription has messages of it.
CREATE TABLE pubsub_topics (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    topic TEXT NOT NULL,
    retention_s REAL,
    schema TEXT,
    is_deleted INTEGER NOT NULL,
    doc TEXT NOT NULL,
    changed_seq INTEGER NOT NULL
);
CREATE UNIQUE INDEX pubsub_topics_by_name ON pubsub_topics (project, topic) WHERE is_deleted = 0;
CREATE INDEX pubsub_topics_deleted ON pubsub_topics (id) WHERE is_deleted = 1;
CREATE INDEX pubsub_topics_by_schema ON pubsub_topics (schema) WHERE schema IS NOT NULL;
CREATE INDEX pubsub_topics_by_change ON pubsub_topics (changed_seq);

-- `frontier` is the first message never looked at. Before it, a message without a row in the subscription's lane of
-- `pubsub_deliveries` is acknowledged.
CREATE TABLE pubsub_subscriptions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    subscription TEXT NOT NULL,
    topic_id INTEGER NOT NULL,
    lane INTEGER NOT NULL,
    frontier INTEGER NOT NULL,
    active_s REAL NOT NULL,
    is_push INTEGER NOT NULL,
    has_dead_letter INTEGER NOT NULL,
    is_detached INTEGER NOT NULL,
    doc TEXT NOT NULL,
    changed_seq INTEGER NOT NULL,
    UNIQUE (project, subscription)
);
CREATE INDEX pubsub_subscriptions_by_topic ON pubsub_subscriptions (topic_id, project, subscription);
CREATE INDEX pubsub_subscriptions_with_dead_letters ON pubsub_subscriptions (id) WHERE has_dead_letter = 1;
CREATE INDEX pubsub_subscriptions_by_change ON pubsub_subscriptions (changed_seq);

-- One row a message, however many subscriptions. Ids rise over all topics, and so do instants.
CREATE TABLE pubsub_messages (
    id INTEGER PRIMARY KEY,
    topic_id INTEGER NOT NULL,
    publish_s REAL NOT NULL,
    ordering_key TEXT,
    body BLOB NOT NULL
);
CREATE INDEX pubsub_messages_by_topic ON pubsub_messages (topic_id);

-- Messages before a frontier that are not acknowledged. `ordering_key` only where the subscription orders.
CREATE TABLE pubsub_deliveries (
    lane INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    due_s REAL NOT NULL,
    attempts INTEGER NOT NULL,
    is_leased INTEGER NOT NULL,
    ordering_key TEXT,
    PRIMARY KEY (lane, message_id)
) WITHOUT ROWID;
CREATE INDEX pubsub_deliveries_by_due ON pubsub_deliveries (lane, due_s);
CREATE INDEX pubsub_deliveries_by_key ON pubsub_deliveries (lane, ordering_key) WHERE ordering_key IS NOT NULL;

-- A snapshot is a frontier and the messages before it that were not acknowledged.
CREATE TABLE pubsub_snapshots (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    snapshot TEXT NOT NULL,
    topic_id INTEGER NOT NULL,
    frontier INTEGER NOT NULL,
    expire_s REAL NOT NULL,
    doc TEXT NOT NULL,
    UNIQUE (project, snapshot)
);
CREATE INDEX pubsub_snapshots_by_topic ON pubsub_snapshots (topic_id, project, snapshot);
CREATE INDEX pubsub_snapshots_by_expiry ON pubsub_snapshots (expire_s);
CREATE TABLE pubsub_snapshot_messages (
    snapshot_id INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    PRIMARY KEY (snapshot_id, message_id)
) WITHOUT ROWID;

CREATE TABLE pubsub_schemas (
    project TEXT NOT NULL,
    schema TEXT NOT NULL,
    ordinal INTEGER NOT NULL,
    revision TEXT NOT NULL,
    doc TEXT NOT NULL,
    PRIMARY KEY (project, schema, ordinal)
) WITHOUT ROWID;

CREATE TABLE pubsub_counters (
    name TEXT PRIMARY KEY,
    value
) WITHOUT ROWID;

-- Lanes and snapshots that are gone: their rows are removed bit by bit.
CREATE TABLE pubsub_leavings (
    lane INTEGER,
    snapshot_id INTEGER
);
