"""The heads of requests and responses: what a request's head may be, and how a response's head is written.

The parser (llhttp, strict) refuses broken syntax, obsolete line folding, bare line feeds, and requests that give their
length twice. What is left to us are the rules that say which well-formed heads are honest.
"""

from __future__ import annotations

import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from hakobune.servers.http.messages import Response

HEAD_MAX_BYTES = 64 * 1024  # ours: request line and headers together; four times what common servers take
HEADERS_MAX = 200  # ours: trailers are counted with the headers
NO_CONTENT = frozenset({204, 304})
_VERSIONS = ("1.0", "1.1")
_NO_BREAKS = {ord("\r"): " ", ord("\n"): " ", 0: " "}


class Refusal(Exception):
    """A request that cannot be served: it gets `status`, and the connection ends."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class RequestHead:
    """The head of one request, built from the parser's pieces."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self._target = b""
        self._size = 0
        self._count = 0

    @property
    def target(self) -> str:
        """As sent."""
        return self._target.decode("latin-1")

    def add_target(self, part: bytes) -> None:
        """A part of the target. Raises Refusal."""
        self._target += part
        self._grow(len(part))

    def add_header(self, name: bytes, value: bytes, *, is_trailer: bool) -> None:
        """One header, whole. Trailers are counted and dropped: nobody may add to a head that was acted on.
        Raises Refusal."""
        self._count += 1
        if self._count > HEADERS_MAX:
            raise Refusal(431, f"A request has at most {HEADERS_MAX} headers.")
        self._grow(len(name) + len(value) + 4)
        if is_trailer:
            return
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1").strip(" \t")
        if key in self.headers:
            if key == "host":
                raise Refusal(400, "A request has one Host header.")
            text = f"{self.headers[key]}{'; ' if key == 'cookie' else ', '}{text}"  # RFC 9113, section 8.2.3
        self.headers[key] = text

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > HEAD_MAX_BYTES:
            raise Refusal(431, f"The head of a request has at most {HEAD_MAX_BYTES} bytes.")

    def check(self, version: str) -> None:
        """The rules of RFC 9112 that the parser leaves to us. Raises Refusal."""
        if version not in _VERSIONS:
            raise Refusal(400, f"HTTP/{version} is not spoken here: use HTTP/1.1.")
        if version == "1.1" and "host" not in self.headers:
            raise Refusal(400, "A request of HTTP/1.1 has a Host header.")
        encoding = self.headers.get("transfer-encoding")
        if encoding is not None:
            if version == "1.0":
                raise Refusal(400, "HTTP/1.0 knows no Transfer-Encoding.")
            if encoding.rpartition(",")[2].strip().lower() != "chunked":
                raise Refusal(400, f"Transfer-Encoding {encoding[:60]!r} does not tell where the body ends.")
            if encoding.lower() != "chunked":
                raise Refusal(501, f"Transfer-Encoding {encoding[:60]!r} is not supported: send it chunked.")
        expectation = self.headers.get("expect", "100-continue")
        if expectation.lower() != "100-continue":
            raise Refusal(417, f"The expectation {expectation[:60]!r} cannot be met.")

    def keeps_alive(self, version: str) -> bool:
        """Whether the sender wants to go on with this connection."""
        tokens = {token.strip().lower() for token in self.headers.get("connection", "").split(",")}
        return "close" not in tokens if version == "1.1" else "keep-alive" in tokens

    def expects_continue(self, version: str) -> bool:
        """Whether the sender waits for a sign before it sends the body. HTTP/1.0 knows no such sign."""
        return version == "1.1" and "expect" in self.headers

    @property
    def framing(self) -> bytes:
        """The header that says how long the body is; empty if there is none."""
        if "transfer-encoding" in self.headers:
            return b"Transfer-Encoding: chunked\r\n"
        length = self.headers.get("content-length", "")
        return f"Content-Length: {length}\r\n".encode("ascii") if length else b""

    @property
    def length(self) -> int | None:
        """Bytes of the body; None if only its end will tell."""
        if "transfer-encoding" in self.headers:
            return None
        return int(self.headers.get("content-length", "0"))  # the parser lets only digits through


def reason_phrase(status: int) -> str:
    """`OK`, `Not Found`, …"""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Client Closed Request" if status == 499 else "Unknown"


@lru_cache(maxsize=2)
def _http_date(now_s: int) -> str:
    return formatdate(now_s, usegmt=True)


def response_head(response: Response, *, keeps_alive: bool, is_chunked: bool) -> bytes:
    """Status line and headers. No value can begin a line of its own."""
    lines = [f"HTTP/1.1 {response.status} {reason_phrase(response.status)}"]
    names: set[str] = set()
    for name, value in response.headers:
        names.add(name.lower())
        lines.append(f"{name}: {value.translate(_NO_BREAKS)}")
    lines.append(f"Date: {_http_date(int(time.time()))}")
    if response.tunnel is not None:  # its headers name the protocol
        lines.append("Connection: Upgrade")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
    if is_chunked:
        lines.append("Transfer-Encoding: chunked")
    elif response.stream is None and "content-length" not in names and response.status not in NO_CONTENT:
        size = len(response.content) if response.file is None else response.file.size_bytes
        lines.append(f"Content-Length: {size}")
    elif response.stream_bytes is not None:
        lines.append(f"Content-Length: {response.stream_bytes}")
    lines.append("Connection: keep-alive" if keeps_alive else "Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
