-- Services and worker pools, their revisions, and the instances that are to run.

CREATE TABLE residents (
    uid TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    project TEXT NOT NULL,
    location TEXT NOT NULL,
    id TEXT NOT NULL,
    doc TEXT NOT NULL,
    UNIQUE (kind, project, location, id)
);

-- `starts` counts the instances of the revision that were ever begun: none has the number of another.
CREATE TABLE revisions (
    uid TEXT PRIMARY KEY,
    resident_uid TEXT NOT NULL,
    kind TEXT NOT NULL,
    project TEXT NOT NULL,
    location TEXT NOT NULL,
    id TEXT NOT NULL,
    number INTEGER NOT NULL,
    state TEXT NOT NULL,
    starts INTEGER NOT NULL DEFAULT 0,
    doc TEXT NOT NULL,
    UNIQUE (resident_uid, id)
);
CREATE INDEX revisions_by_state ON revisions (resident_uid, state);
CREATE INDEX revisions_by_place ON revisions (kind, project, location, number);

-- They may outlive their revision: until the engine says that they have ended.
CREATE TABLE instances (
    uid TEXT PRIMARY KEY,
    resident_uid TEXT NOT NULL,
    revision_uid TEXT NOT NULL,
    doc TEXT NOT NULL
);
CREATE INDEX instances_by_resident ON instances (resident_uid);
