"""Calls from inside the house: a workflow's request to one of Google's hosts, or to a service that is here, goes
through our own front door, with no socket, and so can do what a client can do and no more."""

from __future__ import annotations

import logging
import os
from contextlib import aclosing

import anyio
import anyio.to_thread

from hakobune.core.workflows.effects import HttpRequest, HttpResponse, NoResponse, Trouble
from hakobune.core.workflows.limits import HTTP_RESPONSE_BYTES
from hakobune.runtime.http_responses import joined
from hakobune.servers.front import FrontDoor
from hakobune.servers.http.messages import BytesBody, Request, Response, refusal_response

_log = logging.getLogger("hakobune.http")


class InsideDoor:
    """The front door, as the performer of a workflow's calls sees it."""

    def __init__(self, front: FrontDoor) -> None:
        self._front = front

    async def __call__(self, request: HttpRequest) -> HttpResponse | NoResponse:
        """Answer a request whose URL names one of Google's hosts or a service. What goes wrong in here is what a client
        would see: a 500."""
        headers = {name.lower(): value for name, value in request.headers}
        try:
            with anyio.fail_after(request.timeout_s):
                response = await self._answer(
                    Request(
                        method=request.method,
                        target=request.url,
                        headers=headers,
                        body=BytesBody(request.body or b""),
                        service=self._front.service_at(request.url),
                    )
                )
                return await _received(response, has_body=request.method != "HEAD")
        except TimeoutError:
            return NoResponse(trouble=Trouble.TIMEOUT, detail=f"no answer within {request.timeout_s:g} s")

    async def _answer(self, request: Request) -> Response:
        try:
            return await self._front.handle(request)
        except Exception:  # noqa: BLE001 - a bug in one handler must not stop the workflow that called it
            _log.exception("%s %s failed", request.method, request.target[:200])
            return refusal_response(500, "Internal error: this is a bug of hakobune; its log has the details.")


async def _received(response: Response, *, has_body: bool) -> HttpResponse | NoResponse:
    try:
        content = await _content(response)
    finally:
        response.close()
    if len(content) > HTTP_RESPONSE_BYTES:
        detail = f"the response is larger than {HTTP_RESPONSE_BYTES} bytes"
        return NoResponse(trouble=Trouble.TOO_LARGE, detail=detail, code=response.status)
    return HttpResponse(
        code=response.status, headers=joined(response.headers), body=bytes(content) if has_body else b""
    )


async def _content(response: Response) -> bytearray:
    """The body, or a little more of it than a workflow may have."""
    region = response.file
    if region is not None:
        size = min(region.size_bytes, HTTP_RESPONSE_BYTES + 1)
        return bytearray(await anyio.to_thread.run_sync(os.pread, region.file.fileno(), size, region.offset))
    content = bytearray(response.content)
    if response.stream is not None:
        async with aclosing(response.stream) as stream:
            async for chunk in stream:
                content += chunk
                if len(content) > HTTP_RESPONSE_BYTES:
                    break
    return content
