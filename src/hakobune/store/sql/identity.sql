-- Queries of service accounts and secrets.

-- name: find_account
SELECT doc FROM service_accounts WHERE email = :account OR unique_id = :account

-- name: list_accounts
SELECT doc FROM service_accounts WHERE project = :project AND email > :after ORDER BY email LIMIT :limit

-- name: count_accounts
SELECT count(*) FROM service_accounts WHERE project = :project

-- name: save_account
INSERT INTO service_accounts (email, project, unique_id, doc) VALUES (:email, :project, :unique_id, :doc)
ON CONFLICT (email) DO UPDATE SET doc = excluded.doc

-- name: delete_account
DELETE FROM service_accounts WHERE email = :email

-- name: find_key
SELECT doc FROM service_account_keys WHERE key_id = :key_id

-- name: list_keys
SELECT doc FROM service_account_keys WHERE email = :email ORDER BY id

-- name: save_key
INSERT INTO service_account_keys (key_id, email, doc) VALUES (:key_id, :email, :doc)
ON CONFLICT (key_id) DO UPDATE SET doc = excluded.doc

-- name: delete_key
DELETE FROM service_account_keys WHERE key_id = :key_id

-- name: delete_keys
DELETE FROM service_account_keys WHERE email = :email

-- name: find_secret
SELECT doc FROM secrets WHERE project = :project AND secret = :secret AND (expire_s IS NULL OR expire_s > :now_s)

-- name: list_secrets
SELECT doc FROM secrets WHERE project = :project AND secret > :after AND (expire_s IS NULL OR expire_s > :now_s)
ORDER BY secret LIMIT :limit

-- name: count_secrets
SELECT count(*) FROM secrets WHERE project = :project

-- name: expired_secrets
SELECT project, secret FROM secrets WHERE expire_s <= :now_s

-- name: save_secret
INSERT INTO secrets (project, secret, expire_s, doc) VALUES (:project, :secret, :expire_s, :doc)
ON CONFLICT (project, secret) DO UPDATE SET expire_s = excluded.expire_s, doc = excluded.doc

-- name: delete_secret
DELETE FROM secrets WHERE project = :project AND secret = :secret

-- name: delete_versions
DELETE FROM secret_versions WHERE project = :project AND secret = :secret

-- name: find_version
SELECT doc FROM secret_versions WHERE project = :project AND secret = :secret AND number = :number

-- name: newest_version
SELECT doc FROM secret_versions WHERE project = :project AND secret = :secret ORDER BY number DESC LIMIT 1

-- name: list_versions
SELECT doc FROM secret_versions WHERE project = :project AND secret = :secret AND number < :before
ORDER BY number DESC LIMIT :limit

-- name: payload
SELECT payload FROM secret_versions WHERE project = :project AND secret = :secret AND number = :number

-- name: add_version
INSERT INTO secret_versions (project, secret, number, doc, payload)
VALUES (:project, :secret, :number, :doc, :payload)

-- name: save_version
UPDATE secret_versions SET doc = :doc, payload = CASE WHEN :is_destroyed THEN NULL ELSE payload END
WHERE project = :project AND secret = :secret AND number = :number
