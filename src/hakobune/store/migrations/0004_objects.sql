-- Buckets, objects and their content files, uploads, notification configs.

CREATE TABLE buckets (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket TEXT NOT NULL UNIQUE,
    project TEXT NOT NULL,
    doc TEXT NOT NULL,
    changed_seq INTEGER NOT NULL
);
CREATE INDEX buckets_by_project ON buckets (project, bucket);
CREATE INDEX buckets_by_change ON buckets (changed_seq);

-- Content files. `refs` counts the rows that name one: versions (those of snapshots included), uploads and parts. At 0
-- the file is removed, then the row.
CREATE TABLE contents (
    content TEXT PRIMARY KEY,
    refs INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX contents_unused ON contents (content) WHERE refs = 0;

-- Names compare as their UTF-8 bytes.
CREATE TABLE objects (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    generation INTEGER NOT NULL,
    metageneration INTEGER NOT NULL,
    state TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    crc32c INTEGER NOT NULL,
    md5 TEXT NOT NULL,
    content TEXT NOT NULL,
    components INTEGER,
    create_s REAL NOT NULL,
    update_s REAL NOT NULL,
    class_update_s REAL NOT NULL,
    delete_s REAL,
    soft_delete_s REAL,
    hard_delete_s REAL,
    doc TEXT NOT NULL,
    changed_seq INTEGER NOT NULL
);
CREATE UNIQUE INDEX objects_by_name ON objects (bucket_id, name, generation);
CREATE UNIQUE INDEX objects_live ON objects (bucket_id, name) WHERE state = 'live';
CREATE UNIQUE INDEX objects_soft_deleted ON objects (bucket_id, name, generation) WHERE state = 'soft_deleted';
CREATE INDEX objects_due ON objects (hard_delete_s) WHERE state = 'soft_deleted';
CREATE INDEX objects_by_change ON objects (changed_seq);

-- Resumable uploads. `received_bytes` of the content file are durable. `result`: the object that was made.
CREATE TABLE upload_sessions (
    session TEXT PRIMARY KEY,
    bucket_id INTEGER NOT NULL,
    content TEXT NOT NULL,
    received_bytes INTEGER NOT NULL,
    expire_s REAL NOT NULL,
    doc TEXT NOT NULL,
    result TEXT
) WITHOUT ROWID;
CREATE INDEX upload_sessions_by_expiry ON upload_sessions (expire_s);
CREATE INDEX upload_sessions_by_bucket ON upload_sessions (bucket_id);

-- Multipart uploads of the XML API and their parts.
CREATE TABLE multipart_uploads (
    upload TEXT PRIMARY KEY,
    bucket_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    expire_s REAL NOT NULL,
    doc TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX multipart_uploads_by_expiry ON multipart_uploads (expire_s);
CREATE INDEX multipart_uploads_by_name ON multipart_uploads (bucket_id, name, upload);
CREATE TABLE upload_parts (
    upload TEXT NOT NULL,
    number INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    crc32c INTEGER NOT NULL,
    md5 TEXT NOT NULL,
    content TEXT NOT NULL,
    update_s REAL NOT NULL,
    PRIMARY KEY (upload, number)
) WITHOUT ROWID;

CREATE TABLE notification_configs (
    bucket_id INTEGER NOT NULL,
    config INTEGER NOT NULL,
    doc TEXT NOT NULL,
    PRIMARY KEY (bucket_id, config)
) WITHOUT ROWID;
