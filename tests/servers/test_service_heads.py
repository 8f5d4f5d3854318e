"""What an instance sees of a request's head, and a client of an answer's; and which tricks end here."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from service_world import ServiceWorld, Told, get, service_world

from hakobune.core.errors import InvalidArgument
from hakobune.servers.http.messages import Request
from hakobune.servers.service_proxy_heads import Outgoing, Trace, answer_headers, as_plain, request_head, trace_of

pytestmark = pytest.mark.anyio
SEEDS = (7, 8)
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ServiceWorld]:
    async with service_world(tmp_path) as found:
        yield found


@pytest.fixture
async def seen(world: ServiceWorld) -> list[tuple[str, dict[str, str]]]:
    """Heads of requests, as the instance has seen them."""
    found: list[tuple[str, dict[str, str]]] = []

    async def look(told: Told) -> None:
        while True:
            line, headers, _ = await told.request()
            found.append((line, headers))
            await told.answer()

    world.fleet.serve(await world.instance(look))
    return found


async def test_given_a_request_then_the_instance_sees_googles_headers(
    world: ServiceWorld, seen: list[tuple[str, dict[str, str]]]
) -> None:
    await world.asked(get("/x", "User-Agent: test", "X-Own: a", "X-Own: b", "Cookie: a=1", "Cookie: b=2"))
    line, headers = seen[0]
    assert line == "GET /x HTTP/1.1"
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", headers.pop("traceparent"))
    assert re.fullmatch(r"[0-9a-f]{32}/[0-9]+;o=1", headers.pop("x-cloud-trace-context"))
    assert headers == {
        "host": "hello-1.localhost",
        "user-agent": "test",
        "x-own": "a, b",
        "cookie": "a=1; b=2",
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-proto": "https",
        "forwarded": 'for="127.0.0.1";proto=https',
    }


async def test_given_headers_of_one_hop_then_they_end_here_and_so_do_those_that_they_name(
    world: ServiceWorld, seen: list[tuple[str, dict[str, str]]]
) -> None:
    tricks = (
        "Connection: keep-alive, X-Secret, X-Forwarded-For, Content-Length",
        "Keep-Alive: timeout=5",
        "X-Secret: a",
        "TE: trailers",
        "Trailer: X",
        "Proxy-Authorization: Basic eA==",
        "Proxy-Connection: keep-alive",
        "Proxy: http://evil.example",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
        "X-Forwarded-For: 10.0.0.9",
        "X_Forwarded_For: 6.6.6.6",
        "x-forwarded_proto: http",
        "Authorization_: x",
        "X-Forwarded-Proto: http",
        "Forwarded: for=10.0.0.9",
    )
    await world.asked(get("/", *tricks, "Content-Length: 2", method="POST") + b"ab")
    headers = seen[0][1]
    assert headers["content-length"] == "2"
    assert headers["x-forwarded-for"] == "10.0.0.9, 127.0.0.1"
    assert headers["x-forwarded-proto"] == "https"
    assert headers["forwarded"] == 'for=10.0.0.9,for="127.0.0.1";proto=https'
    assert headers.keys() == {
        "host", "content-length", "x-forwarded-for", "x-forwarded-proto", "forwarded", "traceparent",
        "x-cloud-trace-context", "http2-settings", "authorization_",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("headers", "trace"),
    [
        ({"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}, TRACE),
        ({"traceparent": f"cc-{TRACE}-00f067aa0ba902b7-01-what-comes"}, TRACE),
        ({"traceparent": f"ff-{TRACE}-00f067aa0ba902b7-01"}, None),
        ({"traceparent": f"00-{'0' * 32}-00f067aa0ba902b7-01"}, None),
        ({"traceparent": f"00-{TRACE}-{'0' * 16}-01"}, None),
        ({"traceparent": f"00-{TRACE.upper()}-00f067aa0ba902b7-01"}, None),
        ({"x-cloud-trace-context": f"{TRACE}/12;o=1"}, TRACE),
        ({"x-cloud-trace-context": TRACE.upper()}, TRACE),
        ({"x-cloud-trace-context": "none"}, None),
        ({}, None),
    ],
)
def test_a_trace_goes_on_or_a_new_one_begins(headers: dict[str, str], trace: str | None) -> None:
    found = trace_of(headers, SEEDS)
    assert found == Trace(id=trace or f"{7:016x}{8:016x}", span=15)
    assert found.headers[0] == f"traceparent: 00-{found.id}-000000000000000f-01"


def test_answers_lose_what_is_for_one_hop() -> None:
    found = answer_headers(
        [(b"Connection", b"close, X-Own"), (b"X-Own", b"a"), (b"Keep-Alive", b"5"), (b"Date", b"x"), (b"X-B", b"\xe9"),
         (b"Transfer-Encoding", b"chunked"), (b"Content-Length", b"5"), (b"Trailer", b"X"), (b"Upgrade", b"h2c")],
        keeps_length=False,
    )  # fmt: skip
    assert found == [("X-B", "é")]
    assert answer_headers([(b"Content-Length", b"5")], keeps_length=True) == [("Content-Length", "5")]


@pytest.mark.parametrize(
    ("caching", "told"),
    [
        ([], "private"),
        ([(b"Cache-Control", b"public, max-age=60")], "private"),
        ([(b"Cache-Control", b"no-store")], "no-store"),
        ([(b"cache-control", b"Private, max-age=5")], "Private, max-age=5"),
    ],
)
def test_given_an_answer_that_sets_cookies_then_it_is_for_one_client_and_each_cookie_stays_a_line(
    caching: list[tuple[bytes, bytes]], told: str
) -> None:
    found = answer_headers([(b"Set-Cookie", b"a=1"), *caching, (b"Set-Cookie", b"b=2")], keeps_length=False)
    assert [value for name, value in found if name == "Set-Cookie"] == ["a=1", "b=2"]
    assert [value for name, value in found if name.lower() == "cache-control"] == [told]


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("https://hello-1.localhost:8642/x", "http://hello-1.localhost:8642/x"),
        ("HTTPS://hello-1.localhost:8642", "http://hello-1.localhost:8642"),
        ("https://hello-1.localhost:86420/x", "https://hello-1.localhost:86420/x"),
        ("https://hello-1.localhost:8642.evil.example/", "https://hello-1.localhost:8642.evil.example/"),
        ("https://accounts.example/login", "https://accounts.example/login"),
        ("/x", "/x"),
    ],
)
def test_given_a_client_without_tls_then_it_is_led_on_without(location: str, told: str) -> None:
    headers = [("Location", location), ("Link", location)]
    assert as_plain(headers, "hello-1.localhost:8642") == [("Location", told), ("Link", location)]


def head_of(method: str = "GET", target: str = "/", headers: dict[str, str] | None = None) -> bytes:
    request = Request(method=method, target=target, headers=headers or {})
    trace = Trace(id=TRACE, span=1)
    return request_head(request, Outgoing(target=target, host="h", length=0, trace=trace, changed={}))


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("GET", "/ HTTP/1.1\r\nX: a", {}),
        ("GET", "/a b", {}),
        ("GET", "x", {}),
        ("GET /evil", "/", {}),
        ("GET", "/", {"x": "a\r\nY: b"}),
        ("GET", "/", {"x": "a\nY: b"}),
        ("GET", "/", {"x": "a\0"}),
        ("GET", "/", {"x\r\ny": "a"}),
        ("GET", "/", {"x y": "a"}),
        ("GET", "/", {"": "a"}),
        ("GET", "/", {"x: y": "a"}),
    ],
)
def test_given_a_call_from_inside_then_its_head_cannot_break_out_of_its_lines(
    method: str, target: str, headers: dict[str, str]
) -> None:
    with pytest.raises(InvalidArgument):
        head_of(method, target, headers)


def test_given_characters_of_all_kinds_from_inside_then_they_are_sent_as_utf8() -> None:
    assert "x: 箱舟\r\n".encode() in head_of(headers={"x": "箱舟"})


def test_given_a_method_that_has_a_body_and_none_comes_then_its_length_is_told() -> None:
    assert b"content-length: 0" in head_of("POST")
    assert b"content-length" not in head_of("GET")


async def test_given_a_head_that_grows_too_large_then_it_is_refused_here(
    world: ServiceWorld, seen: list[tuple[str, dict[str, str]]]
) -> None:
    status, _, _ = await world.asked(get("/", "X: " + "a" * 70_000))
    assert (status, seen) == (431, [])


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST / HTTP/1.1\r\nHost: hello-1.localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: hello-1.localhost\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
        b"POST / HTTP/1.1\r\nHost: hello-1.localhost\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: hello-1.localhost\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: hello-1.localhost\r\nHost: evil\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: hello-1.localhost\r\nX : a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: hello-1.localhost\r\nX: a\r\n b\r\n\r\n",
        b"GET http://hello-1.localhost@evil.example/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: hello-1.localhost/evil\r\n\r\n",
    ],
)
async def test_given_a_two_faced_request_then_no_instance_sees_it(
    world: ServiceWorld, seen: list[tuple[str, dict[str, str]]], request_bytes: bytes
) -> None:
    status, _, _ = await world.asked(request_bytes)
    assert 400 <= status < 500 or status == 501
    assert seen == []


async def test_given_a_body_that_looks_like_a_request_then_it_stays_a_body(
    world: ServiceWorld, seen: list[tuple[str, dict[str, str]]]
) -> None:
    inner = b"GET /smuggled HTTP/1.1\r\nHost: hello-1.localhost\r\n\r\n"
    client = await world.client()
    head = get("/", f"Content-Length: {len(inner)}", "Connection: content-length", method="GET")
    await client.send(head + inner + get("/next"))
    assert [(await client.answer())[0] for _ in range(2)] == [200, 200]
    assert [line for line, _ in seen] == ["GET / HTTP/1.1", "GET /next HTTP/1.1"]


async def test_given_line_breaks_in_what_an_instance_says_then_no_header_is_born_of_them(world: ServiceWorld) -> None:
    async def say(told: Told) -> None:
        await told.request()
        await told.answer(b"ok", "X-Name: a\rSet-Cookie: b")

    world.fleet.serve(await world.instance(say))
    status, headers, _ = await world.asked(get())
    assert status == 503 or "set-cookie" not in headers
