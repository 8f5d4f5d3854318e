-- Service accounts, the public halves of their keys, secrets and their encrypted values.

CREATE TABLE service_accounts (
    email TEXT PRIMARY KEY,
    project TEXT NOT NULL,
    unique_id TEXT NOT NULL UNIQUE,
    doc TEXT NOT NULL
);
CREATE INDEX service_accounts_by_project ON service_accounts (project, email);

CREATE TABLE service_account_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key_id TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL,
    doc TEXT NOT NULL
);
CREATE INDEX service_account_keys_by_email ON service_account_keys (email);

CREATE TABLE secrets (
    project TEXT NOT NULL,
    secret TEXT NOT NULL,
    expire_s REAL,
    doc TEXT NOT NULL,
    PRIMARY KEY (project, secret)
);
CREATE INDEX secrets_by_expiry ON secrets (expire_s) WHERE expire_s IS NOT NULL;

-- `payload` is NULL when the version is destroyed.
CREATE TABLE secret_versions (
    project TEXT NOT NULL,
    secret TEXT NOT NULL,
    number INTEGER NOT NULL,
    doc TEXT NOT NULL,
    payload BLOB,
    PRIMARY KEY (project, secret, number)
);
