"""Secret Manager v1 (https://cloud.google.com/secret-manager/docs/reference/rest): secrets of a project, everywhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from hakobune.core import paging
from hakobune.core.errors import FieldViolation, InvalidArgument
from hakobune.core.filters import filter_from_text
from hakobune.core.filters_of_secrets import SECRET_FIELDS, VERSION_FIELDS
from hakobune.core.identity.secrets import Secret, SecretName, SecretVersion, VersionState, check_version
from hakobune.runtime.app import Runtime
from hakobune.servers.http.messages import Request, Response, json_response
from hakobune.servers.http.router import Handler, Router
from hakobune.servers.parents import page_of, project_of
from hakobune.servers.query import only
from hakobune.servers.run_v2 import body_of
from hakobune.store.api import Page
from hakobune.wire import secrets_v1 as wire
from hakobune.wire.pages import list_to_json

T = TypeVar("T")

_PAGE, _PAGE_MAX = 100, 25_000  # reference of secrets.list
_BATCH = 500


def secret_name(request: Request) -> SecretName:
    """The secret in the path. Raises InvalidArgument."""
    return SecretName.make(request.parameters["project"], request.parameters["secret"])


class SecretManager:
    """Handlers over the secrets room."""

    def __init__(self, runtime: Runtime) -> None:
        self._secrets = runtime.secrets

    def routes(self, router: Router) -> None:
        """Register all paths."""
        base = "/v1/projects/{project}/secrets"
        one = base + "/{secret}"
        version = one + "/versions/{version}"
        table: list[tuple[str, str, str, Handler]] = [
            ("POST", base, "secretId", self.create),
            ("GET", base, "pageSize pageToken filter", self.list_all),
            ("GET", one, "", self.get),
            ("PATCH", one, "updateMask", self.patch),
            ("DELETE", one, "etag", self.delete),
            ("POST", one + ":addVersion", "", self.add_version),
            ("GET", one + "/versions", "pageSize pageToken filter", self.list_versions),
            ("GET", version, "", self.get_version),
            ("GET", version + ":access", "", self.access),
            ("POST", version + ":enable", "", self.enable),
            ("POST", version + ":disable", "", self.disable),
            ("POST", version + ":destroy", "", self.destroy),
        ]
        for method, pattern, query, handler in table:
            router.add(method, pattern, only(query, handler))

    async def create(self, request: Request) -> Response:
        """`secrets.create`."""
        secret_id = request.query_fields().get("secretId", "")
        if not secret_id:
            violation = FieldViolation(field="secret_id", description="required")
            raise InvalidArgument("Missing required query parameter 'secretId'.", violations=[violation])
        name = SecretName.make(project_of(request), secret_id, field_name="secret_id")
        draft = wire.secret_draft_from_json(await body_of(request))
        return json_response(wire.secret_to_json(await self._secrets.create(name, draft)))

    async def get(self, request: Request) -> Response:
        """`secrets.get`."""
        return json_response(wire.secret_to_json(await self._secrets.get(secret_name(request))))

    async def patch(self, request: Request) -> Response:
        """`secrets.patch`."""
        name = secret_name(request)
        mask = request.query_fields().get("updateMask", "")
        wanted = wire.secret_patch_from_json(await body_of(request), name, mask)
        return json_response(wire.secret_to_json(await self._secrets.patch(name, wanted.draft, wanted.fields)))

    async def delete(self, request: Request) -> Response:
        """`secrets.delete`."""
        await self._secrets.delete(secret_name(request), request.query_fields().get("etag", ""))
        return json_response({})

    async def list_all(self, request: Request) -> Response:
        """`secrets.list`."""
        project = project_of(request)
        text = request.query_fields().get("filter", "")
        wanted = filter_from_text(text, SECRET_FIELDS)
        page = page_of(request, f"secrets/{project}?{text}", default=_PAGE, most=_PAGE_MAX)

        async def batch(part: Page) -> Sequence[Secret]:
            return await self._secrets.list_secrets(project, part)

        matches = None if wanted is None else wanted.matches
        found, more = await _matching(batch, matches, page, lambda secret: secret.name.secret)
        token = paging.encode(f"secrets/{project}?{text}", found[-1].name.secret) if more else ""
        return json_response(list_to_json("secrets", [wire.secret_to_json(secret) for secret in found], token))

    # -- versions -------------------------------------------------------------------------------------------------

    async def add_version(self, request: Request) -> Response:
        """`secrets.addVersion`."""
        name = secret_name(request)
        value = wire.new_value_from_json(await body_of(request))
        version = await self._secrets.add_version(name, value.data, has_checksum=value.has_checksum)
        return json_response(wire.version_to_json(version))

    async def list_versions(self, request: Request) -> Response:
        """`versions.list`, newest first."""
        name = secret_name(request)
        text = request.query_fields().get("filter", "")
        wanted = filter_from_text(text, VERSION_FIELDS)
        kind = f"{name}/versions?{text}"
        page = page_of(request, kind, default=_PAGE, most=_PAGE_MAX)

        async def batch(part: Page) -> Sequence[SecretVersion]:
            return await self._secrets.list_versions(name, part)

        matches = None if wanted is None else wanted.matches
        found, more = await _matching(batch, matches, page, lambda version: str(version.number))
        token = paging.encode(kind, str(found[-1].number)) if more else ""
        return json_response(list_to_json("versions", [wire.version_to_json(version) for version in found], token))

    async def get_version(self, request: Request) -> Response:
        """`versions.get`."""
        return json_response(wire.version_to_json(await self._secrets.get_version(*_version(request))))

    async def access(self, request: Request) -> Response:
        """`versions.access`: the one answer that holds a value."""
        version, data = await self._secrets.access(*_version(request))
        response = json_response(wire.access_to_json(version, data))
        response.headers.append(("Cache-Control", "no-store"))
        return response

    async def enable(self, request: Request) -> Response:
        """`versions.enable`."""
        return await self._set(request, VersionState.ENABLED)

    async def disable(self, request: Request) -> Response:
        """`versions.disable`."""
        return await self._set(request, VersionState.DISABLED)

    async def destroy(self, request: Request) -> Response:
        """`versions.destroy`: the value is removed for good."""
        return await self._set(request, VersionState.DESTROYED)

    async def _set(self, request: Request, state: VersionState) -> Response:
        etag = wire.state_etag_from_json(await body_of(request))
        return json_response(wire.version_to_json(await self._secrets.set_state(*_version(request), state, etag)))


def _version(request: Request) -> tuple[SecretName, str]:
    return secret_name(request), check_version(request.parameters["version"])


async def _matching(
    batch: Callable[[Page], Awaitable[Sequence[T]]],
    matches: Callable[[T], bool] | None,
    page: Page,
    place: Callable[[T], str],
) -> tuple[list[T], bool]:
    """The items of a page that match, and whether more follow."""
    found: list[T] = []
    after = page.after
    while True:
        part = await batch(Page(limit=_BATCH, after=after))
        for item in part:
            if matches is not None and not matches(item):
                continue
            if len(found) == page.limit - 1:
                return found, True
            found.append(item)
        if len(part) < _BATCH:
            return found, False
        after = place(part[-1])
