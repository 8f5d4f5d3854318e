"""Cloud Storage JSON API v1: buckets (https://cloud.google.com/storage/docs/json_api/v1/buckets)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hakobune.core.objects.failures import NothingFound, NotOffered
from hakobune.core.objects.model import BucketSettings
from hakobune.runtime.app import Runtime
from hakobune.servers.http.messages import Request, Response
from hakobune.servers.http.router import Handler, Router
from hakobune.servers.storage_answers import answer, check_etag, json_of, nothing, root_of
from hakobune.wire.storage_v1_buckets import (
    bucket_etag,
    bucket_to_json,
    buckets_to_json,
    layout_to_json,
    service_account_to_json,
    settings_from_json,
    settings_to_json,
)
from hakobune.wire.storage_v1_parameters import (
    conditions_from_query,
    is_full_projection,
    parameter_flag,
    results_from_query,
)
from hakobune.wire.storage_v1_reading import Fields, Json, merged

_BUCKETS = "/storage/v1/b"
_ONE = _BUCKETS + "/{bucket}"
# Methods of the real service that are not offered, by what follows the bucket.
_NOT_OFFERED = (
    ("lockRetentionPolicy", "buckets.lockRetentionPolicy"),
    ("relocate", "buckets.relocate"),
    ("restore", "buckets.restore"),
    ("anywhereCaches", "anywhereCaches"),
    ("rapidCaches", "rapidCaches"),
    ("operations", "buckets.operations"),
)

_Change = Callable[[BucketSettings], BucketSettings]


class StorageBuckets:
    """Handlers over the objects room."""

    def __init__(self, runtime: Runtime) -> None:
        self._buckets = runtime.objects.buckets
        self._project = runtime.settings.project

    def routes(self, router: Router) -> None:
        """Register all paths."""
        table: list[tuple[str, str, Handler]] = [
            ("POST", _BUCKETS, self.create),
            ("GET", _BUCKETS, self.list_all),
            ("GET", _ONE, self.get),
            ("PATCH", _ONE, self.patch),
            ("PUT", _ONE, self.update),
            ("DELETE", _ONE, self.delete),
            ("GET", _ONE + "/storageLayout", self.layout),
            ("GET", "/storage/v1/projects/{project}/serviceAccount", self.service_account),
        ]
        for method, pattern, handler in table:
            router.add(method, pattern, handler)
        for kind in ("managedFolders", "folders"):
            router.add("GET", f"{_ONE}/{kind}", partial(self.no_folders, kind))
            router.add("GET", f"{_ONE}/{kind}/{{rest*}}", partial(self.no_folder, kind))
            for method in ("POST", "PUT", "PATCH", "DELETE"):
                router.add(method, f"{_ONE}/{kind}", refusal(kind))
                router.add(method, f"{_ONE}/{kind}/{{rest*}}", refusal(kind))
        for method in ("GET", "PUT"):
            router.add(method, f"{_ONE}/managedFolders/{{folder}}/iam", refusal("managedFolders"))
            router.add(method, f"{_ONE}/managedFolders/{{folder}}/iam/testPermissions", refusal("managedFolders"))
        router.add("POST", f"{_ONE}/o", refusal("objects.insert without content"))
        for word, name in _NOT_OFFERED:
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
                router.add(method, f"{_ONE}/{word}", refusal(name))
                router.add(method, f"{_ONE}/{word}/{{rest*}}", refusal(name))
        for method in ("GET", "POST", "PUT", "DELETE"):
            router.add(method, "/storage/v1/projects/{project}/hmacKeys", refusal("hmacKeys"))
            router.add(method, "/storage/v1/projects/{project}/hmacKeys/{rest*}", refusal("hmacKeys"))
        router.add("POST", "/storage/v1/channels/stop", refusal("channels.stop"))

    async def create(self, request: Request) -> Response:
        """A new bucket."""
        query = request.query_fields()
        body = await json_of(request)
        fields = Fields(body)
        made = await self._buckets.create(
            query.get("project") or self._project,
            fields.text("name"),
            settings_from_json(body),
            location=fields.text("location"),
        )
        return answer(request, bucket_to_json(made, root_of(request), is_full=is_full_projection(query)))

    async def list_all(self, request: Request) -> Response:
        """The buckets of a project."""
        query = request.query_fields()
        if parameter_flag(query, "softDeleted"):
            raise NotOffered("buckets.list of soft-deleted buckets: not offered by this runtime.")
        page = await self._buckets.list(
            query.get("project") or self._project,
            prefix=query.get("prefix", ""),
            max_results=results_from_query(query),
            page_token=query.get("pageToken", ""),
        )
        return answer(request, buckets_to_json(page, root_of(request), is_full=is_full_projection(query)))

    async def get(self, request: Request) -> Response:
        """One bucket."""
        query = request.query_fields()
        found = await self._buckets.get(request.parameters["bucket"], conditions_from_query(query))
        check_etag(request.headers, bucket_etag(found))
        return answer(request, bucket_to_json(found, root_of(request), is_full=is_full_projection(query)))

    async def patch(self, request: Request) -> Response:
        """Change what the body names."""
        body = await json_of(request)
        return await self._changed(request, lambda old: settings_from_json(merged(settings_to_json(old), body)))

    async def update(self, request: Request) -> Response:
        """Change all: what the body does not name is unset."""
        wanted = settings_from_json(await json_of(request))
        return await self._changed(request, lambda _: wanted)

    async def _changed(self, request: Request, change: _Change) -> Response:
        query = request.query_fields()
        found = await self._buckets.change(request.parameters["bucket"], change, conditions_from_query(query))
        return answer(request, bucket_to_json(found, root_of(request), is_full=is_full_projection(query)))

    async def delete(self, request: Request) -> Response:
        """Remove an empty bucket."""
        await self._buckets.delete(request.parameters["bucket"], conditions_from_query(request.query_fields()))
        return nothing()

    async def layout(self, request: Request) -> Response:
        """How the bucket is laid out."""
        return answer(request, layout_to_json(await self._buckets.get(request.parameters["bucket"])))

    async def no_folders(self, kind: str, request: Request) -> Response:
        """The folders or managed folders of a bucket: there are none, and gcloud looks for them."""
        await self._buckets.get(request.parameters["bucket"])
        return answer(request, {"kind": f"storage#{kind}"})

    async def no_folder(self, kind: str, request: Request) -> Response:
        """One of them."""
        await self._buckets.get(request.parameters["bucket"])
        raise NothingFound(f"The specified {kind.removesuffix('s')} does not exist.")

    async def service_account(self, request: Request) -> Response:
        """The account of a project's notifications."""
        found: Json = service_account_to_json(request.parameters["project"])
        return answer(request, found)


def refusal(name: str) -> Handler:
    """A handler that says what is missing."""

    async def refuse(request: Request) -> Response:
        raise NotOffered(f"{name}: not supported by this version of hakobune ({request.method} {request.path[:120]}).")

    return refuse
