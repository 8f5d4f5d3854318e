"""The HTTP client, against raw answers."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from hakobune.cli.errors import AnswerLostError, CommandError, UnreachableError
from hakobune.cli.http import Client

Script = Callable[[list[bytes]], tuple[Client, list[bytes]]]


@pytest.fixture
def scripted() -> Iterator[Script]:
    """`scripted([answer, …])`: a server that gives one raw answer per request, a new connection after `CLOSE`."""
    listener = socket.create_server(("127.0.0.1", 0))
    clients: list[Client] = []
    threads: list[threading.Thread] = []

    def serve(answers: list[bytes], seen: list[bytes]) -> None:
        connection, _ = listener.accept()
        for answer in answers:
            if answer == b"CLOSE":
                connection.close()
                connection, _ = listener.accept()
                continue
            data = b""
            while b"\r\n\r\n" not in data:
                piece = connection.recv(65536)
                if not piece:
                    connection.close()
                    connection, _ = listener.accept()
                data += piece
            seen.append(data)
            connection.sendall(answer)
        connection.close()

    def start(answers: list[bytes]) -> tuple[Client, list[bytes]]:
        seen: list[bytes] = []
        thread = threading.Thread(target=serve, args=(answers, seen), daemon=True)
        thread.start()
        threads.append(thread)
        client = Client(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout_s=10)
        clients.append(client)
        return client, seen

    yield start
    for client in clients:
        client.close()
    for thread in threads:
        thread.join(timeout=10)
    listener.close()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def test_a_connection_is_kept_and_the_host_is_the_one_asked_for(scripted: Script) -> None:
    client, seen = scripted([OK, OK])
    assert client.request("GET", "/a?b=c", host="us-central1-run.googleapis.com").body == b"hi"
    assert client.request("GET", "/d").status == 200
    assert seen[0].startswith(b"GET /a?b=c HTTP/1.1\r\nHost: us-central1-run.googleapis.com\r\n")
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: t\r\n\r\n",
            b"abcde",
        ),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.0 200 OK\r\n\r\nold", b"old"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", b"x"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ],
)
def test_every_way_to_end_a_body_is_read(scripted: Script, answer: bytes, body: bytes) -> None:
    client, _ = scripted([answer])
    assert client.request("GET", "/").body == body


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"SSH-2.0-x\r\n\r\n",
        b"",
    ],
)
def test_a_broken_answer_is_an_answer_lost(scripted: Script, answer: bytes) -> None:
    client, _ = scripted([answer])
    with pytest.raises(AnswerLostError):
        client.request("POST", "/", body=b"{}")


def test_given_a_kept_connection_that_was_closed_when_reading_then_it_is_asked_again(scripted: Script) -> None:
    client, seen = scripted([OK, b"CLOSE", OK])
    client.request("GET", "/a")
    assert client.request("GET", "/b").body == b"hi"
    assert len(seen) == 2


def test_a_write_uses_a_fresh_connection_and_is_never_repeated(scripted: Script) -> None:
    client, seen = scripted([OK, b""])
    client.request("GET", "/a")
    with pytest.raises(AnswerLostError):
        client.request("POST", "/b", body=b"{}")
    assert len(seen) == 2


def test_a_line_break_in_a_name_or_token_cannot_make_a_header(scripted: Script) -> None:
    client, seen = scripted([OK])
    for headers, target in (({"Authorization": "Bearer a\nX: y"}, "/"), ({}, "/a\r\nX: y"), ({}, "/é")):
        with pytest.raises(CommandError):
            client.request("GET", target, headers=headers)
    client.request("GET", "/")
    assert len(seen) == 1


@pytest.mark.usefixtures("impatient")
def test_nobody_there_is_unreachable() -> None:
    with pytest.raises(UnreachableError):
        Client("http://127.0.0.1:1").request("GET", "/")
    with pytest.raises(UnreachableError):
        Client("http://[::1]:1").request("GET", "/")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def test_given_a_server_that_is_starting_when_the_connection_is_refused_then_it_is_tried_again() -> None:
    port = free_port()
    client = Client(f"http://127.0.0.1:{port}", timeout_s=10)

    def start_late() -> None:
        time.sleep(0.3)
        with socket.create_server(("127.0.0.1", port)) as listener:
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.sendall(OK)
            connection.close()

    thread = threading.Thread(target=start_late)
    thread.start()
    assert client.request("GET", "/").body == b"hi"
    client.close()
    thread.join()


def test_given_a_server_that_was_there_and_went_when_the_connection_is_refused_then_it_is_said_at_once(
    scripted: Script,
) -> None:
    client, _ = scripted([OK])
    assert client.request("GET", "/").status == 200
    client._port = free_port()  # pyright: ignore[reportPrivateUsage]
    client.close()
    began_s = time.monotonic()
    with pytest.raises(UnreachableError, match="Start one with: hakobune up"):
        client.request("GET", "/")
    assert time.monotonic() - began_s < 1.0
