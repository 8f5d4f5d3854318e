"""Service accounts that were created, and the keys of their users. (docs/decisions/0020)"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace

import anyio.to_thread

from hakobune.core.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    Unauthenticated,
)
from hakobune.core.identity import limits, tokens
from hakobune.core.identity.accounts import (
    WILDCARD,
    AccountName,
    ServiceAccount,
    UserKey,
    email_of,
    is_default,
    project_of_email,
)
from hakobune.core.names import default_service_account
from hakobune.runtime import credentials_crypto as crypto
from hakobune.runtime.credentials import TOKEN_LIFE_S, Credentials, Issued
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.store.api import Page, ReadTx, WriteTx

# Where an assertion may say that it goes: Google's token endpoints, of now and of old.
_TOKEN_AUDIENCES = frozenset(
    {
        "https://oauth2.googleapis.com/token",
        "https://www.googleapis.com/oauth2/v4/token",
        "https://accounts.google.com/o/oauth2/token",
    }
)


class ServiceAccounts:
    """Accounts of all projects."""

    def __init__(self, wheel: Wheel, credentials: Credentials, base_url: str) -> None:
        self._wheel = wheel
        self._credentials = credentials
        self._token_url = f"{base_url}/token"

    # -- accounts -------------------------------------------------------------------------------------------------

    async def create(self, project: str, account_id: str, display_name: str, description: str) -> ServiceAccount:
        """Raises AlreadyExists, ResourceExhausted."""
        email = email_of(project, account_id)

        def unit(turn: Turn) -> ServiceAccount:
            if turn.tx.identity.find_account(email) is not None or is_default(email, project):
                raise AlreadyExists(f"Service account {account_id} already exists within project projects/{project}.")
            if turn.tx.identity.count_accounts(project) >= limits.ACCOUNTS_MAX:
                raise ResourceExhausted(f"A project has at most {limits.ACCOUNTS_MAX} service accounts.")
            account = ServiceAccount(
                email=email,
                project=project,
                display_name=display_name,
                description=description,
                created_s=turn.now_s,
                etag=_etag(turn),
            )
            turn.tx.identity.save_account(account)
            return account

        return await self._wheel.turn(unit)

    async def get(self, name: AccountName) -> ServiceAccount:
        """Raises NotFound."""
        return await self._wheel.store.read(lambda tx: account_of(tx, name))

    async def list_accounts(self, project: str, page: Page) -> list[ServiceAccount]:
        """By email, those that every project has among them."""

        def unit(tx: ReadTx) -> list[ServiceAccount]:
            own = (default_service_account(project), email_of(project, "developer"))
            missing = [email for email in own if email > page.after and tx.identity.find_account(email) is None]
            found = [*tx.identity.list_accounts(project, page), *(_default(email, project) for email in missing)]
            return sorted(found, key=lambda account: account.email)[: page.limit]

        return await self._wheel.store.read(unit)

    async def change(
        self, name: AccountName, *, display_name: str | None = None, description: str | None = None, etag: str = ""
    ) -> ServiceAccount:
        """Raises NotFound, Aborted (the etag is an old one)."""

        def change(account: ServiceAccount) -> ServiceAccount:
            if etag and etag != account.etag:
                raise Aborted("The service account was changed since it was read (its etag differs): read it again.")
            return replace(
                account,
                display_name=account.display_name if display_name is None else display_name,
                description=account.description if description is None else description,
            )

        return await self._changed(name, change)

    async def set_disabled(self, name: AccountName, *, is_disabled: bool) -> None:
        """From now on it gets no new tokens, or gets them again. Raises NotFound."""
        await self._changed(name, lambda account: replace(account, is_disabled=is_disabled))

    async def _changed(self, name: AccountName, change: Callable[[ServiceAccount], ServiceAccount]) -> ServiceAccount:
        def unit(turn: Turn) -> ServiceAccount:
            account = replace(change(account_of(turn.tx, name)), etag=_etag(turn))
            turn.tx.identity.save_account(account)
            return account

        return await self._wheel.turn(unit)

    async def delete(self, name: AccountName) -> None:
        """Its keys go with it. Raises NotFound, FailedPrecondition (every project has it)."""

        def unit(turn: Turn) -> None:
            account = account_of(turn.tx, name)
            if is_default(account.email, account.project):
                raise FailedPrecondition(f"Service account {account.email} cannot be deleted: every project has it.")
            turn.tx.identity.remove_account(account)

        await self._wheel.turn(unit)

    # -- keys -----------------------------------------------------------------------------------------------------

    async def create_key(self, name: AccountName) -> tuple[ServiceAccount, UserKey, str]:
        """(account, public half, private half as PEM, which is not kept). Raises NotFound, ResourceExhausted."""
        private = await anyio.to_thread.run_sync(crypto.new_key)

        def unit(turn: Turn) -> tuple[ServiceAccount, UserKey]:
            account = account_of(turn.tx, name)
            if len(turn.tx.identity.list_keys(account.email)) >= limits.USER_KEYS_MAX:
                raise ResourceExhausted(f"A service account has at most {limits.USER_KEYS_MAX} keys: delete one.")
            key = UserKey(
                id=crypto.key_id(private.public_key()),
                email=account.email,
                public_key=crypto.public_pem(private.public_key()),
                certificate=crypto.certificate(private, account.unique_id),
                created_s=turn.now_s,
            )
            turn.tx.identity.save_account(account)
            turn.tx.identity.save_key(key)
            return account, key

        account, key = await self._wheel.turn(unit)
        return account, key, crypto.private_pem(private)

    async def list_keys(self, name: AccountName) -> tuple[ServiceAccount, list[UserKey]]:
        """Raises NotFound."""

        def unit(tx: ReadTx) -> tuple[ServiceAccount, list[UserKey]]:
            account = account_of(tx, name)
            return account, tx.identity.list_keys(account.email)

        return await self._wheel.store.read(unit)

    async def get_key(self, name: AccountName, key_id: str) -> tuple[ServiceAccount, UserKey]:
        """Raises NotFound."""
        return await self._wheel.store.read(lambda tx: _found_key(tx, name, key_id))

    async def delete_key(self, name: AccountName, key_id: str) -> None:
        """What it signs from now on is refused. Raises NotFound."""

        def unit(turn: Turn) -> None:
            _found_key(turn.tx, name, key_id)
            turn.tx.identity.remove_key(key_id)

        await self._wheel.turn(unit)

    async def set_key_disabled(self, name: AccountName, key_id: str, *, is_disabled: bool) -> None:
        """What it signs is refused, or accepted again. Raises NotFound."""

        def unit(turn: Turn) -> None:
            _, key = _found_key(turn.tx, name, key_id)
            turn.tx.identity.save_key(replace(key, is_disabled=is_disabled))

        await self._wheel.turn(unit)

    # -- tokens ---------------------------------------------------------------------------------------------------

    async def email(self, name: AccountName) -> str:
        """The address of an account; only one that is named by its unique id must have been created. Raises
        NotFound."""
        return (await self.get(name)).email if name.account.isdigit() else name.account

    async def exchange(self, assertion: str) -> tuple[Issued, bool]:
        """A token for an assertion that an account signed with a key of its user (RFC 7523), and whether it is an ID
        token. Raises Unauthenticated, InvalidArgument (no scope), FailedPrecondition (disabled)."""
        claims = await self._credentials.accounts.claims_of_user(tokens.split(assertion))
        if claims.audience not in _TOKEN_AUDIENCES and claims.audience != self._token_url:
            raise Unauthenticated(f"The assertion is meant for {claims.audience[:200]!r}, not for {self._token_url}.")
        if claims.subject not in ("", claims.issuer):
            raise Unauthenticated("An account may not speak for another here: leave 'sub' out.")
        if claims.target_audience:
            text = await self._credentials.id_token(claims.issuer, claims.target_audience)
            return Issued(text=text, expires_s=self._wheel.clock.now_s() + TOKEN_LIFE_S), True
        if not claims.scopes:
            raise InvalidArgument("The assertion asks for no scope.")
        return await self._credentials.scoped_token(claims.issuer, claims.scopes), False


def account_of(tx: ReadTx | WriteTx, name: AccountName) -> ServiceAccount:
    """The account of a name, one that every project has included. Raises NotFound."""
    found = tx.identity.find_account(name.account)
    if found is None:
        project = project_of_email(name.account) if name.project == WILDCARD else name.project
        if project and is_default(name.account, project):
            found = _default(name.account, project)
    if found is None or name.project not in (WILDCARD, found.project):
        raise NotFound(f"Unknown service account: {name}.")
    return found


def _default(email: str, project: str) -> ServiceAccount:
    """One of the accounts that every project has; it is kept when it is changed or gets a key."""
    is_compute = email == default_service_account(project)
    title = "Default compute service account" if is_compute else "Whoever uses the command line"
    return ServiceAccount(email=email, project=project, display_name=title)


def _found_key(tx: ReadTx | WriteTx, name: AccountName, key_id: str) -> tuple[ServiceAccount, UserKey]:
    account = account_of(tx, name)
    key = tx.identity.find_key(key_id)
    if key is None or key.email != account.email:
        raise NotFound(f"Service account key {key_id[:80]} does not exist.")
    return account, key


def _etag(turn: Turn) -> str:
    """Base64 that looks the same in both alphabets: clients send it back in either."""
    digest = hashlib.sha256(f"{turn.tx.seq} {turn.now_s}".encode()).hexdigest()
    return base64.b64encode(digest[:12].encode()).decode()
