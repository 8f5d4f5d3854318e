"""One insecure port for every gRPC service of the house.

`grpcio` is an extra and slow to import (0.1 to 0.3 s), so it is imported in a worker thread while the rest starts.
"""

from __future__ import annotations

import errno
import logging
from importlib import import_module
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup, TaskStatus

from hakobune.servers.front import FrontDoor
from hakobune.servers.http.relays import Relays
from hakobune.servers.http.router import Handler
from hakobune.servers.ports import listening

if TYPE_CHECKING:
    import grpc
    import grpc.aio

    from hakobune.servers.grpc.pubsub import PubsubCalls

_log = logging.getLogger("hakobune.grpc")


_OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", 20_000_000),  # a publish of 10 MB, and what is around it
    # Clients of Pub/Sub ask every 30 s whether we live, also without calls: the default takes that for an attack.
    ("grpc.http2.min_ping_interval_without_data_ms", 20_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
)
_EXTRA = ("grpc.aio", "google.protobuf.json_format", "google.longrunning.operations_pb2")


def _loaded() -> bool:
    """Load what the port needs; False if the extra is not installed."""
    try:
        for name in _EXTRA:
            import_module(name)
    except ImportError:
        return False
    import_module("hakobune.servers.grpc.services")
    from hakobune.servers.grpc.pool import pool

    pool()
    return True


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """A client that leaves before its answer is no error of ours."""
    return not record.getMessage().startswith("ExecuteBatchError raised in core")


class GrpcServer:
    """The port, when grpcio is installed. `handle` answers the REST call that a gRPC call means, and never raises;
    calls that mean none get past the checks of `front`. `relays` know which calls are those of attempts."""

    def __init__(self, front: FrontDoor, handle: Handler, relays: Relays) -> None:
        self._front = front
        self._handle = handle
        self._relays = relays
        self._pubsub: PubsubCalls | None = None
        self._server: grpc.aio.Server | None = None
        self._group: TaskGroup | None = None

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Own the calls until cancelled."""
        async with anyio.create_task_group() as group:
            self._group = group
            task_status.started()
            await anyio.sleep_forever()

    async def listen(self, host: str, port: int) -> bool:
        """Listen on `host:port`, while `run` runs; False if grpcio is not installed. Raises OSError if the port is
        taken."""
        assert self._group is not None
        if not await anyio.to_thread.run_sync(_loaded):
            _log.warning("the gRPC port is closed: install hakobune[grpc] for clients that speak gRPC")
            return False
        import grpc.aio

        from hakobune.servers.grpc.callers import Callers
        from hakobune.servers.grpc.calls import Calls
        from hakobune.servers.grpc.missing import MissingServices
        from hakobune.servers.grpc.pubsub import PubsubCalls
        from hakobune.servers.grpc.services import Services

        calls = Calls(self._group)
        callers = Callers(self._front, self._relays)
        self._pubsub = PubsubCalls(self._front, callers, calls)
        server = grpc.aio.server(
            handlers=[self._pubsub, Services(self._handle, callers, calls), MissingServices()],
            options=_OPTIONS,
        )
        logging.getLogger("grpc._cython.cygrpc").addFilter(_is_worth_a_line)
        # Taken for an instant by a socket of our own: gRPC has no patience, and writes its refusals to stderr itself.
        (await listening(host, port, backlog=1)).close()
        try:
            server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        except RuntimeError as error:
            raise OSError(errno.EADDRINUSE, f"port {port} of {host}: gRPC cannot listen on it") from error
        await server.start()
        self._server = server
        return True

    async def stop(self, grace_s: float) -> None:
        """End the streams, and let calls in work end within the grace."""
        if self._pubsub is not None:
            self._pubsub.stop()
        if self._server is not None:
            await self._server.stop(grace_s)
