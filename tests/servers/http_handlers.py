"""Handlers of all kinds for the tests of connections."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import anyio
from http_world import echo, hello

from hakobune.servers.http.messages import Request, Response, text_response


async def never(request: Request) -> Response:
    await anyio.sleep_forever()
    raise AssertionError("unreachable")


async def broken(request: Request) -> Response:
    raise RuntimeError("a bug")


async def large(request: Request) -> Response:
    return text_response("x" * 64 * 1024 * 1024)


async def counted(request: Request) -> Response:
    return Response(stream=_three())


async def _three() -> AsyncGenerator[bytes, None]:
    for number in range(3):
        yield str(number).encode()


async def torn(request: Request) -> Response:
    return Response(stream=_torn())


async def _torn() -> AsyncGenerator[bytes, None]:
    yield b"half"
    raise RuntimeError("a bug in the middle")


async def endless(request: Request) -> Response:
    return Response(stream=_endless())


async def _endless() -> AsyncGenerator[bytes, None]:
    while True:
        yield b"tick"
        await anyio.sleep(0.001)


async def injected(request: Request) -> Response:
    return Response(headers=[("X-Name", "a\r\nSet-Cookie: b\nc\x00")], content=b"ok")


HANDLERS = {
    "/echo": echo,
    "/hello": hello,
    "/never": never,
    "/broken": broken,
    "/large": large,
    "/counted": counted,
    "/torn": torn,
    "/endless": endless,
    "/injected": injected,
    "http://127.0.0.1/echo": echo,
}
