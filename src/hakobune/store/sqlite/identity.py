"""Service accounts and secrets in SQLite."""

from __future__ import annotations

import sqlite3

from hakobune.core.identity.accounts import ServiceAccount, UserKey
from hakobune.core.identity.secrets import Secret, SecretName, SecretVersion, VersionState
from hakobune.store.api import Page
from hakobune.store.documents import to_document
from hakobune.store.queries import queries
from hakobune.store.sqlite.document_rows import DocumentRows

_NEWEST = 1 << 62  # above every number of a version


class SqliteIdentityRead(DocumentRows):
    """Questions about service accounts and secrets."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection, "identity")

    # -- service accounts -----------------------------------------------------------------------------------------

    def find_account(self, account: str) -> ServiceAccount | None:
        return self._one(ServiceAccount, "find_account", account=account)

    def list_accounts(self, project: str, page: Page) -> list[ServiceAccount]:
        return self._all(ServiceAccount, "list_accounts", project=project, after=page.after, limit=page.limit)

    def count_accounts(self, project: str) -> int:
        return int(str(self._first("count_accounts", project=project)))

    def find_key(self, key_id: str) -> UserKey | None:
        return self._one(UserKey, "find_key", key_id=key_id)

    def list_keys(self, email: str) -> list[UserKey]:
        return self._all(UserKey, "list_keys", email=email)

    # -- secrets --------------------------------------------------------------------------------------------------

    def find_secret(self, name: SecretName, now_s: float) -> Secret | None:
        return self._one(Secret, "find_secret", project=name.project, secret=name.secret, now_s=now_s)

    def list_secrets(self, project: str, page: Page, now_s: float) -> list[Secret]:
        return self._all(Secret, "list_secrets", project=project, after=page.after, limit=page.limit, now_s=now_s)

    def count_secrets(self, project: str) -> int:
        return int(str(self._first("count_secrets", project=project)))

    def find_version(self, name: SecretName, number: int) -> SecretVersion | None:
        return self._one(SecretVersion, "find_version", project=name.project, secret=name.secret, number=number)

    def newest_version(self, name: SecretName) -> SecretVersion | None:
        return self._one(SecretVersion, "newest_version", project=name.project, secret=name.secret)

    def list_versions(self, name: SecretName, page: Page) -> list[SecretVersion]:
        before = int(page.after) if page.after else _NEWEST
        return self._all(
            SecretVersion,
            "list_versions",
            project=name.project,
            secret=name.secret,
            before=before,
            limit=page.limit,
        )

    def payload(self, name: SecretName, number: int) -> bytes | None:
        found = self._first("payload", project=name.project, secret=name.secret, number=number)
        return found if isinstance(found, bytes) else None


class SqliteIdentityWrite(SqliteIdentityRead):
    """Changes of service accounts and secrets."""

    def _drop_policy(self, resource: str) -> None:
        self._connection.execute(queries("changes")["delete_policy"], {"resource": resource})

    def save_account(self, account: ServiceAccount) -> None:
        self._do(
            "save_account",
            email=account.email,
            project=account.project,
            unique_id=account.unique_id,
            doc=to_document(account),
        )

    def remove_account(self, account: ServiceAccount) -> None:
        self._do("delete_account", email=account.email)
        self._do("delete_keys", email=account.email)
        self._drop_policy(account.name)

    def save_key(self, key: UserKey) -> None:
        self._do("save_key", key_id=key.id, email=key.email, doc=to_document(key))

    def remove_key(self, key_id: str) -> None:
        self._do("delete_key", key_id=key_id)

    def save_secret(self, secret: Secret) -> None:
        self._do(
            "save_secret",
            project=secret.name.project,
            secret=secret.name.secret,
            expire_s=secret.expire_s,
            doc=to_document(secret),
        )

    def remove_secret(self, name: SecretName) -> None:
        self._do("delete_secret", project=name.project, secret=name.secret)
        self._do("delete_versions", project=name.project, secret=name.secret)
        self._drop_policy(str(name))

    def remove_expired(self, now_s: float) -> None:
        for row in self._connection.execute(self._sql["expired_secrets"], {"now_s": now_s}).fetchall():
            self.remove_secret(SecretName(project=row["project"], secret=row["secret"]))

    def add_version(self, version: SecretVersion, payload: bytes) -> None:
        name = version.secret
        self._do(
            "add_version",
            project=name.project,
            secret=name.secret,
            number=version.number,
            doc=to_document(version),
            payload=payload,
        )

    def save_version(self, version: SecretVersion) -> None:
        name = version.secret
        self._do(
            "save_version",
            project=name.project,
            secret=name.secret,
            number=version.number,
            doc=to_document(version),
            is_destroyed=version.state is VersionState.DESTROYED,
        )
