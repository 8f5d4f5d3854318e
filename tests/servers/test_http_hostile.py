"""Broken and two-faced requests: refused, in JSON, before a handler sees them."""

from __future__ import annotations

import json

import pytest
from http_world import Raw, World, get, post

HOSTILE = {
    "two lengths": b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "the same length twice": b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "a list of lengths": b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc",
    "a signed length": b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc",
    "an endless length": b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "length and chunks": b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks twice": b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an unknown coding": b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "identity": b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n",
    "chunks in HTTP/1.0": b"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two hosts": b"GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "no host": b"GET /hello HTTP/1.1\r\n\r\n",
    "a bare line feed": b"GET /hello HTTP/1.1\nHost: a\n\n",
    "a bare carriage return": b"GET /hello HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
    "a folded line": b"GET /hello HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
    "a space before the colon": b"GET /hello HTTP/1.1\r\nHost : a\r\n\r\n",
    "no name": b"GET /hello HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n",
    "NUL in a value": b"GET /hello HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
    "NUL in the target": b"GET /hel\0lo HTTP/1.1\r\nHost: a\r\n\r\n",
    "raw bytes in the target": "GET /é HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
    "a space in the target": b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "an unknown method": b"FROB /hello HTTP/1.1\r\nHost: a\r\n\r\n",
    "HTTP/0.9": b"GET /hello\r\n\r\n",
    "HTTP/1.2": b"GET /hello HTTP/1.2\r\nHost: a\r\n\r\n",
    "HTTP/2.0 in words": b"GET /hello HTTP/2.0\r\nHost: a\r\n\r\n",
    "noise": b"\x00\xff\x13\x37" * 50,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_given_a_broken_request_then_a_json_refusal_no_handler_and_the_end(world: World, name: str) -> None:
    world.seen.clear()
    with Raw(world.port) as raw:
        status, content = raw.send(HOSTILE[name]).answer()
        assert 400 <= status < 500
        assert json.loads(content)["error"]["code"] == status
        assert raw.ends()
    assert world.seen == []


def test_given_a_coding_before_chunked_then_501_names_it(world: World) -> None:
    with Raw(world.port) as raw:
        status, content = raw.send(get("/echo", "Transfer-Encoding: gzip, chunked", method="POST")).answer()
        assert status == 501
        assert "gzip, chunked" in json.loads(content)["error"]["message"]


@pytest.mark.parametrize("chunk", [b"-1\r\na\r\n", b"fffffffffffffffff\r\na", b"zz\r\n", b"1\na\n", b"2\r\nabc\r\n"])
def test_given_a_broken_chunk_then_the_request_fails_and_the_connection_ends(world: World, chunk: bytes) -> None:
    with Raw(world.port) as raw:
        raw.send(get("/echo", "Transfer-Encoding: chunked", method="POST"), chunk)
        status, headers = raw.head()
        assert status == 400
        assert headers["connection"] == "close"


def test_given_good_requests_before_a_broken_one_then_those_are_answered_first(world: World) -> None:
    with Raw(world.port) as raw:
        raw.send(post("/echo", b"1") + get("/hello") + b"BROKEN\r\n\r\n")
        assert [raw.answer()[0] for _ in range(3)] == [200, 200, 400]
        assert raw.ends()


def test_given_bytes_after_the_last_request_then_they_are_never_read(world: World) -> None:
    world.seen.clear()
    with Raw(world.port) as raw:
        raw.send(get("/hello", "Connection: close") + get("/hello"))
        assert raw.answer()[0] == 200
        assert raw.ends()
    assert world.seen == [("GET", "/hello")]


def test_given_line_breaks_in_a_value_of_ours_then_no_header_is_born_of_them(world: World) -> None:
    with Raw(world.port) as raw:
        _, headers = raw.send(get("/injected")).head()
        assert headers["x-name"] == "a  Set-Cookie: b c "
        assert "set-cookie" not in headers


@pytest.mark.parametrize(
    "parts",
    [
        [get("/hello", "X: " + "a" * 70_000)],
        [get("/hello", *(f"X-{number}: a" for number in range(250)))],
        [get("/" + "a" * 70_000)],
        [b"GET /hello HTTP/1.1\r\nX: ", *[b"a" * 10_000] * 20],
        [b"GET /hello HTTP/1.1\r\n", *[b"X: " + b"a" * 4000 + b"\r\n"] * 40],
        [get("/echo", "Transfer-Encoding: chunked", method="POST"), b"1;", *[b"x" * 10_000] * 20],
        [get("/echo", "Transfer-Encoding: chunked", method="POST"), b"0\r\n", *[b"X: " + b"a" * 4000 + b"\r\n"] * 40],
    ],
    ids=["value", "count", "target", "endless value", "endless headers", "endless extension", "endless trailers"],
)
def test_given_a_head_without_bounds_then_it_is_refused_before_it_is_kept(world: World, parts: list[bytes]) -> None:
    with Raw(world.port) as raw:
        try:
            raw.send(*parts)
        except (BrokenPipeError, ConnectionResetError):
            return  # refused while it was still being sent
        assert raw.answer()[0] in (400, 431)
        assert raw.ends()


def test_given_a_head_of_almost_the_limit_in_two_pieces_then_it_is_served(world: World) -> None:
    whole = get("/hello", "X: " + "a" * 60_000)
    with Raw(world.port) as raw:
        raw.send(whole[:40_000])
        raw.send(whole[40_000:])
        assert raw.answer()[0] == 200
