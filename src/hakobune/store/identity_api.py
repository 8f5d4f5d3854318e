"""What the house remembers of service accounts and secrets, in domain words: a part of the store's interface
(`store/api.py`). Values of secrets come and go encrypted."""

from __future__ import annotations

from typing import Protocol

from hakobune.core.identity.accounts import ServiceAccount, UserKey
from hakobune.core.identity.secrets import Secret, SecretName, SecretVersion
from hakobune.store.records import Page


class IdentityRead(Protocol):
    """Questions about service accounts and secrets."""

    def find_account(self, account: str) -> ServiceAccount | None:
        """By email or unique id."""
        ...

    def list_accounts(self, project: str, page: Page) -> list[ServiceAccount]:
        """By email. `after` is the email of the last one seen."""
        ...

    def count_accounts(self, project: str) -> int:
        """Accounts of a project."""
        ...

    def find_key(self, key_id: str) -> UserKey | None:
        """A user's key by its id."""
        ...

    def list_keys(self, email: str) -> list[UserKey]:
        """All keys of an account, oldest first."""
        ...

    def find_secret(self, name: SecretName, now_s: float) -> Secret | None:
        """The secret of this name, if it has not expired."""
        ...

    def list_secrets(self, project: str, page: Page, now_s: float) -> list[Secret]:
        """By id, without those that have expired. `after` is the id of the last one seen."""
        ...

    def count_secrets(self, project: str) -> int:
        """Secrets of a project."""
        ...

    def find_version(self, name: SecretName, number: int) -> SecretVersion | None:
        """A version by its number."""
        ...

    def newest_version(self, name: SecretName) -> SecretVersion | None:
        """The version that was added last, whatever its state."""
        ...

    def list_versions(self, name: SecretName, page: Page) -> list[SecretVersion]:
        """Newest first. `after` is the number of the last one seen."""
        ...

    def payload(self, name: SecretName, number: int) -> bytes | None:
        """The encrypted value of a version that is not destroyed."""
        ...


class IdentityWrite(IdentityRead, Protocol):
    """Changes of service accounts and secrets."""

    def save_account(self, account: ServiceAccount) -> None:
        """Add an account, or replace it."""
        ...

    def remove_account(self, account: ServiceAccount) -> None:
        """Remove an account with its keys and its policy."""
        ...

    def save_key(self, key: UserKey) -> None:
        """Add a key, or replace it."""
        ...

    def remove_key(self, key_id: str) -> None:
        """Remove a key."""
        ...

    def save_secret(self, secret: Secret) -> None:
        """Add a secret, or replace it."""
        ...

    def remove_secret(self, name: SecretName) -> None:
        """Remove a secret with its versions and its policy."""
        ...

    def remove_expired(self, now_s: float) -> None:
        """Remove the secrets whose time is over."""
        ...

    def add_version(self, version: SecretVersion, payload: bytes) -> None:
        """Add a version with its encrypted value."""
        ...

    def save_version(self, version: SecretVersion) -> None:
        """Store the new state of a version. The value of one that is destroyed is removed."""
        ...
