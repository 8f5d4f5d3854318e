-- Workflows, their revisions and executions, and the journals of the executions.

CREATE TABLE workflows (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    project TEXT NOT NULL,
    location TEXT NOT NULL,
    workflow TEXT NOT NULL,
    revision_ordinal INTEGER NOT NULL,
    doc TEXT NOT NULL,
    changed_seq INTEGER NOT NULL
);
CREATE UNIQUE INDEX workflows_by_name ON workflows (project, workflow, location);
CREATE INDEX workflows_by_change ON workflows (changed_seq);

-- Revisions stay as long as their workflow: executions are pinned to them.
CREATE TABLE workflow_revisions (
    workflow_uid TEXT NOT NULL,
    ordinal INTEGER NOT NULL,
    revision TEXT NOT NULL,
    doc TEXT NOT NULL,
    PRIMARY KEY (workflow_uid, ordinal)
);

-- `doc` never changes; `outcome` is written when an execution rests or ends. `hidden` = 1: its workflow is gone, or
-- its time of retention is over; such rows are removed bit by bit.
CREATE TABLE workflow_executions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uid TEXT NOT NULL UNIQUE,
    workflow_uid TEXT NOT NULL,
    project TEXT NOT NULL,
    location TEXT NOT NULL,
    workflow TEXT NOT NULL,
    hidden INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL,
    revision TEXT NOT NULL,
    create_s REAL NOT NULL,
    start_s REAL,
    end_s REAL,
    doc TEXT NOT NULL,
    argument TEXT,
    outcome TEXT NOT NULL,
    changed_seq INTEGER NOT NULL
);
CREATE INDEX workflow_executions_by_workflow ON workflow_executions (workflow_uid, id) WHERE hidden = 0;
CREATE INDEX workflow_executions_by_change ON workflow_executions (changed_seq);
CREATE INDEX workflow_executions_queued ON workflow_executions (project, location, id) WHERE state = 'QUEUED';
CREATE INDEX workflow_executions_stuck ON workflow_executions (id) WHERE state = 'UNAVAILABLE';
CREATE INDEX workflow_executions_ended ON workflow_executions (end_s) WHERE end_s IS NOT NULL AND hidden = 0;
CREATE INDEX workflow_executions_hidden ON workflow_executions (id) WHERE hidden = 1;

-- The only durable state of an execution: its events in order. Nothing is ever rewritten.
CREATE TABLE workflow_journal (
    execution_id INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    entry BLOB NOT NULL,
    PRIMARY KEY (execution_id, seq)
) WITHOUT ROWID;

-- How many executions there are in each state and place: quotas ask at every create.
CREATE TABLE workflow_totals (
    project TEXT NOT NULL,
    location TEXT NOT NULL,
    state TEXT NOT NULL,
    executions INTEGER NOT NULL,
    PRIMARY KEY (project, location, state)
) WITHOUT ROWID;
CREATE TRIGGER workflow_totals_rise AFTER INSERT ON workflow_executions BEGIN
    INSERT INTO workflow_totals (project, location, state, executions)
    VALUES (new.project, new.location, new.state, 1)
    ON CONFLICT (project, location, state) DO UPDATE SET executions = executions + 1;
END;
CREATE TRIGGER workflow_totals_move AFTER UPDATE OF state ON workflow_executions WHEN old.state <> new.state BEGIN
    UPDATE workflow_totals SET executions = executions - 1
    WHERE project = old.project AND location = old.location AND state = old.state;
    INSERT INTO workflow_totals (project, location, state, executions)
    VALUES (new.project, new.location, new.state, 1)
    ON CONFLICT (project, location, state) DO UPDATE SET executions = executions + 1;
END;
CREATE TRIGGER workflow_totals_fall AFTER DELETE ON workflow_executions BEGIN
    UPDATE workflow_totals SET executions = executions - 1
    WHERE project = old.project AND location = old.location AND state = old.state;
END;
