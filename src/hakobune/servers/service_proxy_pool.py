"""Connections to instances, kept open between requests."""

from __future__ import annotations

import asyncio
from functools import partial

import anyio

from hakobune.runtime.service_fleet import Backend
from hakobune.servers.service_proxy_connection import InstanceConnection

# Servers close an idle connection after 2 s (gunicorn) to 5 s (uvicorn, Node.js). A request that must not be sent twice
# never goes on a connection that may be just closing.
_SURE_S = 1.5
_KEPT_S = 60.0
_KEPT_MAX = 256  # idle ones of an instance
_CONNECT_S = 5.0  # over loopback: beyond that its backlog is full


class Pool:
    """Idle connections by instance."""

    def __init__(self) -> None:
        self._idle: dict[str, list[InstanceConnection]] = {}  # the one used last at the end

    async def take(self, backend: Backend, *, may_be_old: bool) -> InstanceConnection:
        """A connection to an instance. `may_be_old`: it does not matter if it turns out to be closed.
        Raises OSError, TimeoutError: the instance accepts none."""
        loop = asyncio.get_running_loop()
        idle = self._idle.get(backend.uid)
        while idle:
            found = idle.pop()
            if not idle:
                del self._idle[backend.uid]
            age_s = loop.time() - found.idle_since_s
            if found.is_open and age_s < (_KEPT_S if may_be_old else _SURE_S):
                return found
            found.abort()
        return await self.open(backend)

    async def open(self, backend: Backend) -> InstanceConnection:
        """A new connection. Raises OSError, TimeoutError."""
        loop = asyncio.get_running_loop()
        with anyio.fail_after(_CONNECT_S):
            _, connection = await loop.create_connection(
                lambda: InstanceConnection(partial(self._give_back, backend.uid)), "127.0.0.1", backend.port
            )
        return connection

    def _give_back(self, instance_uid: str, connection: InstanceConnection) -> None:
        """A connection waits for the next request, or is gone."""
        idle = self._idle.setdefault(instance_uid, [])
        if not connection.is_open:
            if connection in idle:
                idle.remove(connection)
        else:
            now_s = connection.idle_since_s = asyncio.get_running_loop().time()
            idle.append(connection)
            if len(idle) > _KEPT_MAX or now_s - idle[0].idle_since_s > _KEPT_S:
                idle.pop(0).abort()
        if not idle:
            del self._idle[instance_uid]

    def close(self) -> None:
        """Hang up everywhere."""
        for idle in tuple(self._idle.values()):
            for connection in tuple(idle):
                connection.abort()
