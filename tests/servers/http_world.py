"""Our HTTP server with handlers of a test's own behind it, in a thread; and a client that says exactly what it is told."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

import anyio
import anyio.from_thread

from hakobune.core.errors import HakobuneError
from hakobune.servers.front import error_response
from hakobune.servers.http.messages import Request, Response, text_response
from hakobune.servers.http.server import HttpServer

Handler = Callable[[Request], Awaitable[Response]]


@dataclass
class World:
    """A running server. `seen` are the requests that handlers got, as (method, target)."""

    handlers: dict[str, Handler] = field(default_factory=dict)
    seen: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0
    server: HttpServer | None = None
    _ready: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _loop: Any = None
    _stop: Any = None

    def start(self) -> World:
        self._thread = threading.Thread(target=lambda: anyio.run(self._run))
        self._thread.start()
        assert self._ready.wait(10)
        return self

    async def _run(self) -> None:
        import asyncio

        self._loop = asyncio.get_running_loop()
        self._stop = anyio.Event()
        self.server = HttpServer(self._handle, error_response)
        async with anyio.create_task_group() as group:
            await group.start(self.server.run)
            self.port = await self.server.listen("127.0.0.1", 0)
            self._ready.set()
            await self._stop.wait()
            await self.server.stop(0.2)
            group.cancel_scope.cancel()

    async def _handle(self, request: Request) -> Response:
        self.seen.append((request.method, request.target))
        try:
            return await self.handlers[request.target.partition("?")[0]](request)
        except HakobuneError as error:
            return error_response(error)

    def within(self, work: Callable[[], object]) -> object:
        """Run in the server's own thread."""
        done = threading.Event()
        found: list[object] = []

        def call() -> None:
            found.append(work())
            done.set()

        self._loop.call_soon_threadsafe(call)
        assert done.wait(10)
        return found[0]

    def after(self, seconds: float) -> None:
        """As if so many seconds had gone by without a byte."""
        server = self.server
        assert server is not None
        self.within(lambda: server.sweep(self._loop.time() + seconds))

    @property
    def connections(self) -> int:
        server = self.server
        assert server is not None
        return int(self.within(lambda: len(server._connections)))  # type: ignore[call-overload]

    def eventually_alone(self) -> None:
        """No connection is left over."""
        end = time.monotonic() + 10
        while self.connections:
            assert time.monotonic() < end, f"{self.connections} connections are left"
            time.sleep(0.01)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        assert self._thread is not None
        self._thread.join(10)
        assert not self._thread.is_alive()


class Raw:
    """A socket that sends bytes as they are, and reads answers one by one."""

    def __init__(self, port: int, timeout_s: float = 10.0, *, receive_bytes: int = 0) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(timeout_s)
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.connect(("127.0.0.1", port))
        self.rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *parts: bytes) -> Raw:
        for part in parts:
            self.socket.sendall(part)
        return self

    def head(self) -> tuple[int, dict[str, str]]:
        """Status and headers of the next answer."""
        while b"\r\n\r\n" not in self.rest:
            data = self.socket.recv(65536)
            assert data, f"closed in the middle of a head: {self.rest!r}"
            self.rest += data
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        line, *headers = head.decode("latin-1").split("\r\n")
        fields = dict(header.split(": ", 1) for header in headers)
        return int(line.split()[1]), {name.lower(): value for name, value in fields.items()}

    def answer(self) -> tuple[int, bytes]:
        """Status and content of the next answer."""
        status, headers = self.head()
        if headers.get("transfer-encoding") == "chunked":
            return status, self._chunked()
        return status, self.take(int(headers.get("content-length", "0")))

    def take(self, size: int) -> bytes:
        while len(self.rest) < size:
            data = self.socket.recv(65536)
            assert data, "closed in the middle of an answer"
            self.rest += data
        found, self.rest = self.rest[:size], self.rest[size:]
        return found

    def _chunked(self) -> bytes:
        found = b""
        while True:
            while b"\r\n" not in self.rest:
                self.rest += self.take_some()
            line, _, self.rest = self.rest.partition(b"\r\n")
            size = int(line, 16)
            chunk = self.take(size + 2)[:-2]
            if not size:
                return found
            found += chunk

    def take_some(self) -> bytes:
        data = self.socket.recv(65536)
        assert data, "closed in the middle of an answer"
        return data

    def ends(self) -> bool:
        """Whether nothing more comes and the other side hangs up."""
        if self.rest:
            return False
        try:
            return self.socket.recv(65536) == b""
        except ConnectionResetError:
            return True


def get(target: str, *headers: str, method: str = "GET", version: str = "1.1") -> bytes:
    """A request without a body."""
    lines = [f"{method} {target} HTTP/{version}", "Host: 127.0.0.1", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def post(target: str, content: bytes, *headers: str) -> bytes:
    """A request with a body of known length."""
    return get(target, f"Content-Length: {len(content)}", *headers, method="POST") + content


async def echo(request: Request) -> Response:
    """Answers the body."""
    content = await request.content()
    return text_response(f"{request.method} {request.target} {content.decode()}")


async def hello(request: Request) -> Response:
    """Answers without a look at the body."""
    return text_response(f"hello {request.target}")
