"""One look at an instance, over TCP, HTTP and gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import anyio.abc
import grpc
import pytest

from hakobune.core.services.model import Probe, ProbeKind
from hakobune.runtime.service_ports import FreePorts
from hakobune.runtime.service_probes import is_listening, is_well

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def a_server(answer: Callable[[bytes], bytes | None]) -> AsyncIterator[int]:
    """Answers each request; None: never."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")

    async def serve(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            try:
                found = answer(await stream.receive())
            except anyio.EndOfStream:
                return
            if found is None:
                await anyio.sleep_forever()
            else:
                await stream.send(found)

    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, serve)
        yield int(listener.extra(anyio.abc.SocketAttribute.local_port))
        group.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", True),
        (b"HTTP/1.0 302 Found\r\n\r\n", True),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", False),
        (b"HTTP/1.1 500 No\r\n\r\n", False),
        (b"hello\r\n", False),
        (b"", False),
        (None, False),
    ],
)
async def test_given_an_answer_then_only_a_status_of_200_to_399_is_well(answer: bytes | None, expected: bool) -> None:
    async with a_server(lambda _: answer) as port:
        probe = Probe(kind=ProbeKind.HTTP, timeout_s=0.2 if answer is None else 5.0)
        assert await is_well(probe, port) is expected


async def test_given_a_path_and_headers_then_they_are_sent_and_win_over_ours() -> None:
    requests: list[bytes] = []

    def answer(request: bytes) -> bytes:
        requests.append(request)
        return b"HTTP/1.1 200 OK\r\n\r\n"

    async with a_server(answer) as port:
        probe = Probe(kind=ProbeKind.HTTP, port=port, path="/up", headers=(("Host", "mine"), ("X-A", "1")))
        assert await is_well(probe, 1)
    (head,) = requests
    assert head.startswith(b"GET /up HTTP/1.1\r\nHost: mine\r\nX-A: 1\r\n")
    assert head.lower().count(b"host:") == 1


async def test_given_a_port_then_something_that_listens_is_well_for_tcp() -> None:
    async with a_server(lambda _: b"") as port:
        assert await is_well(Probe(kind=ProbeKind.TCP), port)
        assert await is_listening(port)
    (free,) = FreePorts().draw(1, ())
    assert not await is_well(Probe(kind=ProbeKind.TCP), free)
    assert not await is_well(Probe(kind=ProbeKind.HTTP), free)
    assert not await is_well(Probe(kind=ProbeKind.GRPC, timeout_s=0.5), free)


@pytest.mark.parametrize(("service", "state", "expected"), [("", 1, True), ("a.B", 1, True), ("a.B", 2, False)])
async def test_given_a_health_service_then_serving_is_well(service: str, state: int, expected: bool) -> None:
    asked: list[bytes] = []

    async def check(request: bytes, context: object) -> bytes:
        asked.append(request)
        return bytes([8, state])

    server = grpc.aio.server()
    handler: Callable[[bytes, object], Awaitable[bytes]] = check
    methods = {"Check": grpc.unary_unary_rpc_method_handler(handler)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpc.health.v1.Health", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        probe = Probe(kind=ProbeKind.GRPC, grpc_service=service, timeout_s=5.0)
        assert await is_well(probe, port) is expected
    finally:
        await server.stop(None)
    assert asked == [b"\x0a" + bytes([len(service)]) + service.encode() if service else b""]


async def test_given_a_look_over_grpc_when_it_is_cancelled_then_nothing_else_is() -> None:
    async with a_server(lambda _: None) as port:

        async def look() -> None:
            with anyio.move_on_after(0.05) as scope:
                await is_well(Probe(kind=ProbeKind.GRPC, timeout_s=60.0), port)
            assert scope.cancelled_caught

        async with anyio.create_task_group() as group:
            group.start_soon(look)
        assert not group.cancel_scope.cancel_called


def test_given_ports_that_are_taken_then_others_are_drawn() -> None:
    ports = FreePorts()
    first = ports.draw(3, ())
    assert len(set(first)) == 3
    assert all(20_000 <= port < 32_000 for port in first)
    again = FreePorts()
    again._next = first[0]
    assert not set(again.draw(2, first)) & set(first)
