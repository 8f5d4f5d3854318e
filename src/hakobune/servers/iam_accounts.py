"""IAM API v1: service accounts and their keys."""

from __future__ import annotations

from hakobune.core.errors import InvalidArgument
from hakobune.core.identity.accounts import AccountName, ServiceAccount
from hakobune.runtime.app import Runtime
from hakobune.servers.http.messages import Request, Response, json_response
from hakobune.servers.http.router import Handler, Router
from hakobune.servers.parents import cut, page_of, project_of
from hakobune.servers.query import only
from hakobune.servers.run_v2 import body_of
from hakobune.wire import iam_accounts_v1 as wire
from hakobune.wire.pages import list_to_json

_PAGE, _PAGE_MAX = 20, 100  # reference of serviceAccounts.list
_USER_MANAGED = "USER_MANAGED"
_KEY_TYPES = frozenset({"KEY_TYPE_UNSPECIFIED", _USER_MANAGED, "SYSTEM_MANAGED"})


def account_name(request: Request) -> AccountName:
    """The account in the path. Raises InvalidArgument."""
    return AccountName.make(request.parameters["project"], request.parameters["account"])


class IamAccounts:
    """Handlers over the service accounts."""

    def __init__(self, runtime: Runtime) -> None:
        self._accounts = runtime.service_accounts
        self._base_url = runtime.settings.base_url

    def routes(self, router: Router) -> None:
        """Register all paths."""
        base = "/v1/projects/{project}/serviceAccounts"
        one = base + "/{account}"
        key = one + "/keys/{key}"
        table: list[tuple[str, str, str, Handler]] = [
            ("POST", base, "", self.create),
            ("GET", base, "pageSize pageToken", self.list_all),
            ("GET", one, "", self.get),
            ("PATCH", one, "", self.patch),
            ("PUT", one, "", self.update),
            ("DELETE", one, "", self.delete),
            ("POST", one + ":disable", "", self.disable),
            ("POST", one + ":enable", "", self.enable),
            ("POST", one + "/keys", "", self.create_key),
            ("GET", one + "/keys", "keyTypes", self.list_keys),
            ("GET", key, "publicKeyType", self.get_key),
            ("DELETE", key, "", self.delete_key),
            ("POST", key + ":disable", "", self.disable_key),
            ("POST", key + ":enable", "", self.enable_key),
        ]
        for method, pattern, query, handler in table:
            router.add(method, pattern, only(query, handler))

    async def create(self, request: Request) -> Response:
        """`serviceAccounts.create`."""
        project = project_of(request)
        draft = wire.account_draft_from_json(await body_of(request))
        made = await self._accounts.create(project, draft.account_id, draft.display_name, draft.description)
        return json_response(wire.account_to_json(made))

    async def list_all(self, request: Request) -> Response:
        """`serviceAccounts.list`."""
        project = project_of(request)
        kind = f"serviceAccounts/{project}"
        page = page_of(request, kind, default=_PAGE, most=_PAGE_MAX)
        found, token = cut(await self._accounts.list_accounts(project, page), page, kind, _email)
        return json_response(list_to_json("accounts", [wire.account_to_json(account) for account in found], token))

    async def get(self, request: Request) -> Response:
        """`serviceAccounts.get`."""
        return json_response(wire.account_to_json(await self._accounts.get(account_name(request))))

    async def patch(self, request: Request) -> Response:
        """`serviceAccounts.patch`."""
        return await self._change(request, wire.account_patch_from_json(await body_of(request)))

    async def update(self, request: Request) -> Response:
        """`serviceAccounts.update`."""
        return await self._change(request, wire.account_update_from_json(await body_of(request)))

    async def _change(self, request: Request, patch: wire.AccountPatch) -> Response:
        changed = await self._accounts.change(
            account_name(request), display_name=patch.display_name, description=patch.description, etag=patch.etag
        )
        return json_response(wire.account_to_json(changed))

    async def delete(self, request: Request) -> Response:
        """`serviceAccounts.delete`."""
        wire.check_empty(await body_of(request))
        await self._accounts.delete(account_name(request))
        return json_response({})

    async def disable(self, request: Request) -> Response:
        """`serviceAccounts.disable`."""
        return await self._set_disabled(request, is_disabled=True)

    async def enable(self, request: Request) -> Response:
        """`serviceAccounts.enable`."""
        return await self._set_disabled(request, is_disabled=False)

    async def _set_disabled(self, request: Request, *, is_disabled: bool) -> Response:
        wire.check_empty(await body_of(request))
        await self._accounts.set_disabled(account_name(request), is_disabled=is_disabled)
        return json_response({})

    # -- keys -----------------------------------------------------------------------------------------------------

    async def create_key(self, request: Request) -> Response:
        """`keys.create`: the private half is shown here and nowhere else."""
        wire.check_key_request(await body_of(request))
        account, key, private = await self._accounts.create_key(account_name(request))
        return json_response(wire.new_key_to_json(key, account, private, self._base_url))

    async def list_keys(self, request: Request) -> Response:
        """`keys.list`: those of users; system keys are published, not listed."""
        kinds = set(request.query_values("keyTypes"))
        if kinds - _KEY_TYPES:
            raise InvalidArgument(f"keyTypes: must be one of {', '.join(sorted(_KEY_TYPES))}.")
        account, keys = await self._accounts.list_keys(account_name(request))
        shown = keys if not kinds or _USER_MANAGED in kinds else []
        return json_response(list_to_json("keys", [wire.key_to_json(key, account.project) for key in shown]))

    async def get_key(self, request: Request) -> Response:
        """`keys.get`."""
        kind = request.query_fields().get("publicKeyType", wire.PUBLIC_KEY_TYPES[0])
        if kind not in wire.PUBLIC_KEY_TYPES:
            raise InvalidArgument(f"publicKeyType: must be one of {', '.join(wire.PUBLIC_KEY_TYPES)}.")
        account, key = await self._accounts.get_key(account_name(request), request.parameters["key"])
        return json_response(wire.public_key_to_json(key, account.project, kind))

    async def delete_key(self, request: Request) -> Response:
        """`keys.delete`."""
        wire.check_empty(await body_of(request))
        await self._accounts.delete_key(account_name(request), request.parameters["key"])
        return json_response({})

    async def disable_key(self, request: Request) -> Response:
        """`keys.disable`."""
        return await self._set_key_disabled(request, is_disabled=True)

    async def enable_key(self, request: Request) -> Response:
        """`keys.enable`."""
        return await self._set_key_disabled(request, is_disabled=False)

    async def _set_key_disabled(self, request: Request, *, is_disabled: bool) -> Response:
        await body_of(request)  # may say why; nothing is made of it here
        name, key = account_name(request), request.parameters["key"]
        await self._accounts.set_key_disabled(name, key, is_disabled=is_disabled)
        return json_response({})


def _email(account: ServiceAccount) -> str:
    return account.email
