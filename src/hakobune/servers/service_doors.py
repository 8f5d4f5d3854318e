"""The ports of services: each has one of its own on loopback, stored, and opened again at every start."""

from __future__ import annotations

from hakobune.core.services.addresses import place_of
from hakobune.core.services.names import ResidentName
from hakobune.servers.hosts import is_loopback
from hakobune.servers.http.server import HttpServer

_HOST = "127.0.0.1"


class ServiceDoors:
    """Which port is which service's."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._ports: dict[ResidentName, int] = {}
        self._names: dict[int, ResidentName] = {}

    async def open(self, name: ResidentName, port: int) -> int:
        """Listen on this port (0: any free one) for a service; the port. Raises OSError: it is taken."""
        port = await self._server.listen(_HOST, port, service=str(name))
        self._ports[name] = port
        self._names[port] = name
        return port

    async def close(self, name: ResidentName) -> None:
        """The service is gone. Nothing happens if it has no port."""
        port = self._ports.pop(name, None)
        if port is not None:
            del self._names[port]
            self._server.leave(port)

    def at(self, url: str) -> ResidentName | None:
        """The service whose own port a URL names."""
        if not self._names:
            return None
        place = place_of(url)
        return self._names.get(place.port) if place is not None and is_loopback(place.host) else None
