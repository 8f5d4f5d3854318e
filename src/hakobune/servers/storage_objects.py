"""Cloud Storage JSON API v1: objects (https://cloud.google.com/storage/docs/json_api/v1/objects).

The name of an object is one segment of the path, decoded once. Clients that leave its slashes as they are get it, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from hakobune.core.objects.failures import NotOffered, RequiredMissing
from hakobune.core.objects.model import ObjectMetadata
from hakobune.runtime.app import Runtime
from hakobune.servers.http.messages import Request, Response, decode_segment
from hakobune.servers.http.router import Handler, MethodNotAllowed, Router
from hakobune.servers.storage_access import StorageAccess
from hakobune.servers.storage_answers import answer, check_etag, json_of, nothing, root_of, source_of
from hakobune.servers.storage_copies import StorageCopies
from hakobune.servers.storage_media import media_response
from hakobune.servers.storage_paths import OBJECTS, Place, object_place
from hakobune.wire.storage_v1_objects import (
    metadata_from_json,
    metadata_to_json,
    object_etag,
    object_to_json,
    objects_to_json,
)
from hakobune.wire.storage_v1_parameters import (
    is_full_projection,
    list_from_query,
    parameter_flag,
)
from hakobune.wire.storage_v1_reading import merged

_VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class StorageObjects:
    """Handlers over the objects room."""

    def __init__(self, runtime: Runtime) -> None:
        self._objects = runtime.objects
        access = StorageAccess(runtime)
        copies = StorageCopies(runtime)
        self._handlers: Mapping[Place, Mapping[str, Handler]] = {
            Place.REWRITE: {"POST": copies.rewrite},
            Place.COPY: {"POST": copies.copy},
            Place.MOVE: {"POST": copies.move},
            Place.COMPOSE: {"POST": copies.compose},
            Place.RESTORE: {"POST": copies.restore},
            Place.ACL: dict.fromkeys(_VERBS, access.object_acl),
            Place.POLICY: dict.fromkeys(_VERBS, access.object_policy),
            Place.OBJECT: {"GET": self.get, "PATCH": self.patch, "PUT": self.update, "DELETE": self.delete},
        }

    def routes(self, router: Router) -> None:
        """Register all paths."""
        router.add("GET", OBJECTS, self.list_all)
        for method in _VERBS:
            router.add(method, OBJECTS + "/{rest*}", self._dispatch)
        for prefix in ("/download/storage/v1/b/{bucket}/o/{rest*}", "/storage/v1/download/b/{bucket}/o/{rest*}"):
            router.add("GET", prefix, self.download)

    async def _dispatch(self, request: Request) -> Response:
        rest = request.parameters["rest"]
        if request.method == "POST" and rest in {"watch", "bulkRestore", "bulkRewrite"}:
            raise NotOffered(f"objects.{rest}: not supported by this version of hakobune.")
        if request.method == "GET" and rest.endswith("/viewFullContext"):
            raise NotOffered("objects.viewFullContext: not supported by this version of hakobune.")
        method = "GET" if request.method == "HEAD" else request.method
        meant = object_place(method, rest)
        if meant is None:
            raise _no_name()
        place, parts = meant
        handlers = self._handlers[place]
        handler = handlers.get(method)
        if handler is None:
            allowed = ", ".join(sorted(handlers))
            raise MethodNotAllowed(f"{request.method} is not allowed here: use {allowed}.", allowed)
        found = {name: decode_segment(value) for name, value in parts.items()}
        return await handler(replace(request, parameters={**request.parameters, **found}))

    async def list_all(self, request: Request) -> Response:
        """The objects of a bucket."""
        query = request.query_fields()
        if query.get("filter"):
            raise NotOffered("objects.list with a filter: not supported by this version of hakobune.")
        page = await self._objects.questions.list(request.parameters["bucket"], list_from_query(query))
        return answer(request, objects_to_json(page, root_of(request), is_full=is_full_projection(query)))

    async def get(self, request: Request) -> Response:
        """One object: its metadata, or with `alt=media` its bytes."""
        query = request.query_fields()
        if query.get("alt", "").lower() == "media":
            return await self._media(request)
        found = await self._objects.questions.get(
            source_of(request), is_soft_deleted=parameter_flag(query, "softDeleted")
        )
        check_etag(request.headers, object_etag(found))
        return answer(request, object_to_json(found, root_of(request), is_full=is_full_projection(query)))

    async def download(self, request: Request) -> Response:
        """The bytes of an object."""
        rest = request.parameters["rest"]
        if not rest:
            raise _no_name()
        found = {**request.parameters, "object": decode_segment(rest)}
        return await self._media(replace(request, parameters=found))

    async def _media(self, request: Request) -> Response:
        opened = await self._objects.questions.open(source_of(request))
        return await media_response(request.headers, opened, etag=object_etag(opened.version))

    async def patch(self, request: Request) -> Response:
        """Change what the body names."""
        body = await json_of(request)
        return await self._changed(request, lambda old: metadata_from_json(merged(metadata_to_json(old), body)))

    async def update(self, request: Request) -> Response:
        """Change all: what the body does not name is unset."""
        wanted = metadata_from_json(await json_of(request))
        return await self._changed(request, lambda _: wanted)

    async def _changed(self, request: Request, change: Callable[[ObjectMetadata], ObjectMetadata]) -> Response:
        def kept_class(old: ObjectMetadata) -> ObjectMetadata:
            """Only a rewrite changes the storage class."""
            return replace(change(old), storage_class=old.storage_class)

        found = await self._objects.changes.change(source_of(request), kept_class)
        is_full = is_full_projection(request.query_fields())
        return answer(request, object_to_json(found, root_of(request), is_full=is_full))

    async def delete(self, request: Request) -> Response:
        """Remove an object, or one generation of it."""
        await self._objects.changes.delete(source_of(request))
        return nothing()


def _no_name() -> RequiredMissing:
    return RequiredMissing("Required parameter: object")
