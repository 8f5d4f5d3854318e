"""Listening sockets, the connections on them, and their orderly end."""

from __future__ import annotations

import asyncio
import logging
import resource
import ssl
from collections.abc import Awaitable, Callable
from functools import partial

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup, TaskStatus

from hakobune.core.errors import HakobuneError, Unavailable
from hakobune.servers.http.exchanges import Connected
from hakobune.servers.http.messages import Request, Response
from hakobune.servers.http.prefaces import Undecided
from hakobune.servers.http.protocol import HttpConnection
from hakobune.servers.http.relays import Relays, Start
from hakobune.servers.http.secured import Secured
from hakobune.servers.ports import PATIENT_TRIES, listening

_log = logging.getLogger("hakobune.http")
_BACKLOG = 4096
_HANDSHAKE_S = 10.0  # ours: for a TLS handshake
_SWEEP_S = 2.0
_CONNECTIONS_MAX = 16_384  # ours: an idle one costs about 4 KB
_SERVICE_TRIES = 10  # ours: half a second; then the service gets another port, and the others do not wait for it
_FILES_KEPT = 512  # descriptors that the rest of the house needs
_CROWDED_SHARE = 16  # when there are too many connections, one in so many goes: those that were idle the longest

Handler = Callable[[Request], Awaitable[Response]]


# Opens a way to where a service speaks HTTP/2; None: it does not.
Lead = Callable[[str, Start], asyncio.Protocol | None]


class _Listener:
    """One listening socket's view of the server: it knows the slot of its attempts, or the service it belongs to."""

    def __init__(self, server: HttpServer, slot: int | None, service: str) -> None:
        self._server = server
        self.slot = slot
        self.service = service

    @property
    def is_stopping(self) -> bool:
        return self._server.is_stopping

    def opened(self, connection: Connected) -> None:
        self._server.opened(connection)

    def closed(self, connection: Connected) -> None:
        self._server.closed(connection)

    def start(self, work: Callable[[], Awaitable[None]]) -> None:
        self._server.start(work)

    async def handle(self, request: Request) -> Response:
        return await self._server.handle(request)

    def farewell(self) -> Response:
        return self._server.farewell()

    def lead(self) -> asyncio.Protocol | None:
        return self._server.lead(self.slot, self.service)

    async def secure(self, transport: asyncio.Transport, context: ssl.SSLContext) -> None:
        protocol = Secured(self)
        loop = asyncio.get_running_loop()
        secured = await loop.start_tls(
            transport, protocol, context, server_side=True, ssl_handshake_timeout=_HANDSHAKE_S
        )
        if secured is not None:
            protocol.connection_made(secured)


class HttpServer:
    """All HTTP of one runtime. `run` is the loop that owns every request's task. `relays` lead to where gRPC is spoken,
    if it is."""

    def __init__(
        self, handler: Handler, failed: Callable[[HakobuneError], Response], relays: Relays | None = None
    ) -> None:
        self._handler = handler
        self._relays = relays or Relays()
        self.lead_to_service: Lead | None = None
        self._failed = failed
        self._group: TaskGroup | None = None
        self._servers: dict[int, asyncio.Server] = {}  # by port
        self.ending = "The runtime is stopping."  # what the last requests are told
        self.is_stopping = False  # answers end their connections
        self._busy = 0
        self._quiet = anyio.Event()
        self._connections: set[Connected] = set()
        self._connections_max = connections_max()

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Own the requests until cancelled."""
        try:
            async with anyio.create_task_group() as group:
                self._group = group
                task_status.started()
                while True:
                    await anyio.sleep(_SWEEP_S)
                    self.sweep(asyncio.get_running_loop().time())
        finally:
            self._group = None

    def sweep(self, now_s: float) -> None:
        """Hang up on peers that have been silent for too long, at an instant of the loop's clock."""
        for connection in tuple(self._connections):
            connection.check_time(now_s)

    def opened(self, connection: Connected) -> None:
        """A peer has connected. Nobody is turned away while others only sit there."""
        self._connections.add(connection)
        if len(self._connections) > self._connections_max:
            idle = [(since_s, found) for found in self._connections if (since_s := found.idle_since_s) is not None]
            idle.sort(key=lambda item: item[0])
            for _, found in idle[: self._connections_max // _CROWDED_SHARE]:
                found.abort()
                self._connections.discard(found)  # the next one in a burst of new ones must not count it

    def closed(self, connection: Connected) -> None:
        """A peer is gone."""
        self._connections.discard(connection)

    async def listen(
        self, host: str, port: int, *, slot: int | None = None, service: str = "", tls: ssl.SSLContext | None = None
    ) -> int:
        """Listen on `host:port` (0: a free one), for all, for the attempts of a slot or for a service; returns the
        port. Raises OSError if it is taken."""
        listener = _Listener(self, slot, service)
        loop = asyncio.get_running_loop()
        tries = 1 if slot is not None else _SERVICE_TRIES if service else PATIENT_TRIES
        opened = await listening(host, port, backlog=_BACKLOG, tries=tries)
        plain = HttpConnection if slot is None and not service else Undecided
        make = partial(plain if tls is None else Secured, listener)
        handshake_s = None if tls is None else _HANDSHAKE_S
        server = await loop.create_server(
            make, sock=opened, backlog=_BACKLOG, ssl=tls, ssl_handshake_timeout=handshake_s
        )
        bound: int = opened.getsockname()[1]
        self._servers[bound] = server
        return bound

    def leave(self, port: int) -> None:
        """Listen on a port no longer. Connections go on."""
        server = self._servers.pop(port, None)
        if server is not None:
            server.close()

    def lead(self, slot: int | None, service: str) -> asyncio.Protocol | None:
        """The protocol of a peer that speaks HTTP/2; None: nobody here does."""
        if not service:
            return self._relays.lead(slot, self.start)
        return None if self.lead_to_service is None else self.lead_to_service(service, self.start)

    def start(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run a request's work in the task group."""
        if self._group is None:
            raise Unavailable("The server is not running.")
        self._busy += 1
        self._group.start_soon(self._counted, work)

    async def _counted(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception:  # noqa: BLE001 - a bug in one connection must not take the server with it
            _log.exception("a connection failed")
        finally:
            self._busy -= 1
            self._quiet.set()

    async def handle(self, request: Request) -> Response:
        """The handler's answer, or the error's. Never raises but for cancellation."""
        try:
            return await self._handler(request)
        except HakobuneError as error:
            return self._failed(error)
        except Exception as error:  # noqa: BLE001 - a bug in one handler must not take the server with it
            _log.exception("%s %s failed", request.method, request.target[:200])
            internal = HakobuneError("Internal error: this is a bug of hakobune; its log has the details.")
            internal.__cause__ = error
            return self._failed(internal)

    def farewell(self) -> Response:
        """What a request is told that nobody answers any more."""
        return self._failed(Unavailable(self.ending))

    async def take_leave(self, grace_s: float) -> None:
        """`run` has ended. Stop listening; whoever asks on an open connection within the grace is told why nobody
        answers; hang up."""
        self.is_stopping = True
        await anyio.lowlevel.checkpoint()  # those who have just come are let in
        for server in self._servers.values():
            server.close()
        await anyio.sleep(grace_s)
        for connection in tuple(self._connections):
            connection.abort()

    async def stop(self, grace_s: float) -> None:
        """Stop listening, let requests in work end within the grace, hang up."""
        self.is_stopping = True
        for server in self._servers.values():
            server.close()
        for connection in tuple(self._connections):
            if connection.idle_since_s is not None:
                connection.abort()
        with anyio.move_on_after(grace_s):
            while self._busy:
                self._quiet = anyio.Event()
                await self._quiet.wait()
        for connection in tuple(self._connections):
            connection.abort()


def connections_max() -> int:
    """How many connections may be open at once, by the files that this process may open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(_FILES_KEPT, min(_CONNECTIONS_MAX, soft - _FILES_KEPT))
