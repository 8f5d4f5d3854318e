"""The client of workflows' requests, against real sockets of this machine that behave and misbehave."""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hakobune.core.workflows.effects import HttpRequest, HttpResponse, NoResponse, Token, TokenKind, Trouble
from hakobune.core.workflows.limits import HTTP_RESPONSE_BYTES
from hakobune.runtime.http_client import AiohttpTransport, redirected
from hakobune.runtime.http_hosts import host_of, is_this_machine, refused_host

pytestmark = pytest.mark.anyio

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    found = AiohttpTransport()
    yield found
    await found.close()


class Server:
    """Sends what a test gives it; keeps what it was sent."""

    def __init__(self) -> None:
        self.port = 0
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.connections = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def serving(
    answer: bytes | Callable[[asyncio.StreamWriter], Awaitable[None]], tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    """A server that reads whole requests and answers each with these bytes, or lets the function write."""
    server = Server()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                server.heads.append(head)
                lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                length = int(lengths[0].partition(b":")[2]) if lengths else 0
                server.bodies.append(await reader.readexactly(length))
                if isinstance(answer, bytes):
                    writer.write(answer)
                    await writer.drain()
                else:
                    await answer(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    real = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=tls)
    server.port = real.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        real.close()


def plain(body: bytes = b"hello", status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def ask(url: str, method: str = "GET", **changes: object) -> HttpRequest:
    return HttpRequest(method=method, url=url, **{"timeout_s": 10.0, **changes})  # type: ignore[arg-type]


async def refused(transport: AiohttpTransport, request: HttpRequest) -> tuple[Trouble, str]:
    answer = await transport.send(request)
    assert isinstance(answer, NoResponse), answer
    return answer.trouble, answer.detail


# -- what is sent, and what comes back ------------------------------------------------------------------------------


async def test_given_a_request_when_sent_then_method_path_headers_and_body_arrive_as_they_are(
    transport: AiohttpTransport,
) -> None:
    async with serving(plain()) as server:
        url = f"{server.url}/a%2Fb/%E8%88%B9/../c;x=1?q=%20+%2B&q=2&empty="
        answer = await transport.send(ask(url, "PATCH", headers=(("X-One", "1"), ("X-One", "2")), body=b"\x00\xff"))
    assert answer == HttpResponse(code=200, headers=(("Content-Length", "5"),), body=b"hello")
    (head,) = server.heads
    assert head.startswith(b"PATCH /a%2Fb/%E8%88%B9/../c;x=1?q=%20+%2B&q=2&empty= HTTP/1.1\r\n")
    assert b"\r\nX-One: 1\r\nX-One: 2\r\n" in head
    assert b"User-Agent" not in head
    assert b"Content-Type" not in head
    assert server.bodies == [b"\x00\xff"]


async def test_given_a_large_body_when_sent_then_it_arrives_whole(transport: AiohttpTransport) -> None:
    async with serving(plain()) as server:
        assert isinstance(await transport.send(ask(server.url, "POST", body=b"x" * 5_000_000)), HttpResponse)
    assert len(server.bodies[0]) == 5_000_000


async def test_given_hundreds_of_headers_when_received_then_all_are_there(transport: AiohttpTransport) -> None:
    async with serving(plain(b"", "200 OK", *(f"X-{n}: {n}" for n in range(500)))) as server:
        answer = await transport.send(ask(server.url))
    assert isinstance(answer, HttpResponse)
    assert dict(answer.headers)["X-499"] == "499"


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ([f"X-{n}: {n}" for n in range(5_000)], "the response has more than 2000 headers"),
        (["X-Long: " + "a" * 70_000], "the response has a line of more than 65536 bytes before its body"),
    ],
    ids=["many", "long"],
)
async def test_given_more_headers_than_may_be_when_received_then_the_limit_is_named(
    transport: AiohttpTransport, headers: list[str], words: str
) -> None:
    async with serving(plain(b"", "200 OK", *headers)) as server:
        assert await refused(transport, ask(server.url)) == (Trouble.TOO_LARGE, words)


async def test_given_headers_in_any_case_when_received_then_they_are_canonical_and_repeated_ones_joined(
    transport: AiohttpTransport,
) -> None:
    raw = plain(b"", "200 OK", "x-cloud-TRACE-context: 1", "set-cookie: a=1", "Set-Cookie: b=2", "X-Ship: Schiffé")
    async with serving(raw) as server:
        answer = await transport.send(ask(server.url))
    assert isinstance(answer, HttpResponse)
    assert dict(answer.headers) == {
        "Content-Length": "0",
        "X-Cloud-Trace-Context": "1",
        "Set-Cookie": "a=1, b=2",
        "X-Ship": "Schiffé",
    }
    "".join(value for _, value in answer.headers).encode()  # it can be stored


@pytest.mark.parametrize(("status", "method"), [("204 No Content", "GET"), ("304 Not Modified", "GET")])
async def test_given_an_answer_without_a_body_when_received_then_it_is_empty(
    transport: AiohttpTransport, status: str, method: str
) -> None:
    async with serving(f"HTTP/1.1 {status}\r\n\r\n".encode()) as server:
        answer = await transport.send(ask(server.url, method))
    assert isinstance(answer, HttpResponse)
    assert (answer.code, answer.body) == (int(status[:3]), b"")


async def test_given_head_when_sent_then_the_length_of_what_is_not_sent_does_not_matter(
    transport: AiohttpTransport,
) -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\nContent-Encoding: gzip\r\n\r\n"
    async with serving(raw) as server:
        answer = await transport.send(ask(server.url, "HEAD"))
    assert isinstance(answer, HttpResponse)
    assert (answer.body, dict(answer.headers)["Content-Length"]) == (b"", "9999999")


async def test_given_two_requests_when_one_follows_the_other_then_they_share_a_connection(
    transport: AiohttpTransport,
) -> None:
    async with serving(plain()) as server:
        for _ in range(3):
            await transport.send(ask(server.url))
    assert (server.connections, len(server.heads)) == (1, 3)


async def test_given_a_redirect_with_a_body_when_followed_then_no_connection_is_used_that_may_just_be_closed(
    transport: AiohttpTransport,
) -> None:
    async with serving(plain(b"", "307 Temporary Redirect", "Location: /next")) as server:
        first = ask(server.url, "POST", body=b"body")
        for after_redirect in (False, True, True, False):
            answer = await transport.send(first, after_redirect=after_redirect)
            assert isinstance(answer, HttpResponse)
    assert server.bodies == [b"body"] * 4
    assert server.connections == 3  # the first and the last one share one


async def test_given_a_server_that_hangs_up_after_each_answer_when_redirected_then_the_body_arrives(
    transport: AiohttpTransport,
) -> None:
    async def redirect_and_hang_up(writer: asyncio.StreamWriter) -> None:
        writer.write(plain(b"", "307 Temporary Redirect", "Location: /next"))
        await writer.drain()
        writer.close()

    async with serving(redirect_and_hang_up) as server:
        request = ask(server.url, "POST", body=b"x" * 300_000)
        for after_redirect in (False, True, True, True):
            answer = await transport.send(request, after_redirect=after_redirect)
            assert isinstance(answer, HttpResponse), answer
    assert [len(body) for body in server.bodies] == [300_000] * 4


# -- compression and size -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("members", [1, 3])
async def test_given_gzip_when_received_then_it_is_unpacked_and_its_headers_go(
    transport: AiohttpTransport, members: int
) -> None:
    packed = b"".join(gzip.compress(b"ship " * 1000) for _ in range(members))
    async with serving(plain(packed, "200 OK", "Content-Encoding: gzip")) as server:
        answer = await transport.send(ask(server.url))
    assert answer == HttpResponse(code=200, headers=(), body=b"ship " * 1000 * members)
    assert b"\r\nAccept-Encoding: gzip\r\n" in server.heads[0]


async def test_given_a_gzip_bomb_when_received_then_it_is_too_large_and_memory_stays_small(
    transport: AiohttpTransport,
) -> None:
    bomb = gzip.compress(b"\0" * 100_000_000, 1)
    async with serving(plain(bomb[:2_000_000], "200 OK", "Content-Encoding: gzip")) as server:
        trouble, detail = await refused(transport, ask(server.url))
    assert trouble is Trouble.TOO_LARGE
    assert str(HTTP_RESPONSE_BYTES) in detail


@pytest.mark.parametrize("packed", [b"this is no gzip", gzip.compress(b"ship" * 100)[:-20]], ids=["no-gzip", "cut"])
async def test_given_gzip_that_is_broken_when_received_then_the_response_broke_off(
    transport: AiohttpTransport, packed: bytes
) -> None:
    async with serving(plain(packed, "200 OK", "Content-Encoding: gzip")) as server:
        trouble, detail = await refused(transport, ask(server.url))
    assert trouble is Trouble.CONNECTION
    assert "broke off" in detail


@pytest.mark.parametrize(("size", "is_fine"), [(HTTP_RESPONSE_BYTES, True), (HTTP_RESPONSE_BYTES + 1, False)])
async def test_given_a_response_at_the_limit_when_received_then_one_byte_decides(
    transport: AiohttpTransport, size: int, is_fine: bool
) -> None:
    async with serving(plain(b"x" * size)) as server:
        answer = await transport.send(ask(server.url))
    if is_fine:
        assert isinstance(answer, HttpResponse)
        assert len(answer.body) == size
    else:
        assert isinstance(answer, NoResponse)
        assert answer.trouble is Trouble.TOO_LARGE


async def test_given_a_response_without_end_when_received_then_it_is_cut_at_the_limit(
    transport: AiohttpTransport,
) -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
            await writer.drain()

    async with serving(endless) as server:
        assert (await refused(transport, ask(server.url)))[0] is Trouble.TOO_LARGE


# -- troubles -------------------------------------------------------------------------------------------------------


async def never(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(3600)


async def slow_head(writer: asyncio.StreamWriter) -> None:
    for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000:
        writer.write(bytes([byte]))
        await asyncio.sleep(0.02)


async def slow_body(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        writer.write(b"x")
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("behaviour", [never, slow_head, slow_body])
async def test_given_a_server_that_is_slow_when_whoever_asked_gives_up_then_nothing_is_waited_for(
    transport: AiohttpTransport, behaviour: Callable[[asyncio.StreamWriter], Awaitable[None]]
) -> None:
    await transport.load()
    async with serving(behaviour) as server:
        with anyio.fail_after(5), anyio.move_on_after(0.3) as deadline:
            await transport.send(ask(server.url))
    assert deadline.cancelled_caught


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def half_a_body(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
    await writer.drain()
    writer.close()


async def half_a_chunk(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100\r\nhalf")
    await writer.drain()
    writer.close()


async def half_a_head(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-")
    await writer.drain()
    writer.close()


async def reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()


async def no_http(writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")
    await writer.drain()
    writer.close()


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("behaviour", [hang_up, half_a_body, half_a_chunk, half_a_head, reset, no_http])
async def test_given_a_connection_that_breaks_when_asked_then_it_may_have_been_processed(
    transport: AiohttpTransport, behaviour: Callable[[asyncio.StreamWriter], Awaitable[None]], method: str
) -> None:
    async with serving(behaviour) as server:
        trouble, _ = await refused(transport, ask(server.url, method))
    assert trouble is Trouble.CONNECTION
    assert server.heads


async def test_given_nobody_who_listens_when_asked_then_nothing_was_sent(transport: AiohttpTransport) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        assert (await refused(transport, ask(url)))[0] is Trouble.CONNECTION_FAILED
    assert (await refused(transport, ask("http://nobody.invalid/")))[0] is Trouble.CONNECTION_FAILED


@pytest.mark.parametrize(
    "request_",
    [
        ask("http://127.0.0.1:1/a b"),
        ask("http://127.0.0.1:1/\r\nX-Evil: 1"),
        ask("http://127.0.0.1:1/é"),
        ask("http://127.0.0.1:99999/"),
        ask("http://[::1/"),
        ask("http:///nothing"),
        ask(f"http://{'a' * 70}.example/"),
        ask("ftp://127.0.0.1/"),
    ],
)
async def test_given_a_url_that_cannot_be_sent_when_asked_then_nothing_is(
    transport: AiohttpTransport, request_: HttpRequest
) -> None:
    assert (await refused(transport, request_))[0] is Trouble.INVALID


@pytest.mark.parametrize("header", [("X-A", "1\r\nX-Evil: 1"), ("X-A", "1\n"), ("X\r\nX-Evil", "1"), ("X-A", "\0")])
async def test_given_a_header_with_line_breaks_when_sent_then_it_is_refused_and_nothing_arrives(
    transport: AiohttpTransport, header: tuple[str, str]
) -> None:
    async with serving(plain()) as server:
        assert (await refused(transport, ask(server.url, headers=(header,))))[0] is Trouble.INVALID
    assert server.heads == []


async def test_given_a_host_with_other_letters_when_asked_then_its_name_in_the_dns_is_resolved(
    transport: AiohttpTransport,
) -> None:
    trouble, detail = await refused(transport, ask("http://箱舟.invalid/"))
    assert trouble is Trouble.CONNECTION_FAILED
    assert "xn--" in detail


# -- where nobody may go --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.1.1",
        "[fe80::1]",
        "[fe80::1%25eth0]",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[2002:a9fe:a9fe::]",
        "[fd00:ec2::254]",
        "metadata.google.internal",
        "METADATA.google.internal.",
        "１６９.254.169.254",
        "①⑥⑨.254.169.254",
        "169。254。169。254",
        "ｍetadata．google｡internal",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::a9fe:a9fe]",
        "[::169.254.169.254]",
        "[2001:db8::5efe:a9fe:a9fe]",
        "[2001:0:a9fe:a9fe::]",
        "metadata",
        "224.0.0.1",
        "0.0.0.0",
        "[::]",
    ],
)
def test_given_hosts_of_the_machine_itself_when_looked_at_then_they_are_refused_unless_named(host: str) -> None:
    assert refused_host(f"http://{host}:80/latest", ())
    named = host_of(f"http://{host}/")
    assert refused_host(f"http://{host}/", (named,)) == ""


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]", "localhost", "a.localhost."])
def test_given_our_own_metadata_server_when_looked_at_then_it_is_refused_unless_its_host_is_named(host: str) -> None:
    url = f"http://{host}:8642/computeMetadata/v1/project/project-id"
    assert "metadata server of this machine" in refused_host(url, ())
    assert refused_host(url, (host_of(url),)) == ""
    assert refused_host(f"http://{host}:8642/other", ()) == ""


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "localhost", "10.0.0.1", "192.168.1.1", "example.com", "[64:ff9b::808:808]"]
)
def test_given_hosts_of_a_network_when_looked_at_then_they_may_be_called(host: str) -> None:
    assert refused_host(f"http://{host}/", ()) == ""


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://Example.COM./x", "example.com"),
        ("http://Bücher。example/", "xn--bcher-kva.example"),
        ("http://[::1]:80/", "::1"),
        ("no-url", ""),
    ],
)
def test_given_a_url_when_asked_for_its_host_then_it_has_one_form(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize("url", ["http://169%2e254.169.254/", "http://a..ü/"])
def test_given_a_host_that_is_no_name_when_asked_for_then_it_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="host"):
        host_of(url)


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("a.localhost", True),
        ("127.example", False),
        ("127.0.0.1.example", False),
        ("localhost.example", False),
        ("", False),
    ],
)
def test_given_a_host_then_only_what_can_be_nothing_else_is_this_machine(host: str, is_local: bool) -> None:
    assert is_this_machine(host) is is_local


async def test_given_a_name_below_localhost_when_asked_then_it_is_this_machine(transport: AiohttpTransport) -> None:
    async with serving(plain()) as server:
        assert isinstance(await transport.send(ask(f"http://some.localhost:{server.port}/")), HttpResponse)
    assert b"host: some.localhost" in server.heads[0].lower()


@pytest.mark.parametrize("host", ["１６９.254.169.254", "①⑥⑨.254.169.254", "169。254。169。254"])
async def test_given_other_digits_and_dots_when_asked_then_the_address_is_refused_all_the_same(
    transport: AiohttpTransport, host: str
) -> None:
    trouble, detail = await refused(transport, ask(f"http://{host}/computeMetadata/v1/", timeout_s=5))
    assert (trouble, "link-local" in detail) == (Trouble.INVALID, True)


async def test_given_an_expect_header_when_sent_then_it_is_dropped(transport: AiohttpTransport) -> None:
    async with serving(plain()) as server:
        request = ask(server.url, method="POST", body=b"x", headers=(("Expect", "100-continue"), ("X-A", "1")))
        with anyio.fail_after(5):
            assert isinstance(await transport.send(request), HttpResponse)
    assert b"expect" not in server.heads[0].lower()
    assert server.bodies == [b"x"]


@pytest.mark.parametrize(
    "host", ["2852039166", "0xA9FEA9FE", "0251.0376.0251.0376", "169.254.43518", "0xa9.254.169.254"]
)
async def test_given_an_unusual_way_to_write_an_address_when_asked_then_it_is_refused_all_the_same(
    transport: AiohttpTransport, host: str
) -> None:
    trouble, detail = await refused(transport, ask(f"http://{host}/computeMetadata/v1/", timeout_s=5))
    assert trouble is Trouble.INVALID
    assert detail.startswith(f"{host.lower()} stands for 169.254.169.254, which is a link-local address")


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("2130706433", "the URL's host 2130706433 is no IPv4 address: write 127.0.0.1"),
        ("127.1", "the URL's host 127.1 is no IPv4 address: write 127.0.0.1"),
        ("300.1.2.3", "the URL's host 300.1.2.3 is no IPv4 address"),
        ("1.2.3.4.5", "the URL's host 1.2.3.4.5 is no IPv4 address"),
    ],
)
async def test_given_numbers_that_are_no_address_when_asked_then_that_is_the_reason(
    transport: AiohttpTransport, host: str, words: str
) -> None:
    told = await refused(transport, ask(f"http://{host}/"))
    assert told == (Trouble.INVALID, f"the request cannot be sent: {words}")


async def test_given_a_host_with_a_label_that_is_too_long_when_asked_then_that_is_the_reason(
    transport: AiohttpTransport,
) -> None:
    _, detail = await refused(transport, ask(f"http://{'a' * 70}.example/"))
    assert detail.startswith("the request cannot be sent: the URL's host aaaa")


async def test_given_a_name_that_stands_for_a_link_local_address_when_asked_then_it_is_refused(
    transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    addresses = {"innocent.example": "169.254.169.254", "own.example": "0.0.0.0"}

    def getaddrinfo(host: str, *arguments: object, **named: object) -> object:
        return real(addresses.get(host, host), *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    trouble, detail = await refused(transport, ask("http://innocent.example/"))
    assert trouble is Trouble.INVALID
    assert "innocent.example stands for 169.254.169.254, which is a link-local address" in detail
    assert "http_allowed_hosts" in detail
    assert (await refused(transport, ask("http://own.example:1/")))[0] is Trouble.INVALID
    allowing = AiohttpTransport(allowed_hosts=("own.example",))
    assert (await refused(allowing, ask("http://own.example:1/")))[0] is Trouble.CONNECTION_FAILED
    await allowing.close()


# -- TLS ------------------------------------------------------------------------------------------------------------


def a_certificate(directory: Path) -> tuple[ssl.SSLContext, bytes]:
    """A server's context, and its own certificate in DER form."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (directory / "server.pem").write_bytes(pem)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(directory / "server.pem")
    return context, made.public_bytes(serialization.Encoding.DER)


async def test_given_a_certificate_when_it_is_named_then_it_is_trusted_else_nothing_is_sent(
    transport: AiohttpTransport, tmp_path: Path
) -> None:
    tls, certificate = a_certificate(tmp_path)
    async with serving(plain(), tls) as server:
        url = f"https://localhost:{server.port}/"
        answer = await transport.send(ask(url, ca_certificate=certificate))
        assert isinstance(answer, HttpResponse)
        trouble, detail = await refused(transport, ask(url))
        assert trouble is Trouble.CONNECTION_FAILED
        assert "certificate" in detail.lower()
        assert len(server.heads) == 1


@pytest.mark.parametrize("certificate", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----"])
async def test_given_bytes_that_are_no_certificate_when_sent_then_the_request_is_refused(
    transport: AiohttpTransport, certificate: bytes
) -> None:
    trouble, detail = await refused(transport, ask("https://localhost:1/", ca_certificate=certificate))
    assert trouble is Trouble.INVALID
    assert "ca_certificate" in detail


async def test_given_a_server_without_tls_when_asked_over_tls_then_the_connection_failed(
    transport: AiohttpTransport,
) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 this is no TLS\r\n")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    trouble, _ = await refused(transport, ask(f"https://localhost:{port}/", timeout_s=3))
    server.close()
    assert trouble is Trouble.CONNECTION_FAILED


# -- redirects ------------------------------------------------------------------------------------------------------


async def test_given_a_redirect_when_received_then_it_is_an_answer(transport: AiohttpTransport) -> None:
    async with serving(plain(b"", "302 Found", "location: /there")) as server:
        answer = await transport.send(ask(server.url))
        assert isinstance(answer, HttpResponse)
        assert len(server.heads) == 1
        following = redirected(ask(server.url), answer)
    assert following == ask(f"{server.url}/there")


BODY_HEADERS = (("Content-Type", "text/plain"), ("X-Other", "1"), ("Authorization", "Bearer x"), ("Cookie", "c=1"))


def a_redirect(code: int, location: str) -> HttpResponse:
    return HttpResponse(code=code, headers=(("Location", location),), body=b"")


@pytest.mark.parametrize(
    ("method", "code", "expected", "has_body"),
    [
        ("GET", 301, "GET", True),
        ("HEAD", 303, "HEAD", True),
        ("POST", 301, "GET", False),
        ("POST", 302, "GET", False),
        ("PUT", 303, "GET", False),
        ("POST", 307, "POST", True),
        ("DELETE", 308, "DELETE", True),
    ],
)
def test_given_a_status_when_redirected_then_method_and_body_follow_it(
    method: str, code: int, expected: str, has_body: bool
) -> None:
    request = ask("http://a.example/x", method, headers=BODY_HEADERS, body=b"body")
    following = redirected(request, a_redirect(code, "y?z"))
    assert isinstance(following, HttpRequest)
    assert (following.method, following.url) == (expected, "http://a.example/y?z")
    assert (following.body is not None) is has_body
    assert ("content-type" in {name.lower() for name, _ in following.headers}) is has_body
    assert "Authorization" in {name for name, _ in following.headers}


@pytest.mark.parametrize(
    ("url", "target", "is_kept"),
    [
        ("http://a.example/", "http://a.example:80/y", True),
        ("http://a.example/", "https://a.example/y", True),
        ("https://a.example/", "http://a.example/y", False),
        ("https://a.example/", "https://b.example/y", False),
        ("https://a.example/", "https://a.example:8443/y", False),
        ("https://a.example/", "//evil.example/y", False),
    ],
)
def test_given_another_host_when_redirected_then_credentials_stay_behind(url: str, target: str, is_kept: bool) -> None:
    token = Token(kind=TokenKind.OIDC, audience="x")
    following = redirected(ask(url, headers=BODY_HEADERS, token=token), a_redirect(307, target))
    assert isinstance(following, HttpRequest)
    names = {name for name, _ in following.headers}
    assert ({"Authorization", "Cookie"} <= names) is is_kept
    assert (following.token is not None) is is_kept
    assert "X-Other" in names


@pytest.mark.parametrize(
    "location",
    [
        "ftp://a.example/",
        "javascript:alert(1)",
        "http://[::1",
        "http://a:99999/",
    ],
)
def test_given_a_location_that_is_no_web_url_when_redirected_then_the_request_ends(location: str) -> None:
    following = redirected(ask("http://a.example/"), a_redirect(302, location))
    assert isinstance(following, NoResponse)
    assert following.trouble is Trouble.INVALID


@pytest.mark.parametrize(
    "answer", [a_redirect(200, "/x"), a_redirect(304, "/x"), HttpResponse(code=302, headers=(), body=b"")]
)
def test_given_no_redirect_when_looked_at_then_nothing_follows(answer: HttpResponse) -> None:
    assert redirected(ask("http://a.example/"), answer) is None


# -- the end --------------------------------------------------------------------------------------------------------


async def test_given_requests_under_way_when_closed_then_they_break_off_and_later_ones_are_refused() -> None:
    transport = AiohttpTransport()
    answers: list[HttpResponse | NoResponse] = []

    async def send(url: str) -> None:
        answers.append(await transport.send(ask(url)))

    async with serving(never) as server:
        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                group.start_soon(send, server.url)
                while not server.heads:  # noqa: ASYNC110 - a real socket is watched
                    await anyio.sleep(0.01)
                await transport.close()
        answers.append(await transport.send(ask(server.url)))
    troubles = [answer.trouble for answer in answers if isinstance(answer, NoResponse)]
    assert troubles == [Trouble.CONNECTION, Trouble.CONNECTION_FAILED]


async def test_given_a_request_under_way_when_its_sender_is_cancelled_then_the_connection_is_closed(
    transport: AiohttpTransport,
) -> None:
    closed = asyncio.Event()

    async def watch(writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                await writer.drain()
                await asyncio.sleep(0.01)
        finally:
            closed.set()

    async with serving(watch) as server:
        async with anyio.create_task_group() as group:
            group.start_soon(transport.send, ask(server.url))
            while not server.heads:  # noqa: ASYNC110 - a real socket is watched
                await anyio.sleep(0.01)
            group.cancel_scope.cancel()
        with anyio.fail_after(5):
            await closed.wait()


# -- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"garbage\r\n\r\n", "the connection broke before the response: what came is not HTTP"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
            "the response broke off: it is shorter than it is said to be, or not in the form that it is said to have",
        ),
        (b"", "the connection broke before the response: the other side has closed the connection"),
    ],
)
async def test_given_a_response_that_breaks_off_then_the_reason_is_told_in_words_of_ours(
    transport: AiohttpTransport, answer: bytes, words: str
) -> None:
    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    async with serving(write) as server:
        assert await refused(transport, ask(server.url)) == (Trouble.CONNECTION, words)


async def test_given_nobody_who_listens_then_the_reason_is_the_system_s(transport: AiohttpTransport) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        trouble, detail = await refused(transport, ask(f"http://127.0.0.1:{port}/"))
    assert (trouble, detail) == (
        Trouble.CONNECTION_FAILED,
        f"no connection to 127.0.0.1:{port}: Connection refused",
    )


async def test_given_a_header_that_would_break_out_when_sent_then_it_is_refused_in_words_of_ours(
    transport: AiohttpTransport,
) -> None:
    request = replace(ask("http://127.0.0.1:9/"), headers=(("X-A", "a\r\nX-B: b"),))
    async with serving(plain()) as server:
        trouble, detail = await refused(transport, replace(request, url=server.url))
    assert (trouble, detail) == (
        Trouble.INVALID,
        "the request cannot be sent: its method or headers have characters that HTTP does not allow",
    )
