"""Cloud Storage JSON API v1: resumable uploads. A session's URL is all that a sender needs, also after a restart.

Source: Cloud Storage documentation, "Resumable uploads".
"""

from __future__ import annotations

from urllib.parse import quote

import anyio

from hakobune.core.objects.failures import InvalidRequest
from hakobune.core.objects.model import GivenChecksums, UploadSession
from hakobune.runtime.app import Runtime
from hakobune.runtime.objects_sessions import SessionAppend
from hakobune.servers.hosts import STORAGE_HOST
from hakobune.servers.http.messages import Request, Response
from hakobune.servers.storage_answers import answer, json_of, root_of, target_of, text_of_header
from hakobune.servers.storage_overwrites import Overwrites
from hakobune.wire.storage_v1_objects import given_from_headers, metadata_from_json, object_to_json
from hakobune.wire.storage_v1_parameters import is_full_projection, parameter_required
from hakobune.wire.storage_v1_ranges import ContentRange, Span, content_range_from_text
from hakobune.wire.storage_v1_reading import Fields, whole_number

_RESUME_INCOMPLETE = 308
_CANCELLED = 499


class StorageSessions:
    """Handlers over the objects room."""

    def __init__(self, runtime: Runtime) -> None:
        self._sessions = runtime.objects.sessions
        self._overwrites = Overwrites(runtime)

    async def start(self, request: Request) -> Response:
        """A new session: its URL is the answer."""
        body = await json_of(request)
        declared = text_of_header(request.headers.get("x-upload-content-type", ""))
        if declared and not Fields(body).text("contentType"):
            body = {**body, "contentType": declared}
        length = request.headers.get("x-upload-content-length", "")
        total_bytes = whole_number(length) if length else None
        if length and (total_bytes is None or total_bytes < 0):
            raise InvalidRequest(f"Invalid X-Upload-Content-Length: {length[:40]!r}.")
        target = await self._overwrites.checked(request, target_of(request, body, metadata_from_json(body)))
        session = await self._sessions.start(target, total_bytes=total_bytes)
        url = session_url(request, session)
        return Response(headers=[("Location", url), ("X-GUploader-UploadID", session.id)])

    async def go_on(self, request: Request) -> Response:
        """Bytes for a session, or the question how far it has come."""
        session_id = parameter_required(request.query_fields(), "upload_id")
        given = given_from_headers(request.headers)  # one that cannot be read is refused before a byte is taken
        text = request.headers.get("content-range", "")
        said = content_range_from_text(text) if text else _whole_body(request)
        if said.span is not None:
            return _answer(request, await self._append(request, session_id, said, given))
        if said.total_bytes is None and text:
            return _answer(request, await self._sessions.status(session_id))
        if said.total_bytes is None:
            return _answer(request, await self._append_unknown(request, session_id, given))
        session = await self._sessions.finish(session_id, total_bytes=said.total_bytes, given=given)
        return _answer(request, session)

    async def _append(
        self, request: Request, session_id: str, said: ContentRange, given: GivenChecksums
    ) -> UploadSession:
        offset, expected = (said.span.first, said.span.size_bytes) if said.span is not None else (0, None)
        length = whole_number(request.headers.get("content-length", ""))
        if expected is not None and length is not None and length != expected:
            raise InvalidRequest(f"Content-Range announces {expected} bytes, Content-Length {length}.")
        append = await self._sessions.append(session_id, offset=offset, total_bytes=said.total_bytes)
        try:
            await _receive(request, append, expected)
            return await append.end(given)
        finally:
            # What has come counts, also when the sender is gone and its request is cancelled.
            with anyio.CancelScope(shield=True):
                await append.interrupt()

    async def _append_unknown(self, request: Request, session_id: str, given: GivenChecksums) -> UploadSession:
        """The whole content in one request that does not say its length: only its end tells."""
        append = await self._sessions.append(session_id, offset=0, total_bytes=None)
        try:
            size_bytes = await _receive(request, append, None)
            session = await append.end()
        finally:
            with anyio.CancelScope(shield=True):
                await append.interrupt()
        if session.result is not None:
            return session
        return await self._sessions.finish(session_id, total_bytes=size_bytes, given=given)

    async def cancel(self, request: Request) -> Response:
        """Forget a session."""
        await self._sessions.cancel(parameter_required(request.query_fields(), "upload_id"))
        return Response(status=_CANCELLED)


async def _receive(request: Request, append: SessionAppend, expected: int | None) -> int:
    """Take the body; returns its size. Raises InvalidRequest: it is longer than it said."""
    size_bytes = 0
    async for chunk in request.body.chunks():
        size_bytes += len(chunk)
        if expected is not None and size_bytes > expected:
            raise InvalidRequest(f"Content-Range announces {expected} bytes, and more have come.")
        await append.write(chunk)
    return size_bytes


def _whole_body(request: Request) -> ContentRange:
    """What a request without a Content-Range holds: the whole content."""
    length = whole_number(request.headers.get("content-length", ""))
    if not length:
        is_chunked = "transfer-encoding" in request.headers
        return ContentRange(span=None, total_bytes=None if is_chunked else 0)
    return ContentRange(span=Span(first=0, size_bytes=length), total_bytes=length)


def _answer(request: Request, session: UploadSession) -> Response:
    """The object, or how much of it is safe."""
    if session.result is not None:
        is_full = is_full_projection(request.query_fields())
        return answer(request, object_to_json(session.result, root_of(request), is_full=is_full))
    headers = [("X-GUploader-UploadID", session.id)]
    if session.received_bytes:
        headers.append(("Range", f"bytes=0-{session.received_bytes - 1}"))
    return Response(status=_RESUME_INCOMPLETE, headers=headers)


def session_url(request: Request, session: UploadSession) -> str:
    """Where the bytes of a session go: on the host that the caller has used, without a bucket in front of it: there all
    paths are names of objects."""
    target = session.target
    root = root_of(request).replace(f"://{target.bucket}.{STORAGE_HOST}", f"://{STORAGE_HOST}", 1)
    return (
        f"{root}/upload/storage/v1/b/{quote(target.bucket)}/o?uploadType=resumable"
        f"&name={quote(target.name, safe='')}&upload_id={session.id}"
    )
