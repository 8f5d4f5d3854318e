"""Looks whether an instance is well: over TCP, HTTP and gRPC (grpc.health.v1).

Source: "Container health checks" (https://cloud.google.com/run/docs/configuring/healthchecks): a status of 200 to 399
is well. Requests go to 127.0.0.1.
"""

from __future__ import annotations

import importlib
from typing import Any

import anyio
import anyio.abc
import anyio.to_thread

from hakobune.core.services.model import Probe, ProbeKind

_HOST = "127.0.0.1"
_STATUS_BYTES = 4_096  # of an answer: its first line is in it
# grpc.health.v1.HealthCheckResponse.SERVING, field 1: the whole answer of a server that is well.
_SERVING = b"\x08\x01"
_HEALTH = "/grpc.health.v1.Health/Check"


async def is_listening(port: int) -> bool:
    """Whether something takes connections on a port of this machine. It answers at once."""
    try:
        stream = await anyio.connect_tcp(_HOST, port)
    except OSError:
        return False
    await stream.aclose()
    return True


async def is_well(probe: Probe, port: int) -> bool:
    """Look once, for at most the probe's timeout. `port`: where the instance listens; a probe of another port looks
    there."""
    where = probe.port or port
    if probe.kind is ProbeKind.GRPC:
        return await _is_grpc_well(probe, where)
    with anyio.move_on_after(probe.timeout_s):
        return await (is_listening(where) if probe.kind is ProbeKind.TCP else _is_http_well(probe, where))
    return False


async def _is_http_well(probe: Probe, port: int) -> bool:
    # The header fields that were declared win over ours.
    fields = {"host": f"{_HOST}:{port}", "user-agent": "GoogleHC/1.0", "connection": "close"}
    lines = [f"{name}: {value}" for name, value in probe.headers]
    declared = {name.lower() for name, _ in probe.headers}
    lines += [f"{name}: {value}" for name, value in fields.items() if name not in declared]
    request = f"GET {probe.path or '/'} HTTP/1.1\r\n" + "".join(f"{line}\r\n" for line in lines) + "\r\n"
    try:
        async with await anyio.connect_tcp(_HOST, port) as stream:
            await stream.send(request.encode("latin-1", "replace"))
            return _is_good(await _first_line(stream))
    except (OSError, anyio.EndOfStream, anyio.BrokenResourceError):
        return False


async def _first_line(stream: anyio.abc.ByteReceiveStream) -> bytes:
    data = b""
    while b"\r\n" not in data and len(data) < _STATUS_BYTES:
        data += await stream.receive(_STATUS_BYTES)
    return data.partition(b"\r\n")[0]


def _is_good(line: bytes) -> bool:
    words = line.split(b" ", 2)
    return words[0].startswith(b"HTTP/1.") and len(words) > 1 and words[1][:1] in (b"2", b"3") and len(words[1]) == 3


async def _is_grpc_well(probe: Probe, port: int) -> bool:
    """The call has a deadline of its own, and is never awaited before it is over: a cancellation that goes through the
    library comes out as another one, which nobody owns, and ends the task group around it."""
    try:
        # An extra, and slow to load: only those who declare such a probe wait for it.
        grpc: Any = await anyio.to_thread.run_sync(importlib.import_module, "grpc.aio")
    except ImportError:
        return False
    async with grpc.insecure_channel(f"{_HOST}:{port}") as channel:
        call: Any = channel.unary_unary(_HEALTH)(_health_request(probe.grpc_service.encode()), timeout=probe.timeout_s)
        is_over = anyio.Event()

        def end(call: object) -> None:
            del call
            is_over.set()

        call.add_done_callback(end)
        try:
            await is_over.wait()
        finally:
            call.cancel()
        answer = b""
        try:
            with anyio.CancelScope(shield=True):  # it is over: this takes no time
                answer = await call
        except grpc.AioRpcError:
            return False
    return answer == _SERVING


def _health_request(service: bytes) -> bytes:
    """grpc.health.v1.HealthCheckRequest: field 1, the service."""
    if not service:
        return b""
    size = len(service)
    length = bytes([size]) if size < 0x80 else bytes([size & 0x7F | 0x80, size >> 7])
    return b"\x0a" + length + service
