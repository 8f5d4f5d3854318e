"""Cloud Storage JSON API v1: batches. Each call goes through the front door, as its sender's own.

Source: Cloud Storage documentation, "Batch requests": their order is not promised; no bytes of objects in a batch.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Sequence

import anyio

from hakobune.core.objects.failures import InvalidRequest
from hakobune.servers.http.heads import reason_phrase
from hakobune.servers.http.messages import BytesBody, Request, Response
from hakobune.servers.http.router import Handler, Router
from hakobune.servers.storage_answers import storage_error
from hakobune.wire.storage_v1_batch import BatchCall, answer_end, answer_part, calls_from_body
from hakobune.wire.storage_v1_related import boundary_from_type

_BODY_MAX_BYTES = 10 * 1024 * 1024  # Source: documentation, "Batch requests": the total size of a batch is below 10 MB
_AT_ONCE = 16  # ours: their commits become one
_INHERITED = ("authorization", "x-goog-user-project")
_PREFIX = "/storage/v1/"


class StorageBatch:
    """The handler, over the front door."""

    def __init__(self, front: Handler) -> None:
        self._front = front

    def routes(self, router: Router) -> None:
        """Register all paths."""
        router.add("POST", "/batch/storage/v1", self.batch)
        router.add("POST", "/batch", self.batch)

    async def batch(self, request: Request) -> Response:
        """The answers to all calls, in their order."""
        content_type = request.headers.get("content-type", "")
        if content_type.partition(";")[0].strip().lower() != "multipart/mixed":
            raise InvalidRequest("The Content-Type of a batch is multipart/mixed.")
        body = await request.content(_BODY_MAX_BYTES)
        calls = calls_from_body(body, boundary_from_type(content_type))
        boundary = f"batch_{secrets.token_hex(16)}"
        headers = [("Content-Type", f"multipart/mixed; boundary={boundary}")]
        return Response(headers=headers, stream=self._answers(request, calls, boundary))

    async def _answers(
        self, request: Request, calls: Sequence[BatchCall], boundary: str
    ) -> AsyncGenerator[bytes, None]:
        for first in range(0, len(calls), _AT_ONCE):
            found: dict[int, bytes] = {}
            some = calls[first : first + _AT_ONCE]

            async def one(place: int, call: BatchCall, into: dict[int, bytes]) -> None:
                into[place] = await self._part(request, call, boundary)

            async with anyio.create_task_group() as group:
                for place, call in enumerate(some):
                    group.start_soon(one, place, call, found)
            yield b"".join(found[place] for place in range(len(some)))
        yield answer_end(boundary)

    async def _part(self, request: Request, call: BatchCall, boundary: str) -> bytes:
        response = await self._answer(request, call)
        if response.stream is not None or response.file is not None:  # however it was asked for
            if response.stream is not None:
                await response.stream.aclose()
            response.close()
            response = _no_content(call)
        phrase = reason_phrase(response.status)
        return answer_part(boundary, call, response.status, phrase, response.headers, response.content)

    async def _answer(self, request: Request, call: BatchCall) -> Response:
        target = _path_of(call.target)
        if not target.startswith(_PREFIX) or "alt=media" in target:
            return _no_content(call)
        inherited = {name: request.headers[name] for name in _INHERITED if name in request.headers}
        return await self._front(
            Request(
                method=call.method,
                target=target,
                headers={**inherited, **call.headers, "host": request.headers.get("host", "")},
                body=BytesBody(call.body),
                slot=request.slot,
                peer=request.peer,
            )
        )


def _no_content(call: BatchCall) -> Response:
    """The refusal of what has no place in a batch."""
    return storage_error(
        InvalidRequest(f"{call.target[:120]} is no call for a batch: only metadata of Cloud Storage is.")
    )


def _path_of(target: str) -> str:
    """Path and query of a path or an absolute URL; the host is that of the batch."""
    _, scheme_end, rest = target.partition("://")
    return f"/{rest.partition('/')[2]}" if scheme_end and not target.startswith("/") else target
