"""Cloud Storage XML API: multipart uploads, as S3's clients know them.

Source: Cloud Storage documentation, "XML API multipart uploads".
"""

from __future__ import annotations

import anyio

from hakobune.core.objects.checksums import crc32c_to_text, md5_to_text
from hakobune.core.objects.failures import InvalidRequest
from hakobune.core.objects.limits import PARTS
from hakobune.runtime.app import Runtime
from hakobune.servers.http.messages import Request, Response
from hakobune.servers.query import count
from hakobune.servers.storage_answers import nothing, root_of, xml_answer
from hakobune.servers.storage_overwrites import Overwrites
from hakobune.servers.storage_xml_objects import made_headers, xml_target
from hakobune.wire.storage_v1_objects import given_from_headers
from hakobune.wire.storage_v1_xml import (
    COMPLETE_MAX_BYTES,
    completed_to_xml,
    initiated_to_xml,
    parts_from_xml,
    parts_to_xml,
    uploads_to_xml,
)

_PAGE = 1_000


class StorageXmlUploads:
    """Handlers over the objects room."""

    def __init__(self, runtime: Runtime) -> None:
        self._multipart = runtime.objects.multipart
        self._overwrites = Overwrites(runtime)

    async def initiate(self, request: Request) -> Response:
        """Begin an upload."""
        target = await self._overwrites.checked(request, xml_target(request))
        return xml_answer(initiated_to_xml(await self._multipart.initiate(target)))

    async def put_part(self, request: Request) -> Response:
        """One part."""
        bucket, name, upload_id = _place(request)
        number = count(request.query_fields().get("partNumber", ""), "partNumber")
        if not 1 <= number <= PARTS:
            raise InvalidRequest(f"partNumber lies between 1 and {PARTS}.")
        part = await self._multipart.put_part(bucket, name, upload_id, number)
        try:
            async for chunk in request.body.chunks():
                await part.write(chunk)
            made = await part.finish(given_from_headers(request.headers))
        finally:
            # Also when the sender is gone and its request is cancelled: the file must not stay.
            with anyio.CancelScope(shield=True):
                await part.abort()
        hashes = f"crc32c={crc32c_to_text(made.checksums.crc32c)},md5={md5_to_text(made.checksums.md5)}"
        return Response(headers=[("ETag", f'"{made.checksums.md5}"'), ("X-Goog-Hash", hashes)])

    async def list_parts(self, request: Request) -> Response:
        """The parts that have come."""
        bucket, name, upload_id = _place(request)
        query = request.query_fields()
        after = count(query.get("part-number-marker") or "0", "part-number-marker")
        limit = min(count(query.get("max-parts") or f"{_PAGE}", "max-parts"), _PAGE) or _PAGE
        found = await self._multipart.list_parts(bucket, name, upload_id, after=after, limit=limit + 1)
        content = parts_to_xml(
            bucket, name, upload_id, found[:limit], after=after, limit=limit, is_cut=len(found) > limit
        )
        return xml_answer(content)

    async def list_all(self, request: Request) -> Response:
        """The uploads of a bucket that are under way."""
        query = request.query_fields()
        bucket, prefix = request.parameters["bucket"], query.get("prefix", "")
        limit = min(count(query.get("max-uploads") or f"{_PAGE}", "max-uploads"), _PAGE) or _PAGE
        found = await self._multipart.list(
            bucket,
            prefix=prefix,
            after_name=query.get("key-marker", ""),
            after_id=query.get("upload-id-marker", ""),
            limit=limit + 1,
        )
        return xml_answer(uploads_to_xml(bucket, prefix, found[:limit], limit=limit, is_cut=len(found) > limit))

    async def complete(self, request: Request) -> Response:
        """Join the parts."""
        bucket, name, upload_id = _place(request)
        parts = parts_from_xml(await request.content(COMPLETE_MAX_BYTES))
        made = await self._multipart.complete(bucket, name, upload_id, parts)
        response = xml_answer(completed_to_xml(made, root_of(request)))
        response.headers += made_headers(made)
        return response

    async def abort(self, request: Request) -> Response:
        """Forget an upload."""
        await self._multipart.abort(*_place(request))
        return nothing()


def _place(request: Request) -> tuple[str, str, str]:
    upload_id = request.query_fields().get("uploadId", "")
    return request.parameters["bucket"], request.parameters["object"], upload_id
