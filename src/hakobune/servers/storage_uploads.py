"""Cloud Storage JSON API v1: uploads. The bytes go to the store while they arrive; nothing is held whole.

Source: Cloud Storage documentation, "Uploads and downloads"; the kinds are chosen by `uploadType`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import anyio

from hakobune.core.objects.failures import InvalidRequest
from hakobune.core.objects.model import ObjectMetadata, ObjectVersion
from hakobune.runtime.app import Runtime
from hakobune.runtime.objects_uploads import ObjectUpload
from hakobune.servers.http.messages import Request, Response
from hakobune.servers.http.router import Router
from hakobune.servers.storage_answers import answer, root_of, target_of, text_of_header
from hakobune.servers.storage_overwrites import Overwrites
from hakobune.servers.storage_sessions import StorageSessions
from hakobune.wire.storage_v1_objects import (
    given_from_headers,
    metadata_from_json,
    object_to_json,
)
from hakobune.wire.storage_v1_parameters import is_full_projection
from hakobune.wire.storage_v1_reading import Fields, Json, document
from hakobune.wire.storage_v1_related import RelatedParser, boundary_from_type

UPLOAD_PATHS = ("/upload/storage/v1/b/{bucket}/o", "/resumable/upload/storage/v1/b/{bucket}/o")


class StorageUploads:
    """Handlers over the objects room."""

    def __init__(self, runtime: Runtime) -> None:
        self._uploads = runtime.objects.uploads
        self._sessions = StorageSessions(runtime)
        self._overwrites = Overwrites(runtime)

    def routes(self, router: Router) -> None:
        """Register all paths."""
        for path in UPLOAD_PATHS:
            router.add("POST", path, self.upload)
            router.add("PUT", path, self.upload)
            router.add("DELETE", path, self._sessions.cancel)

    async def upload(self, request: Request) -> Response:
        """An upload of any kind."""
        query = request.query_fields()
        if "upload_id" in query:
            return await self._sessions.go_on(request)
        kind = query.get("uploadType", "")
        match kind:
            case "media":
                made = await self._media(request)
            case "multipart":
                made = await self._multipart(request)
            case "resumable":
                return await self._sessions.start(request)
            case _:
                error = InvalidRequest(f"Invalid uploadType {kind[:40]!r}: media, multipart or resumable.")
                error.location, error.location_type = "uploadType", "parameter"
                raise error
        return answer(request, object_to_json(made, root_of(request), is_full=is_full_projection(query)))

    async def _media(self, request: Request) -> ObjectVersion:
        metadata = ObjectMetadata(
            content_type=text_of_header(request.headers.get("content-type", "")),
            content_encoding=request.query_fields().get("contentEncoding")
            or request.headers.get("content-encoding", ""),
        )
        target = await self._overwrites.checked(request, target_of(request, {}, metadata))
        upload = await self._uploads.open(target)
        async with _ended(upload):
            async for chunk in request.body.chunks():
                await upload.write(chunk)
            return await upload.finish(given_from_headers(request.headers))

    async def _multipart(self, request: Request) -> ObjectVersion:
        parser = RelatedParser(boundary_from_type(request.headers.get("content-type", "")))
        chunks = request.body.chunks()
        first = await _until_content(parser, chunks)
        body = document(parser.metadata)
        metadata = metadata_from_json(body | _type_of(body, parser.content_type))
        given = given_from_headers({name: value for name, value in request.headers.items() if name != "content-md5"})
        target = await self._overwrites.checked(request, target_of(request, body, metadata))
        upload = await self._uploads.open(target)
        async with _ended(upload):
            if first:
                await upload.write(first)
            async for chunk in chunks:
                content = parser.feed(chunk)
                if content:
                    await upload.write(content)
            parser.finish()
            return await upload.finish(given)


async def _until_content(parser: RelatedParser, chunks: AsyncIterator[bytes]) -> bytes:
    """Read up to the second part; returns what has come of it. Raises InvalidRequest."""
    async for chunk in chunks:
        first = parser.feed(chunk)
        if parser.has_content_begun:
            return first
    parser.finish()
    return b""


def _type_of(body: Json, part_type: str) -> Json:
    """The content type is the metadata's, or else that of the second part."""
    return {} if Fields(body).text("contentType") or not part_type else {"contentType": part_type}


@asynccontextmanager
async def _ended(upload: ObjectUpload) -> AsyncGenerator[None, None]:
    """An upload that does not come to its end leaves nothing."""
    try:
        yield
    finally:
        # Also when the sender is gone and its request is cancelled: the file must not stay.
        with anyio.CancelScope(shield=True):
            await upload.abort()
