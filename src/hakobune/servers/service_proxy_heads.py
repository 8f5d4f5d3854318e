"""Heads on their way through the front door: what an instance sees of a request, and a client of an answer.

Source of the headers that Google adds: spec of the container contract and "Request headers"
(https://cloud.google.com/run/docs/container-contract, …/docs/trace). Of what no intermediary passes on: RFC 9110,
section 7.6.1, and RFC 9112, section 6.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hakobune.core.errors import InvalidArgument
from hakobune.servers.http.messages import Request

# Between two neighbours only; and `Proxy`, which CGI would take for the variable HTTP_PROXY.
_NEIGHBOURS = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "expect",
        "content-length",
        "host",
    }
)
# What is said here, or checked: no other spelling of it passes (WSGI and CGI take `_` for `-`).
_OURS = frozenset(
    {
        "authorization",
        "content-length",
        "transfer-encoding",
        "forwarded",
        "traceparent",
        "x-cloud-trace-context",
        "x-forwarded-for",
        "x-forwarded-prefix",
        "x-forwarded-proto",
        "x-serverless-authorization",
    }
)
_REPLACED = frozenset({"x-forwarded-for", "x-forwarded-proto", "forwarded", "traceparent", "x-cloud-trace-context"})
_ANSWER_NEIGHBOURS = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"date",  # ours is written
    }
)
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
# Source: RFC 9110, section 5.6.2 (token); targets: RFC 9112, section 3.2, without spaces.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_TARGET = re.compile(r"/[!-~]*\Z")
_VALUE = re.compile(r"[^\0\r\n]*\Z")
# Source: W3C, Trace Context, section 3.2. Version ff and ids of zeros are none.
_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")
_SPANS = 1 << 64
_GIVEN_TRACE = re.compile(r"(?!0{32})([0-9a-f]{32})(?:/[0-9]{1,20})?(?:;o=[0-3])?\Z", re.IGNORECASE)


@dataclass(slots=True, kw_only=True)
class Trace:
    """The trace that a request belongs to, and the span that the instance is in."""

    id: str
    span: int

    @property
    def headers(self) -> tuple[str, str]:
        """`traceparent` and `X-Cloud-Trace-Context`, as lines."""
        return (
            f"traceparent: 00-{self.id}-{self.span:016x}-01",
            f"x-cloud-trace-context: {self.id}/{self.span};o=1",
        )


def trace_of(headers: Mapping[str, str], seeds: tuple[int, int]) -> Trace:
    """The client's trace, or a new one; always a span of its own. `seeds`: 64 random bits each."""
    first, second = seeds
    span = (first + second) % _SPANS or 1
    parent = _PARENT.match(headers.get("traceparent", ""))
    if parent is not None:
        return Trace(id=parent.group(1), span=span)
    given = _GIVEN_TRACE.match(headers.get("x-cloud-trace-context", ""))
    if given is not None:
        return Trace(id=given.group(1).lower(), span=span)
    return Trace(id=f"{first or 1:016x}{second:016x}", span=span)


@dataclass(slots=True, kw_only=True)  # not frozen: one is made for each request, and that takes twice as long
class Outgoing:
    """A request as its instance will see it. `length` None: it is sent in chunks. `changed`: headers with other
    values, None leaves one out. `prefix`: what was taken from the front of the path."""

    target: str
    host: str
    length: int | None
    trace: Trace
    upgrade: str = ""
    prefix: str = ""
    changed: Mapping[str, str | None]


def upgrade_of(request: Request) -> str:
    """The protocol that a request asks for and that is passed on: WebSockets, and no other (an upgrade to h2c would
    carry requests that nobody looks at)."""
    if request.method != "GET" or request.headers.get("upgrade", "").lower() != "websocket":
        return ""
    tokens = {token.strip().lower() for token in request.headers.get("connection", "").split(",")}
    return "websocket" if "upgrade" in tokens else ""


def request_head(request: Request, outgoing: Outgoing) -> bytes:
    """Request line and headers. Raises InvalidArgument: a call from inside the house has a head that breaks out of its
    lines."""
    headers = request.headers
    if not _TARGET.match(outgoing.target) or not _TOKEN.match(request.method):
        raise InvalidArgument("The request's method or target has characters that HTTP does not allow.")
    left_out = _NEIGHBOURS
    connection = headers.get("connection")
    if connection is not None:
        left_out = _NEIGHBOURS | {token.strip().lower() for token in connection.split(",")}
    lines = [f"{request.method} {outgoing.target} HTTP/1.1", f"host: {outgoing.host}"]
    for name, value in headers.items():
        if name in left_out or name in _REPLACED:
            continue
        if "_" in name and name.replace("_", "-") in _OURS:
            continue
        if name in outgoing.changed:
            continue
        lines.append(f"{name}: {value}")
    lines += [f"{name}: {value}" for name, value in outgoing.changed.items() if value is not None]
    lines += _ours(request, outgoing)
    if outgoing.length is None:
        lines.append("transfer-encoding: chunked")
    elif outgoing.length or request.method in _WITH_BODY:
        lines.append(f"content-length: {outgoing.length}")
    if outgoing.upgrade:
        lines += ["connection: Upgrade", f"upgrade: {outgoing.upgrade}"]
    if not request.peer:  # no parser has looked at it
        _check(headers)
    return _encoded("\r\n".join(lines) + "\r\n\r\n")


def _ours(request: Request, outgoing: Outgoing) -> Iterable[str]:
    headers = request.headers
    client = request.peer or "127.0.0.1"
    before = headers.get("x-forwarded-for")
    yield f"x-forwarded-for: {before}, {client}" if before else f"x-forwarded-for: {client}"
    yield "x-forwarded-proto: https"
    element = f'for="[{client}]";proto=https' if ":" in client else f'for="{client}";proto=https'
    told = headers.get("forwarded")
    yield f"forwarded: {told},{element}" if told else f"forwarded: {element}"
    yield from outgoing.trace.headers
    if outgoing.prefix:
        yield f"x-forwarded-prefix: {outgoing.prefix}"


def _check(headers: Mapping[str, str]) -> None:
    """Raises InvalidArgument."""
    for name, value in headers.items():
        if not _TOKEN.match(name):
            raise InvalidArgument(f"{name[:60]!r} is no name of a header.")
        if not _VALUE.match(value):
            raise InvalidArgument(f"The header {name[:60]} has characters that HTTP does not allow.")


def _encoded(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:  # only from inside the house
        return text.encode("utf-8")


def answer_headers(found: Iterable[tuple[bytes, bytes]], *, keeps_length: bool) -> list[tuple[str, str]]:
    """What a client sees of the headers of an answer. `keeps_length`: its body does not come (HEAD, 304), and so its
    length stays as it was told. An answer that sets a cookie is for one client only."""
    headers: list[tuple[str, str]] = []
    left_out: set[bytes] = set()
    sets_cookie = is_private = False
    for name, value in found:
        key = name.lower()
        if key in _ANSWER_NEIGHBOURS:
            if key == b"connection":
                left_out |= {token.strip().lower() for token in value.split(b",")}
            continue
        if key == b"content-length" and not keeps_length:
            continue
        if key == b"set-cookie":
            sets_cookie = True
        elif key == b"cache-control" and any(word in value.lower() for word in (b"private", b"no-store", b"no-cache")):
            is_private = True
        headers.append((name.decode("latin-1"), value.decode("latin-1")))
    if left_out:
        headers = [item for item in headers if item[0].lower().encode("latin-1") not in left_out]
    if sets_cookie and not is_private:
        headers = [item for item in headers if item[0].lower() != "cache-control"]
        headers.append(("Cache-Control", "private"))
    return headers


def switching_headers(found: Iterable[tuple[bytes, bytes]], upgrade: str) -> list[tuple[str, str]]:
    """The headers of an answer with status 101."""
    headers = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in found
        if name.lower() not in _ANSWER_NEIGHBOURS and name.lower() != b"content-length"
    ]
    return [*headers, ("Upgrade", upgrade)]


def as_plain(headers: list[tuple[str, str]], host: str) -> list[tuple[str, str]]:
    """A service is told that it was called by https, and leads its client on by https: where the client has come
    without, it must be led on without."""
    secure = f"https://{host}".lower()

    def plain(name: str, value: str) -> str:
        if name.lower() != "location" or not value.lower().startswith(secure):
            return value
        rest = value[len(secure) :]
        return f"http://{host}{rest}" if not rest or rest[0] in "/?#" else value

    return [(name, plain(name, value)) for name, value in headers]
