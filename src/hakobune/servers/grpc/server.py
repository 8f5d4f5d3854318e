"""One insecure port for every gRPC service of the house.

`grpcio` is an extra and slow to import (0.1 to 0.3 s), so it is imported in a worker thread while the rest starts.
"""

from __future__ import annotations

import errno
import logging
from typing import TYPE_CHECKING

import anyio.to_thread

from hakobune.servers.front import FrontDoor
from hakobune.servers.ports import listening
from hakobune.wire.codec import BODY_MAX_BYTES

if TYPE_CHECKING:
    import grpc
    import grpc.aio

_log = logging.getLogger("hakobune.grpc")


def _imported() -> bool:
    try:
        from hakobune.servers.grpc import pool, services
    except ImportError:
        return False
    pool.pool()
    return services is not None


class GrpcServer:
    """The port, when grpcio is installed."""

    def __init__(self) -> None:
        self._server: grpc.aio.Server | None = None

    async def listen(self, host: str, port: int, front: FrontDoor) -> bool:
        """Listen on `host:port` and lead calls through the front door; False if grpcio is not installed. Raises OSError
        if the port is taken."""
        if not await anyio.to_thread.run_sync(_imported):
            _log.warning("the gRPC port is closed: install hakobune[grpc] for clients that speak gRPC")
            return False
        import grpc.aio

        from hakobune.servers.grpc.missing import MissingServices
        from hakobune.servers.grpc.services import Services

        server = grpc.aio.server(
            handlers=[Services(front), MissingServices()],
            options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", BODY_MAX_BYTES)],
        )
        # Taken for an instant by a socket of our own: gRPC has no patience, and writes its refusals to stderr itself.
        (await listening(host, port, backlog=1)).close()
        try:
            server.add_insecure_port(f"{host}:{port}")
        except RuntimeError as error:
            raise OSError(errno.EADDRINUSE, f"port {port} of {host}: gRPC cannot listen on it") from error
        await server.start()
        self._server = server
        return True

    async def stop(self, grace_s: float) -> None:
        """Let calls in work end within the grace."""
        if self._server is not None:
            await self._server.stop(grace_s)
