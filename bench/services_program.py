"""Services that the front door is measured with: `python -m bench.services_program bare|starlette`, on the port PORT.

`bare` is as cheap as asyncio can be (and its `/big` sends many bytes); `starlette` is what people write.
"""

from __future__ import annotations

import asyncio
import os
import sys

_ANSWER = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{"ok":true}'
BIG_BYTES = 256 * 1024 * 1024
_PIECE = bytes(256 * 1024)


class _Bare(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # a stream
        self._transport = transport
        self._unread = b""
        self._left = 0
        self._is_paused = False

    def data_received(self, data: bytes) -> None:
        self._unread += data
        while (end := self._unread.find(b"\r\n\r\n")) >= 0:
            is_big = self._unread.startswith(b"GET /big ")
            self._unread = self._unread[end + 4 :]
            if is_big:
                self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % BIG_BYTES)
                self._left = BIG_BYTES
                self._send()
            else:
                self._transport.write(_ANSWER)

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        self._send()

    def _send(self) -> None:
        while self._left and not self._is_paused:
            self._left -= len(_PIECE)
            self._transport.write(_PIECE)


async def _bare(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Bare, "127.0.0.1", port, backlog=4_096)
    await server.serve_forever()


def _starlette(port: int) -> None:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def answer(request: Request) -> JSONResponse:
        del request
        return JSONResponse({"ok": True})

    application = Starlette(routes=[Route("/", answer)])
    uvicorn.run(application, host="127.0.0.1", port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    chosen, own_port = sys.argv[1], int(os.environ["PORT"])
    if chosen == "bare":
        asyncio.run(_bare(own_port))
    else:
        _starlette(own_port)
