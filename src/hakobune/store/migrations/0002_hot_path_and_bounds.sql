-- Fewer bytes per change of an execution, an index for every question asked often, and a bound on all that grows.

-- The present attempt of a task follows from its row. A row of `attempts` is written once, when the attempt has ended.
ALTER TABLE tasks ADD COLUMN attempt_create_s REAL;
ALTER TABLE tasks ADD COLUMN attempt_start_s REAL;
UPDATE tasks SET
    attempt_create_s = (
        SELECT a.create_s FROM attempts a WHERE a.execution_id = tasks.execution_id AND a.idx = tasks.idx
        AND a.handed_over = tasks.handed_over - 1
    ),
    attempt_start_s = (
        SELECT a.start_s FROM attempts a WHERE a.execution_id = tasks.execution_id AND a.idx = tasks.idx
        AND a.handed_over = tasks.handed_over - 1
    )
WHERE state = 'RUNNING';
DELETE FROM attempts WHERE end_s IS NULL;

-- What may start now (no backoff, then by its end), without stepping over what waits.
DROP INDEX tasks_pending;
CREATE INDEX tasks_pending ON tasks (execution_id, not_before_s, idx) WHERE state = 'PENDING';
CREATE INDEX tasks_by_change ON tasks (changed_seq);

-- The row of an execution changes with every turn; its declaration, which may be large, never does.
CREATE TABLE execution_docs (execution_id INTEGER PRIMARY KEY, doc TEXT NOT NULL);
INSERT INTO execution_docs (execution_id, doc) SELECT id, doc FROM executions;
CREATE TABLE executions_new (
    -- Never given twice: rows of one that is gone may still wait in its leavings.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
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
    changed_seq INTEGER NOT NULL
);
INSERT INTO executions_new
SELECT id, uid, job_uid, project, location, job, execution, hidden, state, generation, running, succeeded, failed,
    cancelled, retried, attempts_ended, in_flight, pending_rows, first_unborn, create_s, start_s, first_start_s,
    completion_s, update_s, failure_index, failure, cancel_reason, operation, changed_seq
FROM executions;
DROP TABLE executions;
ALTER TABLE executions_new RENAME TO executions;
CREATE UNIQUE INDEX executions_by_name ON executions (project, location, job, execution) WHERE hidden = 0;
CREATE INDEX executions_by_id ON executions (project, execution) WHERE hidden = 0;
CREATE INDEX executions_by_job ON executions (job_uid, id);
CREATE INDEX executions_by_project ON executions (project, id);
CREATE INDEX executions_by_change ON executions (changed_seq);
CREATE INDEX executions_under_way ON executions (project, location) WHERE completion_s IS NULL;

-- Lists go by job id, then location.
DROP INDEX jobs_by_name;
CREATE UNIQUE INDEX jobs_by_name ON jobs (project, job, location) WHERE hidden = 0;

-- How many executions there are in each state.
CREATE TABLE totals (state TEXT PRIMARY KEY, executions INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO totals (state, executions) SELECT state, count(*) FROM executions GROUP BY state;
CREATE TRIGGER totals_rise AFTER INSERT ON executions BEGIN
    INSERT INTO totals (state, executions) VALUES (new.state, 1)
    ON CONFLICT (state) DO UPDATE SET executions = executions + 1;
END;
CREATE TRIGGER totals_move AFTER UPDATE OF state ON executions WHEN old.state <> new.state BEGIN
    UPDATE totals SET executions = executions - 1 WHERE state = old.state;
    INSERT INTO totals (state, executions) VALUES (new.state, 1)
    ON CONFLICT (state) DO UPDATE SET executions = executions + 1;
END;
CREATE TRIGGER totals_fall AFTER DELETE ON executions BEGIN
    UPDATE totals SET executions = executions - 1 WHERE state = old.state;
END;

-- Executions that are gone and whose tasks, attempts and effects are removed bit by bit.
CREATE TABLE leavings (execution_id INTEGER PRIMARY KEY, uid TEXT NOT NULL);

-- The id of a command holds the number of its commit, so it never comes again and needs no counter of its own.
CREATE TABLE outbox_new (
    id INTEGER PRIMARY KEY,
    room TEXT NOT NULL,
    subject TEXT NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    owner TEXT NOT NULL,
    expires_s REAL NOT NULL,
    epoch INTEGER NOT NULL
);
INSERT INTO outbox_new SELECT id, room, subject, kind, payload, owner, expires_s, epoch FROM outbox;
DROP TABLE outbox;
ALTER TABLE outbox_new RENAME TO outbox;

-- Numbered without gaps, so that the oldest beyond the bound are found by their number.
CREATE TABLE tombstones_new (
    id INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL,
    project TEXT NOT NULL,
    name TEXT NOT NULL
);
INSERT INTO tombstones_new (seq, project, name)
SELECT seq, substr(name, 10, instr(substr(name, 10), '/') - 1), name FROM tombstones ORDER BY seq;
DROP TABLE tombstones;
ALTER TABLE tombstones_new RENAME TO tombstones;
CREATE INDEX tombstones_by_seq ON tombstones (seq);

CREATE TABLE effects_new (
    id INTEGER PRIMARY KEY,
    attempt_uid TEXT NOT NULL,
    call TEXT NOT NULL,
    phase TEXT NOT NULL,
    target TEXT NOT NULL,
    key TEXT NOT NULL,
    at_s REAL NOT NULL,
    seq INTEGER NOT NULL
);
INSERT INTO effects_new SELECT id, attempt_uid, call, phase, target, key, at_s, seq FROM effects;
DROP TABLE effects;
ALTER TABLE effects_new RENAME TO effects;
CREATE INDEX effects_by_attempt ON effects (attempt_uid, id);

-- A snapshot is kept in parts of bounded size: the jobs, then one part an execution. (No release has made one before.)
DROP TABLE snapshots;
CREATE TABLE snapshots (snapshot TEXT PRIMARY KEY, project TEXT NOT NULL, create_s REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE snapshot_parts (
    snapshot TEXT NOT NULL,
    part INTEGER NOT NULL,
    doc TEXT NOT NULL,
    PRIMARY KEY (snapshot, part)
);
