"""Calls from inside the house: a workflow's request to one of Google's hosts goes through our own front door, with no
socket, and so can do what a client can do and no more."""

from __future__ import annotations

import anyio

from hakobune.core.workflows.effects import HttpRequest, HttpResponse, NoResponse, Trouble
from hakobune.core.workflows.limits import HTTP_RESPONSE_BYTES
from hakobune.runtime.http_client import canonical
from hakobune.servers.front import FrontDoor
from hakobune.servers.http.messages import BytesBody, Request, Response


class InsideDoor:
    """The front door, as the performer of a workflow's calls sees it."""

    def __init__(self, front: FrontDoor) -> None:
        self._front = front

    async def __call__(self, request: HttpRequest) -> HttpResponse | NoResponse:
        """Answer a request whose URL names one of Google's hosts."""
        headers = {name.lower(): value for name, value in request.headers}
        try:
            with anyio.fail_after(request.timeout_s):
                response = await self._front.handle(
                    Request(
                        method=request.method,
                        target=request.url,
                        headers=headers,
                        body=BytesBody(request.body or b""),
                    )
                )
                return await _received(response)
        except TimeoutError:
            return NoResponse(trouble=Trouble.TIMEOUT, detail=f"no answer within {request.timeout_s:g} s")


async def _received(response: Response) -> HttpResponse | NoResponse:
    content = bytearray(response.content)
    if response.stream is not None:
        async for chunk in response.stream:
            content += chunk
            if len(content) > HTTP_RESPONSE_BYTES:
                await response.stream.aclose()
                break
    if len(content) > HTTP_RESPONSE_BYTES:
        detail = f"the response is larger than {HTTP_RESPONSE_BYTES} bytes"
        return NoResponse(trouble=Trouble.TOO_LARGE, detail=detail)
    headers = tuple((canonical(name), value) for name, value in response.headers)
    return HttpResponse(code=response.status, headers=headers, body=bytes(content))
