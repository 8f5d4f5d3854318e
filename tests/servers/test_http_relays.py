"""The ways from an attempt's listener to the gRPC port: by the first bytes, byte for byte, known by their source."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import anyio
import pytest

from hakobune.servers.front import error_response
from hakobune.servers.http import relays as module
from hakobune.servers.http.messages import Request, Response, text_response
from hakobune.servers.http.prefaces import PREFACE
from hakobune.servers.http.relays import Relays
from hakobune.servers.http.server import HttpServer

pytestmark = pytest.mark.anyio
WITHIN_S = 20.0
Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()


@dataclass
class World:
    """An HTTP server with the listeners of slots, and somebody behind it in the place of gRPC."""

    relays: Relays
    server: HttpServer
    far_port: int = 0
    main_port: int = 0
    ports: list[int] = field(default_factory=list[int])
    peers: list[str] = field(default_factory=list[str])  # whom the far port has seen, as gRPC writes it
    ended: set[str] = field(default_factory=set[str])
    act: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]] = echo

    async def far(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = writer.get_extra_info("peername")
        peer = f"ipv4:{host}:{port}"
        self.peers.append(peer)
        try:
            await self.act(reader, writer)
        except OSError:
            pass  # it was cut off
        finally:
            self.ended.add(peer)
            writer.close()

    async def client(self, slot: int = 0, first: bytes = PREFACE) -> Ends:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.ports[slot])
        writer.write(first)
        return reader, writer


async def until(is_so: Callable[[], bool]) -> None:
    with anyio.fail_after(WITHIN_S):
        while not is_so():  # noqa: ASYNC110 - what is watched is the other end of a real connection
            await anyio.sleep(0.005)


async def on_slot(slot: int) -> str | None:
    return f"attempt-{slot}"


@asynccontextmanager
async def a_world(holder: module.Holder = on_slot) -> AsyncGenerator[World, None]:
    async def handle(request: Request) -> Response:
        return text_response(f"{request.method} {request.slot}")

    relays = Relays(holder)
    world = World(relays, HttpServer(handle, error_response, relays))
    far = await asyncio.start_server(world.far, "127.0.0.1", 0)
    world.far_port = far.sockets[0].getsockname()[1]
    relays.address = ("127.0.0.1", world.far_port)
    async with anyio.create_task_group() as group:
        await group.start(world.server.run)
        world.main_port = await world.server.listen("127.0.0.1", 0)
        world.ports = [await world.server.listen("127.0.0.1", 0, slot=slot) for slot in range(3)]
        with anyio.fail_after(60):
            yield world
        relays.close()
        await world.server.stop(0.1)
        far.close()
        group.cancel_scope.cancel()


@pytest.mark.parametrize("cuts", [(), (1,), (3, 4), (14, 23)])
async def test_given_a_peer_of_http_2_then_what_it_says_goes_on_to_grpc_however_it_comes(cuts: tuple[int, ...]) -> None:
    async with a_world() as world:
        reader, writer = await asyncio.open_connection("127.0.0.1", world.ports[1])
        sent = PREFACE + b"more"
        for begin, end in zip((0, *cuts), (*cuts, len(sent)), strict=True):
            writer.write(sent[begin:end])
            await anyio.sleep(0.02)  # so that it comes in pieces
        assert await reader.readexactly(len(sent)) == sent
        assert await world.relays.attempt_of(world.peers[0]) == "attempt-1"
        writer.close()


@pytest.mark.parametrize("cut", [1, 2, 5])
@pytest.mark.parametrize("method", ["POST", "PRIZE", "GET"])
async def test_given_a_peer_of_http_1_then_it_is_served_also_when_its_method_begins_alike(
    method: str, cut: int
) -> None:
    async with a_world() as world:
        sent = f"{method} / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode()
        reader, writer = await world.client(2, sent[:cut])
        await anyio.sleep(0.02)
        writer.write(sent[cut:])
        head = await reader.readuntil(b"\r\n\r\n")
        status = b"400" if method == "PRIZE" else b"200"
        assert head.startswith(b"HTTP/1.1 " + status)
        if status == b"200":
            assert await reader.readexactly(len(method) + 2) == f"{method} 2".encode()
        assert world.peers == []
        writer.close()


async def test_given_the_main_port_then_http_2_is_not_spoken_there_and_nobody_is_looked_up() -> None:
    async with a_world() as world:
        reader, writer = await asyncio.open_connection("127.0.0.1", world.main_port)
        writer.write(PREFACE)
        assert (await reader.read()).startswith(b"HTTP/1.1 400")
        assert not world.relays.are_attributed
        assert await world.relays.attempt_of("ipv4:127.0.0.1:1") is None
        writer.close()


async def test_given_many_ways_at_once_then_every_byte_arrives_and_each_is_known_as_its_attempt_s() -> None:
    found: list[str | None] = []
    content = os.urandom(3_000_000)
    whole: list[int] = []
    ready = anyio.Event()

    async def speak(world: World, slot: int) -> None:
        reader, writer = await world.client(slot)

        async def send() -> None:
            writer.write(content)
            await writer.drain()

        async with anyio.create_task_group() as group:
            group.start_soon(send)
            assert await reader.readexactly(len(PREFACE) + len(content)) == PREFACE + content
        whole.append(slot)
        if len(whole) == 48:
            found.extend([await world.relays.attempt_of(peer) for peer in world.peers])
            ready.set()
        await ready.wait()
        writer.close()

    async with a_world() as world:
        async with anyio.create_task_group() as group:
            for number in range(48):
                group.start_soon(speak, world, number % 3)
        assert sorted(map(str, found)) == sorted(f"attempt-{number % 3}" for number in range(48))


async def test_given_a_client_that_does_not_read_then_little_is_held_for_it() -> None:
    written = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        del reader
        while True:
            writer.write(bytes(65_536))
            await writer.drain()
            written += 65_536

    async with a_world() as world:
        world.act = flood
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            deaf.connect(("127.0.0.1", world.ports[0]))
            deaf.sendall(PREFACE)
            last = -1
            while written != last or not written:
                last = written
                await anyio.sleep(0.2)
            assert written < 16_000_000  # buffers of the kernel's four sockets, and 64 KiB of ours
        await until(lambda: len(world.ended) == 1)


async def test_given_a_far_end_that_does_not_read_then_little_is_held_for_it_however_early_the_client_sends() -> None:
    answer, done = anyio.Event(), anyio.Event()

    async def holder(slot: int) -> str | None:
        await answer.wait()
        return "late"

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader, writer
        await done.wait()

    async with a_world(holder) as world:
        world.act = deaf
        with socket.create_connection(("127.0.0.1", world.ports[0])) as client:
            client.setblocking(False)
            client.send(PREFACE)
            sent, last = 0, -1
            while sent != last:
                last = sent
                await anyio.sleep(0.1)
                with suppress(BlockingIOError):
                    while True:
                        sent += client.send(bytes(65_536))
                if sent and sent == last and not answer.is_set():  # it was held back without a way on, too
                    answer.set()
                    last = -1
                assert sent < 32_000_000
        done.set()


async def test_given_an_attempt_that_has_ended_then_its_ways_are_cut_and_no_others() -> None:
    async with a_world() as world:
        (one, one_writer), (two, two_writer) = await world.client(0), await world.client(1)
        for reader in (one, two):
            await reader.readexactly(len(PREFACE))
        world.relays.end("attempt-0")
        assert await one.read() == b""
        two_writer.write(b"still here")
        assert await two.readexactly(10) == b"still here"
        await until(lambda: len(world.ended) == 1)
        for writer in (one_writer, two_writer):
            writer.close()


async def test_given_a_client_that_is_killed_then_the_far_end_hears_of_it_and_its_calls_are_known_a_moment_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_REMEMBERED_S", 0.5)
    async with a_world() as world:
        client = socket.create_connection(("127.0.0.1", world.ports[0]))
        client.sendall(PREFACE)
        await until(lambda: len(world.peers) == 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()  # with a reset
        await until(lambda: len(world.ended) == 1)
        (peer,) = world.peers
        assert await world.relays.attempt_of(peer) == "attempt-0"
        port = int(peer.rpartition(":")[2])
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))  # nobody else gets it as long as it means the attempt
        await until(lambda: not world.relays.are_attributed)
        assert await world.relays.attempt_of(peer) is None


async def test_given_a_far_end_that_hangs_up_then_the_client_hears_of_it() -> None:
    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(PREFACE))
        writer.write(b"last words")

    async with a_world() as world:
        world.act = leave
        reader, writer = await world.client()
        assert await reader.read() == b"last words"
        writer.close()


async def test_given_an_attempt_that_is_known_only_later_then_it_is_asked_for_again_until_it_is() -> None:
    known: list[str] = []

    async def holder(slot: int) -> str | None:
        return known[0] if known else None

    async with a_world(holder) as world:
        reader, writer = await world.client()
        await reader.readexactly(len(PREFACE))
        assert await world.relays.attempt_of(world.peers[0]) is None
        known.append("late")
        assert await world.relays.attempt_of(world.peers[0]) == "late"
        known[0] = "the next one on this slot"
        assert await world.relays.attempt_of(world.peers[0]) == "late"
        writer.close()


@pytest.mark.parametrize("is_open", [True, False])
async def test_given_nobody_who_speaks_grpc_then_the_connection_ends(is_open: bool) -> None:
    async with a_world() as world:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            world.relays.address = nobody.getsockname() if is_open else None
            reader, writer = await world.client()
            with anyio.fail_after(WITHIN_S):
                with suppress(ConnectionResetError):
                    assert await reader.read() == b""
            assert not world.relays.are_attributed
            writer.close()


async def test_given_a_client_that_leaves_before_the_way_is_open_then_nothing_stays() -> None:
    asked = anyio.Event()
    answer = anyio.Event()

    async def holder(slot: int) -> str | None:
        asked.set()
        await answer.wait()
        return "late"

    async with a_world(holder) as world:
        _, writer = await world.client()
        await asked.wait()
        writer.transport.abort()
        await anyio.sleep(0.05)
        answer.set()
        await until(lambda: len(world.ended) == len(world.peers))
        reader, writer = await world.client(1, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_given_a_stop_then_all_ways_are_cut() -> None:
    async with a_world() as world:
        reader, writer = await world.client()
        await reader.readexactly(len(PREFACE))
        world.relays.close()
        assert await reader.read() == b""
        assert not world.relays.are_attributed
        writer.close()
