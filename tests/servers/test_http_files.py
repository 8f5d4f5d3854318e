"""Answers that come from a file: every byte, every way to break off, and the file is given back in every case."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from http_world import Raw, World, get

from hakobune.core.errors import InvalidArgument
from hakobune.core.workflows.effects import HttpRequest, HttpResponse, NoResponse
from hakobune.core.workflows.limits import HTTP_RESPONSE_BYTES
from hakobune.servers.http import outflow
from hakobune.servers.http.messages import FileRegion, Request, Response
from hakobune.servers.inside import InsideDoor

LARGE = 8 * 1024 * 1024 + 12_345


class Files:
    """Handlers that answer from one file. `opened` are the files that were handed out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.opened: list[io.FileIO] = []

    async def whole(self, request: Request) -> Response:
        return self.region(0, LARGE)

    async def part(self, request: Request) -> Response:
        return self.region(1_000_000, 3_000_000)

    async def small(self, request: Request) -> Response:
        return self.region(7, 20)

    async def nothing(self, request: Request) -> Response:
        return self.region(5, 0)

    async def beyond(self, request: Request) -> Response:
        return self.region(LARGE - 1_000, 100_000)

    async def beyond_small(self, request: Request) -> Response:
        return self.region(LARGE - 10, 100)

    async def unchanged(self, request: Request) -> Response:
        found = self.region(0, LARGE)
        found.status = 304
        return found

    def region(self, offset: int, size: int) -> Response:
        file = io.FileIO(self.path)
        self.opened.append(file)
        return Response(
            headers=[("Content-Type", "application/octet-stream")],
            file=FileRegion(file=file, offset=offset, size_bytes=size),
            held=file,
        )

    def all_closed(self) -> bool:
        end = time.monotonic() + 10
        while not all(file.closed for file in self.opened):
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
        return bool(self.opened)


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    path = tmp_path_factory.mktemp("files") / "content"
    data = os.urandom(LARGE)
    path.write_bytes(data)
    return path, data


@pytest.fixture
def files(content: tuple[Path, bytes]) -> Files:
    return Files(content[0])


@pytest.fixture
def served(files: Files) -> Iterator[World]:
    names = ("whole", "part", "small", "nothing", "beyond", "beyond_small", "unchanged")
    found = World({f"/{name}": getattr(files, name) for name in names}).start()
    yield found
    found.stop()


@pytest.mark.parametrize(
    ("name", "offset", "size"),
    [("whole", 0, LARGE), ("part", 1_000_000, 3_000_000), ("small", 7, 20), ("nothing", 5, 0)],
)
def test_a_region_comes_as_it_is_and_the_connection_goes_on(
    served: World, files: Files, content: tuple[Path, bytes], name: str, offset: int, size: int
) -> None:
    with Raw(served.port) as raw:
        for _ in range(2):
            status, found = raw.send(get(f"/{name}")).answer()
            assert (status, hashlib.sha256(found).digest()) == (
                200,
                hashlib.sha256(content[1][offset : offset + size]).digest(),
            )
    assert files.all_closed()


def test_requests_that_wait_behind_a_file_are_answered_in_order(served: World, content: tuple[Path, bytes]) -> None:
    with Raw(served.port) as raw:
        raw.send(get("/whole") + get("/small") + get("/whole"))
        assert raw.answer()[1] == content[1]
        assert raw.answer()[1] == content[1][7:27]
        assert raw.answer()[1] == content[1]


@pytest.mark.parametrize("name", ["whole", "small"])
def test_head_tells_the_size_and_sends_nothing(served: World, files: Files, name: str) -> None:
    with Raw(served.port) as raw:
        status, headers = raw.send(get(f"/{name}", method="HEAD")).head()
        assert (status, headers["content-length"]) == (200, str(LARGE if name == "whole" else 20))
        assert raw.send(get("/small")).answer()[0] == 200
    assert files.all_closed()


def test_an_answer_without_a_body_has_none(served: World, files: Files) -> None:
    with Raw(served.port) as raw:
        assert raw.send(get("/unchanged")).head()[0] == 304
        assert raw.send(get("/small")).answer()[0] == 200
    assert files.all_closed()


def test_http_1_0_gets_its_length_and_the_end(served: World, files: Files, content: tuple[Path, bytes]) -> None:
    with Raw(served.port) as raw:
        status, found = raw.send(get("/whole", version="1.0")).answer()
        assert (status, found == content[1]) == (200, True)
        assert raw.ends()
    assert files.all_closed()


@pytest.mark.parametrize("name", ["beyond", "beyond_small"])
def test_given_a_file_that_ends_early_then_the_connection_is_cut(served: World, files: Files, name: str) -> None:
    with Raw(served.port) as raw:
        _, headers = raw.send(get(f"/{name}")).head()
        size = len(raw.rest)
        try:
            while data := raw.socket.recv(65536):
                size += len(data)
        except ConnectionResetError:
            pass
        assert size < int(headers["content-length"])
    assert files.all_closed()
    served.eventually_alone()


def test_given_a_peer_that_hangs_up_in_the_middle_then_the_file_is_given_back(served: World, files: Files) -> None:
    for is_reset in (True, False):
        with Raw(served.port, receive_bytes=4096) as raw:
            assert raw.send(get("/whole")).head()[0] == 200
            if is_reset:
                raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert files.all_closed()
    served.eventually_alone()


def test_given_a_peer_that_takes_nothing_then_it_is_cut_off_after_its_time(served: World, files: Files) -> None:
    with Raw(served.port, receive_bytes=4096) as raw:
        assert raw.send(get("/whole")).head()[0] == 200
        served.after(1)
        assert served.connections == 1
        for round_ in range(1, 5):  # the kernel may still be filling its buffers at the first looks
            served.after(round_ * (outflow.STALL_TIMEOUT_S + 5))
        served.eventually_alone()
    assert files.all_closed()


def test_given_a_peer_that_is_slow_then_it_gets_all(served: World, files: Files, content: tuple[Path, bytes]) -> None:
    with Raw(served.port, receive_bytes=4096) as raw:
        assert raw.send(get("/whole")).head()[0] == 200
        found = raw.rest
        raw.rest = b""
        for round_ in range(1, 6):
            for _ in range(40):
                found += raw.take_some()
            served.after(round_ * (outflow.STALL_TIMEOUT_S - 20))
        while len(found) < LARGE:
            found += raw.take_some()
    assert found == content[1]
    assert files.all_closed()


def test_given_many_peers_that_hang_up_then_others_are_still_served(
    served: World, files: Files, content: tuple[Path, bytes]
) -> None:
    """Descriptors of closed sockets are used again: a copy that was given up must not touch the next connection."""
    for _ in range(30):
        with Raw(served.port, receive_bytes=4096) as leaving, Raw(served.port) as staying:
            leaving.send(get("/whole")).head()
            staying.send(get("/part"))
            leaving.socket.close()
            with Raw(served.port) as newcomer:
                assert newcomer.send(get("/part")).answer()[1] == content[1][1_000_000:4_000_000]
            assert staying.answer()[1] == content[1][1_000_000:4_000_000]
    assert files.all_closed()


def test_given_a_stop_in_the_middle_then_the_file_is_given_back(files: Files) -> None:
    world = World({"/whole": files.whole}).start()
    with Raw(world.port, receive_bytes=4096) as raw:
        assert raw.send(get("/whole")).head()[0] == 200
        world.stop()
    assert files.all_closed()


class _Front:
    """A front door that answers with one thing."""

    def __init__(self, response: Response) -> None:
        self._response = response

    def service_at(self, url: str) -> str:
        return ""

    async def handle(self, request: Request) -> Response:
        if request.method == "DELETE":
            raise InvalidArgument("no")
        return self._response


def asked(response: Response) -> HttpResponse | NoResponse:
    request = HttpRequest(method="GET", url="https://storage.googleapis.com/b/o", headers=(), body=None, timeout_s=5.0)
    return anyio.run(InsideDoor(_Front(response)), request)  # type: ignore[arg-type]


def test_a_call_from_inside_gets_the_bytes_of_a_file(files: Files, content: tuple[Path, bytes]) -> None:
    found = asked(files.region(7, 20))
    assert isinstance(found, HttpResponse)
    assert found.body == content[1][7:27]
    assert files.all_closed()


def test_a_call_from_inside_gets_no_more_than_it_may_have(files: Files) -> None:
    found = asked(files.region(0, max(LARGE, HTTP_RESPONSE_BYTES + 1)))
    assert isinstance(found, NoResponse)
    assert files.all_closed()
