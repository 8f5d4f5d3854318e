"""Connections that pass through as they are: WebSockets after their handshake, and HTTP/2 without TLS (h2c) to the port
of a service whose instances speak it. Each holds a seat at its instance until it ends, and no longer than the time of a
request: so it is on Cloud Run (https://cloud.google.com/run/docs/triggering/websockets).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import anyio

from hakobune.core.errors import HakobuneError, Unavailable
from hakobune.runtime.service_admission import Seat
from hakobune.servers.http.relays import End, Start
from hakobune.servers.service_proxy_connection import InstanceConnection

_LINGER_S = 5.0  # for what one end has said before it left, until the other has taken it

_log = logging.getLogger("hakobune.services")


class _Ends:
    """Two ends, joined; and when they are gone."""

    def __init__(self) -> None:
        self.near, self.far = End(), End()
        self.one_gone, self.both_gone = anyio.Event(), anyio.Event()
        self._gone = 0
        self.near.gone = self.far.gone = self._leave

    def _leave(self) -> None:
        self._gone += 1
        (self.one_gone if self._gone == 1 else self.both_gone).set()

    async def ended(self, timeout_s: float) -> None:
        """Return when both are gone; cut them when time is over."""
        try:
            with anyio.move_on_after(timeout_s):
                await self.one_gone.wait()
                with anyio.move_on_after(_LINGER_S):
                    await self.both_gone.wait()
        finally:
            self.near.abort()
            self.far.abort()


class ServiceTunnel:
    """A WebSocket: the client has been told of the change, and so has the instance."""

    def __init__(self, connection: InstanceConnection, seat: Seat, timeout_s: float) -> None:
        self._connection = connection
        self._seat = seat
        self._timeout_s = timeout_s

    async def run(self, transport: asyncio.Transport) -> None:
        """Pass bytes both ways until one end is gone."""
        ends = _Ends()
        try:
            far, rest = self._connection.hand_over()
            if far is None:
                transport.abort()
                return
            ends.near.join(ends.far)
            ends.far.join(ends.near)
            for end, opened in ((ends.near, transport), (ends.far, far)):
                opened.set_protocol(end)
                end.connection_made(opened)
            if rest:
                transport.write(rest)
            transport.resume_reading()
            far.resume_reading()
            await ends.ended(self._timeout_s)
        finally:
            self.close()

    def close(self) -> None:
        """There is no client any more."""
        self._connection.abort()
        self._seat.close()


class H2cTunnels:
    """Leads a client that speaks HTTP/2 on to an instance. `find`: a seat at one, and how long it may be held; raises
    HakobuneError."""

    def __init__(self, find: Callable[[str], Awaitable[tuple[Seat, float]]]) -> None:
        self._find = find

    def lead(self, service: str, start: Start) -> asyncio.Protocol | None:
        """The protocol of a client that has begun to speak; None: the server ends."""
        ends = _Ends()
        try:
            start(lambda: self._join(ends, service))
        except Unavailable:
            return None
        return ends.near

    async def _join(self, ends: _Ends, service: str) -> None:
        """A client that leaves while it waits for a seat gives its place away."""
        found: tuple[Seat, float] | None = None
        async with anyio.create_task_group() as group:

            async def give_up() -> None:
                await ends.one_gone.wait()
                group.cancel_scope.cancel()

            group.start_soon(give_up)
            try:
                found = await self._find(service)
            except HakobuneError as error:
                _log.info("%s: a connection of HTTP/2 is refused: %s", service, error.message)
            group.cancel_scope.cancel()
        if found is None:
            ends.near.abort()
            return
        seat, timeout_s = found
        try:
            await asyncio.get_running_loop().create_connection(lambda: ends.far, "127.0.0.1", seat.backend.port)
            ends.far.join(ends.near)
            ends.near.join(ends.far)
            await ends.ended(timeout_s)
        except OSError as error:
            _log.info("%s: its instance accepts no connection: %s", service, error)
            ends.near.abort()
        finally:
            seat.close()
