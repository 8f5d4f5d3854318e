-- Triggers and channels, the events that they want, and the deliveries of these.

CREATE TABLE triggers (
    uid TEXT PRIMARY KEY,
    project TEXT NOT NULL,
    location TEXT NOT NULL,
    id TEXT NOT NULL,
    doc TEXT NOT NULL,
    UNIQUE (project, location, id)
);

CREATE TABLE trigger_channels (
    uid TEXT PRIMARY KEY,
    project TEXT NOT NULL,
    location TEXT NOT NULL,
    id TEXT NOT NULL,
    doc TEXT NOT NULL,
    UNIQUE (project, location, id)
);

-- An event is there as long as one of its deliveries is.
CREATE TABLE trigger_events (number INTEGER PRIMARY KEY, doc TEXT NOT NULL);

-- `settle_s` NULL: it is open. `has_failed`: open, and an attempt of it has failed.
CREATE TABLE trigger_deliveries (
    uid TEXT PRIMARY KEY,
    event INTEGER NOT NULL REFERENCES trigger_events (number),
    trigger_uid TEXT NOT NULL REFERENCES triggers (uid),
    settle_s REAL,
    has_failed INTEGER NOT NULL,
    doc TEXT NOT NULL
);
CREATE INDEX trigger_deliveries_by_event ON trigger_deliveries (event);
CREATE INDEX trigger_deliveries_by_trigger ON trigger_deliveries (trigger_uid, event);
CREATE INDEX trigger_deliveries_settled ON trigger_deliveries (settle_s) WHERE settle_s IS NOT NULL;
CREATE INDEX trigger_deliveries_failed ON trigger_deliveries (trigger_uid, event) WHERE has_failed;
