-- The first schema: jobs and what carries them. Instants are seconds since the epoch (REAL).

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE jobs (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    project TEXT NOT NULL,
    location TEXT NOT NULL,
    job TEXT NOT NULL,
    hidden INTEGER NOT NULL DEFAULT 0,
    etag TEXT NOT NULL,
    execution_count INTEGER NOT NULL DEFAULT 0,
    latest_execution INTEGER,
    doc TEXT NOT NULL,
    changed_seq INTEGER NOT NULL
);
CREATE UNIQUE INDEX jobs_by_name ON jobs (project, location, job) WHERE hidden = 0;
CREATE INDEX jobs_by_change ON jobs (changed_seq);

CREATE TABLE executions (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    job_uid TEXT NOT NULL,
    project TEXT NOT NULL,
    location TEXT NOT NULL,
    job TEXT NOT NULL,
    execution TEXT NOT NULL,
    hidden INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL,
    generation INTEGER NOT NULL,
    running INTEGER NOT NULL,
    succeeded INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    cancelled INTEGER NOT NULL,
    retried INTEGER NOT NULL,
    attempts_ended INTEGER NOT NULL,
    in_flight INTEGER NOT NULL,
    pending_rows INTEGER NOT NULL,
    first_unborn INTEGER NOT NULL,
    create_s REAL NOT NULL,
    start_s REAL,
    first_start_s REAL,
    completion_s REAL,
    update_s REAL NOT NULL,
    failure_index INTEGER,
    failure TEXT,
    cancel_reason TEXT NOT NULL,
    operation TEXT NOT NULL,
    doc TEXT NOT NULL,
    changed_seq INTEGER NOT NULL
);
CREATE UNIQUE INDEX executions_by_name ON executions (project, location, job, execution) WHERE hidden = 0;
CREATE INDEX executions_by_job ON executions (job_uid, id);
CREATE INDEX executions_by_project ON executions (project, id);
CREATE INDEX executions_by_change ON executions (changed_seq);
CREATE INDEX executions_under_way ON executions (id) WHERE completion_s IS NULL;

CREATE TABLE tasks (
    execution_id INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    handed_over INTEGER NOT NULL,
    retried INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    not_before_s REAL,
    is_running INTEGER NOT NULL,
    cause TEXT NOT NULL,
    start_s REAL,
    completion_s REAL,
    result TEXT,
    changed_seq INTEGER NOT NULL,
    PRIMARY KEY (execution_id, idx)
) WITHOUT ROWID;
CREATE INDEX tasks_pending ON tasks (execution_id, idx) WHERE state = 'PENDING';
CREATE INDEX tasks_with_engine ON tasks (execution_id, idx) WHERE state = 'RUNNING';

CREATE TABLE attempts (
    execution_id INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    handed_over INTEGER NOT NULL,
    number INTEGER NOT NULL,
    cause TEXT NOT NULL,
    create_s REAL NOT NULL,
    start_s REAL,
    end_s REAL,
    result TEXT,
    max_rss_bytes INTEGER NOT NULL,
    cpu_s REAL NOT NULL,
    PRIMARY KEY (execution_id, idx, handed_over)
) WITHOUT ROWID;

CREATE TABLE operations (
    operation TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL,
    location TEXT NOT NULL,
    kind TEXT NOT NULL,
    target_uid TEXT NOT NULL,
    create_s REAL NOT NULL,
    -- NULL while the target can be asked; else the last picture of it
    target_kind TEXT,
    doc TEXT,
    seq INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX operations_by_parent ON operations (project, location, seq);
CREATE INDEX operations_by_target ON operations (target_uid);

CREATE TABLE idempotency_keys (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    request_sha256 TEXT NOT NULL,
    operation TEXT NOT NULL,
    PRIMARY KEY (scope, key)
) WITHOUT ROWID;

CREATE TABLE iam_policies (resource TEXT PRIMARY KEY, doc TEXT NOT NULL) WITHOUT ROWID;

-- Committed, unanswered commands. A claim is a lease: owner, expiry, epoch.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    room TEXT NOT NULL,
    subject TEXT NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    owner TEXT NOT NULL,
    expires_s REAL NOT NULL,
    epoch INTEGER NOT NULL
);

CREATE TABLE timers (
    room TEXT NOT NULL,
    subject TEXT NOT NULL,
    due_s REAL NOT NULL,
    PRIMARY KEY (room, subject)
) WITHOUT ROWID;
CREATE INDEX timers_by_due ON timers (due_s);

-- What is gone, so that a reader of the change feed learns of it.
CREATE TABLE tombstones (
    seq INTEGER NOT NULL,
    room TEXT NOT NULL,
    name TEXT NOT NULL
);
CREATE INDEX tombstones_by_seq ON tombstones (seq);

CREATE TABLE effects (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    attempt_uid TEXT NOT NULL,
    call TEXT NOT NULL,
    phase TEXT NOT NULL,
    target TEXT NOT NULL,
    key TEXT NOT NULL,
    at_s REAL NOT NULL,
    seq INTEGER NOT NULL
);
CREATE INDEX effects_by_attempt ON effects (attempt_uid, id);

CREATE TABLE snapshots (
    snapshot TEXT PRIMARY KEY,
    project TEXT NOT NULL,
    create_s REAL NOT NULL,
    doc TEXT NOT NULL
) WITHOUT ROWID;
