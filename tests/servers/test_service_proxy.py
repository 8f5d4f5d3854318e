"""Requests on their way to an instance and back: framing, streams, keep-alive, failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from service_world import ServiceWorld, Told, get, post, service_world

pytestmark = pytest.mark.anyio
BIG = 24 * 1024 * 1024
INTERIM = (
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ServiceWorld]:
    async with service_world(tmp_path) as found:
        yield found


async def echo(told: Told) -> None:
    """Answers every request with its line and body."""
    while True:
        line, _, body = await told.request()
        await told.answer(line.encode() + b"|" + body)


async def test_given_a_request_when_it_is_proxied_then_line_and_body_arrive_and_the_answer_comes_back(
    world: ServiceWorld,
) -> None:
    world.fleet.serve(await world.instance(echo))
    assert (await world.asked(get("/a%20b?c=d")))[2] == b"GET /a%20b?c=d HTTP/1.1|"
    assert (await world.asked(post(b"hello", target="/x")))[2] == b"POST /x HTTP/1.1|hello"
    chunked = (
        get("/x", "Transfer-Encoding: chunked", method="POST") + b"3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n"
    )
    assert (await world.asked(chunked))[2] == b"POST /x HTTP/1.1|abcde"
    assert world.admission.demand("rev-1") == 0


async def test_given_requests_on_one_connection_then_one_connection_to_the_instance_serves_them(
    world: ServiceWorld,
) -> None:
    opened: list[int] = []

    async def counted(told: Told) -> None:
        opened.append(1)
        await echo(told)

    world.fleet.serve(await world.instance(counted))
    client = await world.client()
    for number in range(5):
        await client.send(get(f"/{number}"))
        assert (await client.answer())[2] == f"GET /{number} HTTP/1.1|".encode()
    await client.send(get("/a") + get("/b"))  # pipelined: one after the other
    assert [(await client.answer())[2][:6] for _ in range(2)] == [b"GET /a", b"GET /b"]
    assert len(opened) == 1


async def test_given_an_answer_in_chunks_then_each_is_passed_on_as_it_comes(world: ServiceWorld) -> None:
    going_on = asyncio.Event()

    async def slowly(told: Told) -> None:
        await told.request()
        await told.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await going_on.wait()
        await told.send(b"6\r\nsecond\r\n0\r\nX-Trailer: dropped\r\n\r\n")
        await told.is_left()

    world.fleet.serve(await world.instance(slowly))
    client = await world.client()
    await client.send(get())
    status, headers = await client.head()
    assert (status, headers["transfer-encoding"]) == (200, "chunked")
    assert await client.reader.readexactly(10) == b"5\r\nfirst\r\n"
    assert world.admission.in_flight("rev-1.0.0") == 1
    going_on.set()
    assert await client.reader.readexactly(16) == b"6\r\nsecond\r\n0\r\n\r\n"
    await world.eventually(lambda: world.admission.in_flight("rev-1.0.0") == 0)
    await client.send(get())  # and the client's connection goes on
    assert (await client.head())[0] == 200


async def test_given_large_bodies_both_ways_then_they_are_whole_and_not_kept(world: ServiceWorld) -> None:
    async def back(told: Told) -> None:
        _, headers = await told.head()
        size = int(headers["content-length"])
        await told.send(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
        while size:
            chunk = await told.reader.read(65536)
            size -= len(chunk)
            await told.send(chunk)
        await told.is_left()

    world.fleet.serve(await world.instance(back))
    client = await world.client()
    await client.send(get("/", f"Content-Length: {BIG}", method="POST"))
    piece = bytes(range(256)) * 256

    async def feed() -> None:
        for _ in range(BIG // len(piece)):
            await client.send(piece)

    async with anyio.create_task_group() as group:
        group.start_soon(feed)
        status, headers = await client.head()
        assert (status, headers["content-length"]) == (200, str(BIG))
        for _ in range(BIG // len(piece)):
            assert await client.reader.readexactly(len(piece)) == piece


async def test_given_an_instance_that_never_reads_then_its_client_is_held_up(world: ServiceWorld) -> None:
    release = asyncio.Event()

    async def deaf(told: Told) -> None:
        await told.head()
        told.writer.transport.pause_reading()
        await release.wait()

    world.fleet.serve(await world.instance(deaf))
    client = await world.client()
    await client.send(get("/", "Content-Length: 1000000000", method="POST"))
    sent = 0
    with anyio.move_on_after(1.0) as scope:
        while True:
            await client.send(bytes(1 << 20))
            sent += 1
    assert scope.cancelled_caught
    assert sent < 40  # what the sockets and the bounds in between take
    release.set()


async def test_given_a_client_that_never_reads_then_its_instance_is_held_up(world: ServiceWorld) -> None:
    sent: list[int] = []

    async def endless(told: Told) -> None:
        await told.request()
        await told.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            await told.send(bytes(1 << 20))
            sent.append(1)

    world.fleet.serve(await world.instance(endless))
    client = await world.client()
    client.reader._limit = 1024  # type: ignore[attr-defined]
    await client.send(get())
    await client.head()
    last = -1
    while last != len(sent):
        last = len(sent)
        await anyio.sleep(0.2)
    assert last < 40
    client.close()
    await world.eventually(lambda: world.admission.in_flight("rev-1.0.0") == 0)


async def test_given_an_answer_before_the_body_is_over_then_both_go_on_side_by_side(world: ServiceWorld) -> None:
    async def conversation(told: Told) -> None:
        await told.head()
        await told.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            size = int(await told.reader.readuntil(b"\r\n"), 16)
            chunk = (await told.reader.readexactly(size + 2))[:-2]
            answer = b"you said " + chunk if size else b""
            await told.send(b"%x\r\n%b\r\n" % (len(answer), answer))
            if not size:
                await told.is_left()
                return

    world.fleet.serve(await world.instance(conversation))
    client = await world.client()
    await client.send(get("/", "Transfer-Encoding: chunked", method="POST"))
    await client.head()
    for word in (b"one", b"two"):
        await client.send(b"3\r\n" + word + b"\r\n")
        assert await client.reader.readexactly(17) == b"c\r\nyou said " + word + b"\r\n"
    await client.send(b"0\r\n\r\n")
    assert await client.reader.readexactly(5) == b"0\r\n\r\n"


async def test_given_an_answer_before_the_body_is_read_then_it_arrives_and_the_connection_ends(
    world: ServiceWorld,
) -> None:
    async def refuse(told: Told) -> None:
        await told.head()
        await told.answer(b"too large", status="413 Too Large")
        await told.is_left()

    world.fleet.serve(await world.instance(refuse))
    client = await world.client()
    await client.send(get("/", "Content-Length: 100000000", method="POST") + b"some")
    status, headers, content = await client.answer()
    assert (status, headers["connection"], content) == (413, "close", b"too large")


@pytest.mark.parametrize(
    ("said", "method", "status", "content", "told"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", "HEAD", 200, b"", {"content-length": "7"}),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HEAD", 200, b"", {"transfer-encoding": "chunked"}),
        (b"HTTP/1.1 200 OK\r\n\r\n", "HEAD", 200, b"", {"transfer-encoding": "chunked"}),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "GET", 204, b"", {}),
        (b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 9\r\n\r\n', "GET", 304, b"", {"etag": '"a"'}),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "GET", 200, b"", {"content-length": "0"}),
        (INTERIM, "GET", 200, b"ok", {"content-length": "2"}),
        (b"HTTP/1.1 599 What\r\nContent-Length: 2\r\n\r\nok", "GET", 599, b"ok", {}),
        (b"HTTP/1.1 201\r\nContent-Length: 2\r\n\r\nok", "GET", 201, b"ok", {}),
    ],
)  # fmt: skip
async def test_given_answers_of_all_forms_then_they_are_passed_on_and_the_connections_go_on(
    world: ServiceWorld, said: bytes, method: str, status: int, content: bytes, told: dict[str, str]
) -> None:
    async def say(speaker: Told) -> None:
        while True:
            await speaker.request()
            await speaker.send(said)

    world.fleet.serve(await world.instance(say))
    client = await world.client()
    for _ in range(2):
        await client.send(get(method=method))
        found_status, headers, found = await client.answer(method)
        assert (found_status, found) == (status, content)
        assert {name: headers.get(name) for name in told} == told
        assert "link" not in headers


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_given_an_answer_that_ends_with_the_connection_then_it_is_whole(
    world: ServiceWorld, version: str
) -> None:
    async def old(told: Told) -> None:
        await told.request()
        await told.send(f"HTTP/{version} 200 OK\r\nServer: old\r\n\r\nall".encode())
        told.writer.close()
        await told.writer.wait_closed()

    world.fleet.serve(await world.instance(old))
    client = await world.client()
    for _ in range(2):
        await client.send(get())
        assert (await client.answer())[2] == b"all"


async def test_given_a_client_of_http_1_0_then_its_answer_has_no_chunks(world: ServiceWorld) -> None:
    async def chunked(told: Told) -> None:
        await told.request()
        await told.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await anyio.sleep(0.01)
        await told.send(b"0\r\n\r\n")

    world.fleet.serve(await world.instance(chunked))
    client = await world.client()
    await client.send(b"GET / HTTP/1.0\r\nHost: hello-1.localhost\r\n\r\n")
    await client.head()
    assert await client.reader.read() == b"abc"


async def test_given_a_client_that_waits_for_a_sign_then_it_gets_one_when_an_instance_has_room(
    world: ServiceWorld,
) -> None:
    world.fleet.serve()
    client = await world.client()
    await client.send(get("/", "Expect: 100-continue", "Content-Length: 4", method="POST"))
    await world.eventually(lambda: world.admission.demand("rev-1") == 1)
    assert world.fleet.woken == ["rev-1"]
    world.fleet.serve(await world.instance(echo))
    world.fleet.watch("rev-1")
    assert await client.head() == (100, {})
    await client.send(b"body")
    assert (await client.answer())[2] == b"POST / HTTP/1.1|body"


# -- what goes wrong ------------------------------------------------------------------------------------------------


async def test_given_a_request_that_takes_too_long_then_504_and_the_instance_goes_on(world: ServiceWorld) -> None:
    left: list[bool] = []

    async def late(told: Told) -> None:
        line, _, _ = await told.request()
        if "late" in line:
            left.append(await told.is_left())
        else:
            await told.answer()

    world.fleet.serve(await world.instance(late), timeout_s=0.15)
    status, _, content = await world.asked(get("/late"))
    assert (status, b"upstream request timeout" in content) == (504, True)
    await world.eventually(lambda: left == [True])
    assert (await world.asked(get("/")))[0] == 200
    assert world.admission.demand("rev-1") == 0


async def test_given_an_answer_whose_time_is_over_in_the_middle_then_the_connection_is_cut(world: ServiceWorld) -> None:
    async def half(told: Told) -> None:
        await told.request()
        await told.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await told.is_left()

    world.fleet.serve(await world.instance(half), timeout_s=0.15)
    client = await world.client()
    await client.send(get())
    assert (await client.head())[0] == 200
    assert await client.reader.readexactly(4) == b"half"
    assert await client.is_left()


BROKEN = {
    "it hangs up": b"",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
    "length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an unknown coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
    "chunks twice": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "a bad chunk at once": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "another version": b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "a folded header": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
    "a bare line feed": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "a protocol nobody asked for": b"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    "a head without an end": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000,
    "too many headers": b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 300 + b"Content-Length: 0\r\n\r\n",
    "interim answers without end": b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
    "an endless head in pieces": b"HTTP/1.1 200 OK\r\n" + b"X: abcd\r\n" * 100_000,
}


@pytest.mark.parametrize("name", BROKEN)
async def test_given_an_answer_that_is_none_then_503_with_why_and_nothing_is_left(
    world: ServiceWorld, name: str
) -> None:
    async def say(told: Told) -> None:
        await told.request()
        await told.send(BROKEN[name])

    world.fleet.serve(await world.instance(say))
    status, headers, content = await world.asked(get())
    assert status == 503
    assert b"malformed or connection to the instance had an error" in content
    assert headers["content-type"].startswith("text/html")
    assert world.admission.demand("rev-1") == 0


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ],
)
async def test_given_an_instance_that_dies_in_the_middle_then_the_client_cannot_take_a_part_for_the_whole(
    world: ServiceWorld, said: bytes
) -> None:
    async def die(told: Told) -> None:
        await told.request()
        await told.send(said)
        await anyio.sleep(0.01)

    world.fleet.serve(await world.instance(die))
    client = await world.client()
    await client.send(get())
    await client.head()
    rest = await client.reader.read()
    assert b"half" in rest
    assert not rest.endswith(b"0\r\n\r\n")
    assert world.admission.demand("rev-1") == 0


async def test_given_bytes_after_an_answer_then_they_are_nobodys_answer(world: ServiceWorld) -> None:
    """Response splitting by an instance: the second answer must not be taken for that of the next request."""
    answers = iter([b"first", b"second"])

    async def smuggle(told: Told) -> None:
        await told.request()
        await told.answer(next(answers))
        await told.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        await told.is_left()

    world.fleet.serve(await world.instance(smuggle))
    client = await world.client()
    for expected in (b"first", b"second"):
        await client.send(get())
        assert (await client.answer())[2] == expected


async def test_given_an_instance_that_accepts_nothing_then_another_one_is_asked(world: ServiceWorld) -> None:
    closed = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    dead = int(closed.sockets[0].getsockname()[1])
    closed.close()
    await closed.wait_closed()
    world.fleet.serve(dead, await world.instance(echo))
    assert (await world.asked(post(b"once")))[2] == b"POST / HTTP/1.1|once"
    assert world.admission.demand("rev-1") == 0


async def test_given_a_kept_connection_that_was_closed_then_a_get_is_sent_again_and_a_post_is_not_sent_twice(
    world: ServiceWorld,
) -> None:
    seen: list[str] = []

    async def once(told: Told) -> None:
        line, _, _ = await told.request()
        seen.append(line)
        await told.answer()
        line, _, _ = await told.request()  # and hangs up when the second request comes
        seen.append(f"unanswered {line}")

    world.fleet.serve(await world.instance(once))
    assert (await world.asked(get("/1")))[0] == 200
    assert (await world.asked(get("/2")))[0] == 200
    assert seen == ["GET /1 HTTP/1.1", "unanswered GET /2 HTTP/1.1", "GET /2 HTTP/1.1"]
    assert (await world.asked(post(b"x", target="/3")))[0] == 503
    assert seen[3:] == ["unanswered POST /3 HTTP/1.1"]


async def test_given_a_client_that_leaves_then_the_instance_learns_it_and_its_place_is_free(
    world: ServiceWorld,
) -> None:
    left: list[bool] = []

    async def wait(told: Told) -> None:
        await told.request()
        left.append(await told.is_left())

    world.fleet.serve(await world.instance(wait))
    client = await world.client()
    await client.send(get())
    await world.eventually(lambda: world.admission.in_flight("rev-1.0.0") == 1)
    client.close()
    await world.eventually(lambda: left == [True])
    assert world.admission.demand("rev-1") == 0
    assert world.admission.idle_since("rev-1.0.0") is not None


@pytest.mark.parametrize("ending", [b"zz\r\n", None])
async def test_given_a_body_that_breaks_off_then_the_instance_gets_no_end_of_it(
    world: ServiceWorld, ending: bytes | None
) -> None:
    got: list[bytes] = []

    async def read(told: Told) -> None:
        await told.head()
        got.append(await told.reader.read())

    world.fleet.serve(await world.instance(read))
    client = await world.client()
    await client.send(get("/", "Transfer-Encoding: chunked", method="POST"), b"3\r\nabc\r\n")
    await world.eventually(lambda: world.admission.in_flight("rev-1.0.0") == 1)
    if ending is None:
        client.close()
    else:
        await client.send(ending)
        assert (await client.answer())[0] == 400
    await world.eventually(lambda: bool(got))
    assert got == [b"3\r\nabc\r\n"]
