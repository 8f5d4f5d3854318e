"""Cloud Storage JSON API v1: copy, rewrite, move, compose, restore. None reads content: copies share it."""

from __future__ import annotations

from dataclasses import replace

from hakobune.core.objects.failures import InvalidRequest, NothingFound, RequiredMissing
from hakobune.core.objects.model import (
    ComposeRequest,
    Destination,
    ObjectVersion,
    Preconditions,
    SourceVersion,
)
from hakobune.runtime.app import Runtime
from hakobune.servers.http.messages import Request, Response, decode_segment
from hakobune.servers.http.router import Router
from hakobune.servers.storage_answers import answer, json_of, root_of
from hakobune.servers.storage_overwrites import Overwrites
from hakobune.servers.storage_paths import move_place
from hakobune.wire.storage_v1_objects import (
    has_metadata,
    is_class_alone,
    metadata_from_json,
    object_to_json,
    rewrite_to_json,
    with_class,
)
from hakobune.wire.storage_v1_parameters import (
    conditions_from_query,
    is_full_projection,
    parameter_number,
    parameter_required,
)
from hakobune.wire.storage_v1_reading import Fields, Json

_MIB = 1024 * 1024


class StorageCopies:
    """Handlers over the objects room."""

    def __init__(self, runtime: Runtime) -> None:
        self._objects = runtime.objects
        self._overwrites = Overwrites(runtime)

    async def copy(self, request: Request) -> Response:
        """`copyTo`."""
        return _object(request, await self._copied(request, await json_of(request)))

    async def rewrite(self, request: Request) -> Response:
        """`rewriteTo`: always done in one call, so no token is ever given out; one that comes is not looked at."""
        query = request.query_fields()
        most = parameter_number(query, "maxBytesRewrittenPerCall")
        if most is not None and (not most or most % _MIB):
            raise InvalidRequest("maxBytesRewrittenPerCall must be a multiple of 1 MiB.")
        made = await self._copied(request, await json_of(request))
        return answer(request, rewrite_to_json(made, root_of(request), is_full=is_full_projection(query)))

    def routes(self, router: Router) -> None:
        """Register the method of our own; the others come through `StorageObjects`."""
        router.add("POST", "/hakobune/v1/b/{bucket}/o/{rest*}", self.move_anywhere)

    async def move_anywhere(self, request: Request) -> Response:
        """Ours: `moveTo/b/BUCKET/o/OBJECT`, an atomic move, also to another bucket."""
        parts = move_place(request.parameters["rest"])
        if parts is None:
            raise NothingFound(f"The requested URL {request.path[:200]} was not found on this server.")
        found = {name: decode_segment(value) for name, value in parts.items()}
        request = replace(request, parameters={**request.parameters, **found})
        source, destination = await self._places(request, await json_of(request))
        return _object(request, await self._objects.changes.move(source, destination))

    async def _copied(self, request: Request, body: Json) -> ObjectVersion:
        source, destination = await self._places(request, body)
        return await self._objects.changes.copy(source, destination)

    async def _places(self, request: Request, body: Json) -> tuple[SourceVersion, Destination]:
        source = _source(request)
        destination = _destination(request, request.parameters["to_bucket"], body)
        if is_class_alone(body):
            found = await self._objects.questions.get(replace(source, conditions=Preconditions()))
            source = replace(source, generation=found.generation)
            destination = with_class(destination, found, Fields(body).text("storageClass"))
        return source, await self._overwrites.checked(request, destination)

    async def move(self, request: Request) -> Response:
        """`moveTo`: an atomic rename within a bucket."""
        destination = _destination(request, request.parameters["bucket"], {})
        destination = await self._overwrites.checked(request, destination)
        return _object(request, await self._objects.changes.move(_source(request), destination))

    async def restore(self, request: Request) -> Response:
        """Bring a soft-deleted generation back."""
        query = request.query_fields()
        parameter_required(query, "generation")
        source = SourceVersion(
            bucket=request.parameters["bucket"],
            name=request.parameters["object"],
            generation=parameter_number(query, "generation"),
            conditions=conditions_from_query(query),
        )
        return _object(request, await self._objects.changes.restore(await self._overwrites.checked(request, source)))

    async def compose(self, request: Request) -> Response:
        """Join objects of a bucket. Checksums in the destination count for nothing: gcloud sends the first source's."""
        body = await json_of(request)
        fields = Fields(body)
        bucket = request.parameters["bucket"]
        destination = fields.child("destination")
        place = Destination(
            bucket=bucket,
            name=request.parameters["object"],
            conditions=conditions_from_query(request.query_fields()),
            metadata=metadata_from_json(destination.content)
            if destination is not None and has_metadata(destination.content)
            else None,
        )
        wanted = ComposeRequest(
            sources=tuple(_composed(source, bucket) for source in fields.children("sourceObjects")),
            destination=await self._overwrites.checked(request, place),
            deletes_sources=fields.is_set("deleteSourceObjects"),
        )
        return _object(request, await self._objects.composing.compose(wanted))


def _object(request: Request, version: ObjectVersion) -> Response:
    is_full = is_full_projection(request.query_fields())
    return answer(request, object_to_json(version, root_of(request), is_full=is_full))


def _source(request: Request) -> SourceVersion:
    query = request.query_fields()
    return SourceVersion(
        bucket=request.parameters["bucket"],
        name=request.parameters["object"],
        generation=parameter_number(query, "sourceGeneration"),
        conditions=conditions_from_query(query, "ifSource"),
    )


def _destination(request: Request, bucket: str, body: Json) -> Destination:
    return Destination(
        bucket=bucket,
        name=request.parameters["to_object"],
        conditions=conditions_from_query(request.query_fields()),
        metadata=metadata_from_json(body) if has_metadata(body) and not is_class_alone(body) else None,
    )


def _composed(source: Fields, bucket: str) -> SourceVersion:
    conditions = source.child("objectPreconditions")
    name = source.text("name")
    if not name:
        raise RequiredMissing("Required: sourceObjects[].name")
    return SourceVersion(
        bucket=bucket,
        name=name,
        generation=source.number("generation"),
        conditions=Preconditions(
            generation_match=conditions.number("ifGenerationMatch") if conditions is not None else None
        ),
    )
