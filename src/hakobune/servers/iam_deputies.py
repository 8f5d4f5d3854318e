"""Whom a caller may let act: a service, a schedule or a trigger works with the tokens of its account, so whoever makes
or changes one must be allowed to act as that account, when policies are enforced.

Source: https://cloud.google.com/iam/docs/service-account-permissions, …/run/docs/configuring/services/service-identity,
…/scheduler/docs/http-target-auth, …/eventarc/docs/roles-permissions. (docs/decisions/0020)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from hakobune.core.errors import Aborted
from hakobune.core.identity.accounts import is_default, project_of_email
from hakobune.runtime.credentials_guard import Guard
from hakobune.store.api import ReadTx, Store

Result = TypeVar("Result")
_PERMISSION = "iam.serviceAccounts.actAs"

MayUse = Callable[[str], None]  # is called with the account that a resource names


class _Unasked(Aborted):
    """The guard has not been asked about this account yet."""

    def __init__(self, account: str) -> None:
        super().__init__(f"The service account {account} changed in between.")
        self.account = account


class Deputies:
    """Asks the guard about accounts that others are to act as."""

    def __init__(self, guard: Guard, store: Store) -> None:
        self._guard = guard
        self._store = store

    async def check(self, caller: str, account: str, project: str) -> None:
        """Whether a caller may let a resource of a project act as an account; "" is none. Raises PermissionDenied."""
        if account and self._guard.is_enforced:
            name = await self._store.read(partial(account_resource, account, project))
            await self._guard.check(caller, _PERMISSION, name)

    async def settle(self, caller: str, project: str, attempt: Callable[[MayUse], Awaitable[Result]]) -> Result:
        """What `attempt` comes to. Inside of its turn, where alone it is known which account a changed resource has, it
        calls what it is given: the turn is taken back there, and taken again when the guard has allowed the account.
        Raises PermissionDenied, and what `attempt` raises."""
        allowed = {""}

        def may_use(account: str) -> None:
            if self._guard.is_enforced and account not in allowed:
                raise _Unasked(account)

        while True:
            try:
                return await attempt(may_use)
            except _Unasked as unasked:
                await self.check(caller, unasked.account, project)
                allowed.add(unasked.account)


def account_resource(account: str, project: str, tx: ReadTx) -> str:
    """The full name of an account, created or not, as a resource of `project` names it."""
    found = tx.identity.find_account(account)
    if found is not None:
        return f"projects/{found.project}/serviceAccounts/{found.email}"
    told = project_of_email(account) or (project if project and is_default(account, project) else "")
    return f"projects/{told}/serviceAccounts/{account}"
