"""What an account may do, by the IAM policies of resources and of their projects. (docs/decisions/0020)"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import cast

from hakobune.core.errors import PermissionDenied
from hakobune.core.identity import roles
from hakobune.store.api import ReadTx, Store


class Guard:
    """Asks policies. When they are not enforced, everyone may do everything; the owner always may."""

    def __init__(self, store: Store, owner: str, *, is_enforced: bool) -> None:
        self._store = store
        self._owner = owner
        self.is_enforced = is_enforced

    async def check(self, account: str, permission: str, resource: str, project: str = "") -> None:
        """Whether an account may do something with a resource. `project`: of a resource whose name does not say it (a
        bucket). Raises PermissionDenied."""
        if not await self.held(account, [permission], resource, project):
            raise PermissionDenied(
                f"Permission '{permission}' denied on resource '{resource}' (or it may not exist), for {account}."
            )

    async def held(self, account: str, permissions: Sequence[str], resource: str, project: str = "") -> list[str]:
        """Those of `permissions` that an account has on a resource, in their order."""
        if not self.is_enforced or account == self._owner:
            return list(permissions)
        names = {resource, f"projects/{project}" if project else "/".join(resource.split("/")[:2])}

        def unit(tx: ReadTx) -> list[dict[str, object]]:
            stored = [tx.policy(name) for name in sorted(names)]
            return [cast("dict[str, object]", json.loads(text)) for text in stored if text]

        return roles.held(await self._store.read(unit), account, permissions)
