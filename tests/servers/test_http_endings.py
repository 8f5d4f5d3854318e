"""A server that breaks: whoever waits is told why, and nobody is left with a cut connection."""

from __future__ import annotations

import json

import anyio
import anyio.lowlevel
import pytest
from http_world import get

from hakobune.servers.front import error_response
from hakobune.servers.http.messages import Request, Response, text_response
from hakobune.servers.http.server import HttpServer

pytestmark = pytest.mark.anyio

DAMAGED = "The file state.sqlite3 in the data directory is damaged."


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_given_a_runtime_that_breaks_when_requests_are_open_or_come_then_they_are_told_why() -> None:
    has_begun = anyio.Event()

    async def handle(request: Request) -> Response:
        if request.target == "/open":
            has_begun.set()
            await anyio.sleep_forever()
        return text_response("hello")

    server = HttpServer(handle, error_response)
    async with anyio.create_task_group() as group:
        await group.start(server.run)
        port = await server.listen("127.0.0.1", 0)
        waiting = await anyio.connect_tcp("127.0.0.1", port)
        late = await anyio.connect_tcp("127.0.0.1", port)
        async with waiting, late:
            await late.send(get("/hello"))
            assert (await late.receive()).endswith(b"hello")
            await waiting.send(get("/open"))
            await has_begun.wait()
            server.ending = DAMAGED
            group.cancel_scope.cancel()
            with anyio.CancelScope(shield=True), anyio.fail_after(10):
                told = [await _all(waiting)]
                while server._group is not None:
                    await anyio.lowlevel.checkpoint()
                await late.send(get("/hello"))
                told.append(await _all(late))
    await server.stop(0)
    for answer in told:
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 ")
        assert json.loads(body)["error"]["message"] == DAMAGED


async def _all(stream: anyio.abc.ByteReceiveStream) -> bytes:
    received = b""
    while True:
        try:
            received += await stream.receive()
        except anyio.EndOfStream:
            return received
