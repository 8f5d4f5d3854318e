-- Schedules, and their runs that have not ended.

CREATE TABLE schedules (
    uid TEXT PRIMARY KEY,
    project TEXT NOT NULL,
    location TEXT NOT NULL,
    job TEXT NOT NULL,
    doc TEXT NOT NULL,
    UNIQUE (project, location, job)
);

-- `is_forced` runs overlap with others; of the rest, a schedule has at most one.
CREATE TABLE schedule_runs (
    uid TEXT PRIMARY KEY,
    schedule_uid TEXT NOT NULL REFERENCES schedules (uid) ON DELETE CASCADE,
    is_forced INTEGER NOT NULL,
    doc TEXT NOT NULL
);
CREATE INDEX schedule_runs_by_schedule ON schedule_runs (schedule_uid);
CREATE UNIQUE INDEX schedule_runs_one_at_a_time ON schedule_runs (schedule_uid) WHERE NOT is_forced;
