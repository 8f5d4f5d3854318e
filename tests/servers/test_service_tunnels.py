"""WebSockets, and HTTP/2 to the port of a service: bytes both ways, a seat held, and an end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from service_world import HELLO, ServiceWorld, Told, get, service_world

from hakobune.servers.http.prefaces import PREFACE

pytestmark = pytest.mark.anyio
ASK = ("Connection: keep-alive, Upgrade", "Upgrade: WebSocket", "Sec-WebSocket-Key: dGhl", "Sec-WebSocket-Version: 13")
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pP\r\nDate: x\r\n\r\n"
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ServiceWorld]:
    async with service_world(tmp_path) as found:
        yield found


async def parrot(told: Told) -> None:
    """Agrees, greets in the same breath, and says everything again."""
    line, headers = await told.head()
    assert (line.split()[1], headers["upgrade"], headers["connection"]) == ("/chat", "websocket", "Upgrade")
    assert headers["sec-websocket-key"] == "dGhl"
    await told.send(SWITCH + b"hello ")
    while data := await told.reader.read(65536):
        await told.send(data)


async def test_given_a_websocket_then_bytes_pass_both_ways_and_a_seat_is_held(world: ServiceWorld) -> None:
    world.fleet.serve(await world.instance(parrot))
    client = await world.client()
    await client.send(get("/chat", *ASK))
    status, headers = await client.head()
    assert (status, headers["upgrade"], headers["connection"]) == (101, "websocket", "Upgrade")
    assert headers["sec-websocket-accept"] == "s3pP"
    assert await client.reader.readexactly(6) == b"hello "
    piece = bytes(range(256)) * 1024

    async def feed() -> None:
        for _ in range(16):
            await client.send(piece)

    async with anyio.create_task_group() as group:
        group.start_soon(feed)
        for _ in range(16):
            assert await client.reader.readexactly(len(piece)) == piece
    assert world.admission.in_flight("rev-1.0.0") == 1
    client.close()
    await world.eventually(lambda: world.admission.in_flight("rev-1.0.0") == 0)


async def test_given_the_port_of_a_service_then_websockets_pass_there_too(world: ServiceWorld) -> None:
    world.fleet.serve(await world.instance(parrot))
    client = await world.client(await world.doors.open(HELLO, 0))
    await client.send(get("/chat", *ASK, host="x"))
    assert (await client.head())[0] == 101
    await client.send(b"again")
    assert await client.reader.readexactly(11) == b"hello again"


async def test_given_a_websocket_whose_instance_leaves_then_the_client_gets_the_last_word_and_the_end(
    world: ServiceWorld,
) -> None:
    async def leave(told: Told) -> None:
        await told.head()
        await told.send(SWITCH + b"x" * 300_000)
        told.writer.close()
        await told.writer.wait_closed()

    world.fleet.serve(await world.instance(leave))
    client = await world.client()
    await client.send(get("/chat", *ASK))
    await client.head()
    assert await client.reader.read(-1) == b"x" * 300_000
    await world.eventually(lambda: world.admission.demand("rev-1") == 0)


async def test_given_a_websocket_when_the_time_of_a_request_is_over_then_it_ends(world: ServiceWorld) -> None:
    world.fleet.serve(await world.instance(parrot), timeout_s=0.2)
    client = await world.client()
    await client.send(get("/chat", *ASK))
    await client.head()
    with anyio.fail_after(10):
        assert await client.reader.read(-1) in (b"", b"hello ")
    await world.eventually(lambda: world.admission.demand("rev-1") == 0)


async def test_given_an_instance_that_does_not_agree_then_its_answer_is_passed_on(world: ServiceWorld) -> None:
    async def refuse(told: Told) -> None:
        while True:
            await told.request()
            await told.answer(b"no", status="426 Upgrade Required")

    world.fleet.serve(await world.instance(refuse))
    client = await world.client()
    await client.send(get("/chat", *ASK))
    assert (await client.answer())[::2] == (426, b"no")
    await client.send(get("/x"))
    assert (await client.answer())[0] == 426


@pytest.mark.parametrize(
    "request_bytes",
    [
        get("/", "Connection: Upgrade", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"),
        get("/", "Connection: Upgrade", "Upgrade: websocket, h2c"),
        get("/", "Upgrade: websocket"),
        get("/", "Connection: Upgrade", "Upgrade: websocket", "Content-Length: 0", method="POST"),
        get("/", "Connection: Upgrade", "Upgrade: websocket", "Content-Length: 2") + b"ab",
    ],
    ids=["h2c", "a list", "no Connection", "POST", "a body"],
)
async def test_given_an_upgrade_that_is_none_then_the_instance_is_not_asked_and_cannot_switch(
    world: ServiceWorld, request_bytes: bytes
) -> None:
    seen: list[dict[str, str]] = []

    async def switch(told: Told) -> None:
        _, headers, _ = await told.request()
        seen.append(headers)
        await told.send(SWITCH)
        await told.is_left()

    world.fleet.serve(await world.instance(switch))
    assert (await world.asked(request_bytes))[0] == 503
    assert not seen[0].keys() & {"upgrade", "connection"}
    assert world.admission.demand("rev-1") == 0


async def test_given_a_client_that_speaks_on_before_the_switch_then_it_smuggles_nothing(world: ServiceWorld) -> None:
    seen: list[bytes] = []

    async def switch(told: Told) -> None:
        await told.head()
        await anyio.sleep(0.05)
        await told.send(SWITCH)
        seen.append(await told.reader.read(-1))

    world.fleet.serve(await world.instance(switch))
    client = await world.client()
    await client.send(get("/chat", *ASK) + get("/smuggled"))
    await client.head()
    assert await client.is_left()
    await world.eventually(lambda: seen == [b""])
    assert world.admission.demand("rev-1") == 0


async def test_given_a_client_that_leaves_before_the_switch_then_nothing_is_held(world: ServiceWorld) -> None:
    asked = anyio.Event()

    async def switch(told: Told) -> None:
        await told.head()
        asked.set()
        await told.is_left()

    world.fleet.serve(await world.instance(switch))
    client = await world.client()
    await client.send(get("/chat", *ASK))
    await asked.wait()
    client.close()
    await world.eventually(lambda: world.admission.demand("rev-1") == 0)


# -- HTTP/2 ---------------------------------------------------------------------------------------------------------


async def test_given_a_client_of_http_2_then_its_connection_reaches_an_instance_that_speaks_it(
    world: ServiceWorld,
) -> None:
    async def speak(told: Told) -> None:
        assert await told.reader.readexactly(len(PREFACE)) == PREFACE
        await told.send(b"frames")
        while data := await told.reader.read(65536):
            await told.send(data)

    world.fleet.serve(await world.instance(speak), is_h2c=True)
    client = await world.client(await world.doors.open(HELLO, 0))
    await client.send(PREFACE[:5])
    await client.send(PREFACE[5:] + b"more")
    assert await client.reader.readexactly(10) == b"framesmore"
    assert world.admission.in_flight("rev-1.0.0") == 1
    client.close()
    await world.eventually(lambda: world.admission.in_flight("rev-1.0.0") == 0)


@pytest.mark.parametrize("how", ["http1", "gone", "internal", "dead"])
async def test_given_http_2_that_nobody_takes_then_the_connection_ends(world: ServiceWorld, how: str) -> None:
    port = await world.doors.open(HELLO, 0)
    if how != "gone":
        ingress = "INGRESS_TRAFFIC_INTERNAL_ONLY" if how == "internal" else ""
        instance = 1 if how == "dead" else await world.instance(parrot)
        world.fleet.serve(instance, is_h2c=how != "http1", ingress=ingress)
    client = await world.client(port)
    await client.send(PREFACE)
    with anyio.fail_after(10):
        assert await client.is_left()
    await world.eventually(lambda: world.admission.demand("rev-1") == 0)


async def test_given_http_2_that_waits_for_an_instance_when_its_client_leaves_then_its_place_is_given_away(
    world: ServiceWorld,
) -> None:
    world.fleet.serve(is_h2c=True)
    client = await world.client(await world.doors.open(HELLO, 0))
    await client.send(PREFACE)
    await world.eventually(lambda: world.admission.demand("rev-1") == 1)
    client.close()
    await world.eventually(lambda: world.admission.demand("rev-1") == 0)
