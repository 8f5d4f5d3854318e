"""A request on its way to its answer, and what a connection needs of its server."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Protocol

import anyio

from hakobune.servers.http.bodies import StreamBody
from hakobune.servers.http.messages import Request, Response, Tunnel


class Connected(Protocol):
    """A connection, as its server sees it."""

    @property
    def idle_since_s(self) -> float | None:
        """Since when nothing is in work or on its way, on the loop's clock; None if something is."""
        ...

    def check_time(self, now_s: float) -> None:
        """Hang up on a peer that has been silent for too long."""
        ...

    def abort(self) -> None:
        """Hang up at once."""
        ...


class Serving(Protocol):
    """What a connection needs of its server."""

    slot: int | None
    service: str  # full name of the service whose port it is; "" for all others

    @property
    def is_stopping(self) -> bool: ...

    def opened(self, connection: Connected) -> None: ...

    def closed(self, connection: Connected) -> None: ...

    def start(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run in the server's task group. Raises Unavailable: it has ended."""
        ...

    async def handle(self, request: Request) -> Response:
        """Never raises but for cancellation."""
        ...

    def farewell(self) -> Response:
        """What a request is told that nobody answers any more."""
        ...

    async def secure(self, transport: asyncio.Transport, context: ssl.SSLContext) -> None:
        """Go on with a connection over TLS, as its server. Raises OSError."""
        ...


class Exchange:
    """A request and what its answer must respect. One with an `answer` was refused and has no handler."""

    __slots__ = ("answer", "body", "is_http10", "keeps_alive", "request", "scope", "tls", "tunnel")

    def __init__(
        self, request: Request, body: StreamBody, *, keeps_alive: bool, is_http10: bool, answer: Response | None = None
    ) -> None:
        self.request = request
        self.body = body
        self.keeps_alive = keeps_alive
        self.is_http10 = is_http10
        self.answer = answer
        self.scope = anyio.CancelScope()
        self.tls: ssl.SSLContext | None = None  # what follows the answer
        self.tunnel: Tunnel | None = None  # the same
