"""Requests and responses as handlers see them. A call from inside the house makes the same objects, with no socket."""

from __future__ import annotations

import asyncio
import io
import json
import ssl
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import parse_qsl, unquote

import anyio

from hakobune.core.errors import Code, HakobuneError, InvalidArgument
from hakobune.wire.codec import BODY_MAX_BYTES

QUERY_MAX_FIELDS = 200
BODY_TIMEOUT_S = 60.0  # ours: for a JSON body, from its first byte to its last
_GZIP_WINDOW = 31  # zlib: a gzip header, and the largest window


class HttpError(HakobuneError):
    """An error of HTTP itself, whose status is not that of its google.rpc code."""

    code = Code.INVALID_ARGUMENT
    reason = "INVALID_ARGUMENT"
    status = 400


class AnswerCut(HakobuneError):
    """What an answer comes from has broken off in the middle, by no fault of ours."""


class BodyTooLarge(HttpError):
    """The request's body is above the limit of the API it was sent to."""

    reason = "REQUEST_TOO_LARGE"
    status = 413


class BodyCut(HttpError):
    """The request's body broke off: its sender left, or broke the rules of its coding."""

    reason = "BODY_CUT"


class BodyTooSlow(HttpError):
    """The request's body did not come to its end in time."""

    code = Code.DEADLINE_EXCEEDED
    reason = "REQUEST_TIMEOUT"
    status = 408


class Body(Protocol):
    """Where a request's bytes come from."""

    def chunks(self) -> AsyncIterator[bytes]:
        """The bytes as they arrive. Raises BodyCut."""
        ...


class BytesBody:
    """A body that is here already."""

    def __init__(self, content: bytes = b"") -> None:
        self._content = content

    async def chunks(self) -> AsyncIterator[bytes]:
        """The one chunk."""
        if self._content:
            yield self._content


def _no_texts() -> dict[str, str]:
    return {}


@dataclass(slots=True, kw_only=True)
class Request:
    """One request. `path` is decoded segment by segment by the router; `headers` have lower-case names."""

    method: str
    target: str  # as sent: origin form or absolute form
    host: str = ""
    path: str = "/"  # still percent-encoded
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=_no_texts)
    body: Body = field(default_factory=BytesBody)
    attempt_uid: str | None = None  # the attempt whose own listener the request came through
    slot: int | None = None  # its listener, when the attempt is not known yet
    parameters: Mapping[str, str] = field(default_factory=_no_texts)  # from the path, by the router
    account: str = ""  # who asks, by the authentication
    region: str | None = None  # in front of the host, as gcloud names a region
    peer: str = ""  # the address it came from; "" from inside the house
    is_tls: bool = False  # it came over TLS
    is_xml: bool = False  # it is one of Cloud Storage's XML API, and so are its errors
    service: str = ""  # full name of the service to whose own port it came

    def query_fields(self) -> dict[str, str]:
        """The query's fields; the last of a repeated name wins. Raises InvalidArgument."""
        return dict(self._query_pairs())

    def query_values(self, name: str) -> list[str]:
        """All values of a field that may be repeated. Raises InvalidArgument."""
        return [value for found, value in self._query_pairs() if found == name]

    def _query_pairs(self) -> list[tuple[str, str]]:
        try:
            pairs = parse_qsl(self.query, keep_blank_values=True, max_num_fields=QUERY_MAX_FIELDS, errors="strict")
        except ValueError as error:
            raise InvalidArgument(f"The query of the URL cannot be read: {error}") from None
        if any("\0" in name or "\0" in value for name, value in pairs):
            raise InvalidArgument("The query of the URL holds a NUL character.")
        return pairs

    async def content(self, limit_bytes: int = BODY_MAX_BYTES) -> bytes:
        """The whole body, unpacked if it is compressed.
        Raises BodyTooLarge, BodyTooSlow, BodyCut, InvalidArgument."""
        try:
            with anyio.fail_after(BODY_TIMEOUT_S):
                packed = await self._packed_content(limit_bytes)
        except TimeoutError:
            raise BodyTooSlow(f"The request's body has not come within {BODY_TIMEOUT_S:g} s.") from None
        encoding = self.headers.get("content-encoding", "identity").lower()
        if encoding == "identity" or not packed:
            return packed
        if encoding != "gzip":
            raise InvalidArgument(f"Content-Encoding {encoding[:60]!r} is not understood: use gzip, or none.")
        return _unpacked(packed, limit_bytes)

    async def _packed_content(self, limit_bytes: int) -> bytes:
        length = self.headers.get("content-length", "")
        if length.isascii() and length.isdigit() and int(length) > limit_bytes:
            raise _too_large(limit_bytes)
        parts: list[bytes] = []
        size = 0
        async for chunk in self.body.chunks():
            size += len(chunk)
            if size > limit_bytes:
                raise _too_large(limit_bytes)
            parts.append(chunk)
        return b"".join(parts)


def _too_large(limit_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(f"Request payload size exceeds the limit: {limit_bytes} bytes.")


def _unpacked(packed: bytes, limit_bytes: int) -> bytes:
    """The content of a gzip file, never more than the limit in memory."""
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    try:
        content = unpacker.decompress(packed, limit_bytes + 1)
    except zlib.error as error:
        raise InvalidArgument(f"The body is said to be gzip and is not: {error}") from None
    if len(content) > limit_bytes:
        raise _too_large(limit_bytes)
    if not unpacker.eof or unpacker.unused_data:
        raise InvalidArgument("The body is said to be gzip, and is cut or goes on after its end.")
    return content


class Held(Protocol):
    """What an answer holds on to until it is sent or given up."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRegion:
    """`size_bytes` bytes of an open file, from `offset` on. The file's own position counts for nothing."""

    file: io.FileIO
    offset: int
    size_bytes: int

    def after(self, sent_bytes: int) -> FileRegion:
        """What is left of it."""
        return FileRegion(file=self.file, offset=self.offset + sent_bytes, size_bytes=self.size_bytes - sent_bytes)


class Tunnel(Protocol):
    """What a connection becomes when its peer and we have agreed on another protocol."""

    async def run(self, transport: asyncio.Transport) -> None:
        """Own the connection until it ends."""
        ...

    def close(self) -> None:
        """There is no connection any more."""
        ...


@dataclass(slots=True, kw_only=True)
class Response:
    """One answer: `content`, or a `stream` of chunks, or a region of a `file`. Whoever sends it, or
    throws it away, calls `close` in every case."""

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    content: bytes = b""
    stream: AsyncGenerator[bytes, None] | None = None
    stream_bytes: int | None = None  # how many come of `stream`, where it is known
    file: FileRegion | None = None
    held: Held | None = None  # what `content`, `stream` or `file` come from
    closes: bool = False  # the connection ends after it
    is_duplex: bool = False  # `stream` and the rest of the request's body go on side by side
    tunnel: Tunnel | None = None  # with status 101: what the connection becomes
    tls: ssl.SSLContext | None = None  # the answer to CONNECT: what follows on this connection is TLS, and ends here

    def close(self) -> None:
        """Give back what the answer holds. A second call does nothing."""
        held, self.held = self.held, None
        if held is not None:
            held.close()


JSON_TYPE = ("Content-Type", "application/json; charset=UTF-8")


def json_response(value: object, status: int = 200) -> Response:
    """A JSON answer: compact, UTF-8."""
    return Response(
        status=status,
        headers=[JSON_TYPE],
        content=json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace"),
    )


def text_response(text: str, status: int = 200, content_type: str = "text/plain; charset=utf-8") -> Response:
    """A plain answer."""
    return Response(status=status, headers=[("Content-Type", content_type)], content=text.encode())


_REFUSALS = {501: Code.UNIMPLEMENTED, 503: Code.UNAVAILABLE}


def refusal_response(status: int, message: str) -> Response:
    """The answer to a request that no handler will see."""
    code = _REFUSALS.get(status, Code.INVALID_ARGUMENT)
    return json_response({"error": {"code": status, "message": message, "status": code.name}}, status)


def decode_segment(segment: str) -> str:
    """One path segment without its percent signs. Raises InvalidArgument for what is no UTF-8 or holds a NUL."""
    if "%" not in segment:
        return segment
    try:
        text = unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise InvalidArgument(f"The path holds {segment[:80]!r}, which is not UTF-8.") from None
    if "\x00" in text:
        raise InvalidArgument("The path holds a NUL character.")
    return text
