"""What comes back from the outside: the bytes of a response, bounded and unpacked, and its headers in one form."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from hakobune.core.workflows.effects import HttpResponse, NoResponse, Trouble
from hakobune.core.workflows.limits import HTTP_RESPONSE_BYTES

if TYPE_CHECKING:
    import aiohttp

_CHUNK_BYTES = 65_536
_GZIP_WINDOW = 31  # zlib: a gzip header, and the largest window


class _TooLarge(Exception):
    """A response is larger than it may be."""


class _Content:
    """The bytes of a response as they come, unpacked if they are gzip. Never more than the limit in memory."""

    def __init__(self, *, is_packed: bool) -> None:
        self.content = bytearray()
        self._packed_bytes = 0
        self._unpacker = zlib.decompressobj(_GZIP_WINDOW) if is_packed else None

    def add(self, chunk: bytes) -> None:
        """Raises _TooLarge, zlib.error."""
        self._packed_bytes += len(chunk)
        if self._packed_bytes > HTTP_RESPONSE_BYTES:
            raise _TooLarge
        if self._unpacker is None:
            self.content += chunk
            return
        while chunk:
            if self._unpacker.eof:  # a gzip file may have several members
                self._unpacker = zlib.decompressobj(_GZIP_WINDOW)
            self.content += self._unpacker.decompress(chunk, HTTP_RESPONSE_BYTES + 1 - len(self.content))
            if len(self.content) > HTTP_RESPONSE_BYTES:
                raise _TooLarge
            chunk = self._unpacker.unused_data

    def end(self) -> None:
        """Raises zlib.error: the last gzip member is not whole."""
        if self._unpacker is not None and self._packed_bytes and not self._unpacker.eof:
            raise zlib.error("the gzip data is not whole")


async def received(response: aiohttp.ClientResponse) -> HttpResponse | NoResponse:
    """The whole response, unpacked. Raises aiohttp.ClientError, zlib.error."""
    headers = joined((name, _repaired(value)) for name, value in response.headers.items())
    is_packed = any(name == "Content-Encoding" and value.lower() in {"gzip", "x-gzip"} for name, value in headers)
    content = _Content(is_packed=is_packed)
    try:
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            content.add(chunk)
    except _TooLarge:
        detail = f"the response is larger than {HTTP_RESPONSE_BYTES} bytes"
        return NoResponse(trouble=Trouble.TOO_LARGE, detail=detail, code=response.status)
    content.end()
    if is_packed and content.content:  # they spoke of the packed bytes
        headers = tuple(item for item in headers if item[0] not in {"Content-Encoding", "Content-Length"})
    return HttpResponse(code=response.status, headers=headers, body=bytes(content.content))


def _repaired(value: str) -> str:
    """A header's text. One that is not UTF-8 is taken for Latin-1: no bytes are lost, and the text can be stored."""
    raw = value.encode("utf-8", "surrogateescape")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def joined(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Headers in canonical case; repeated ones are joined."""
    found: dict[str, str] = {}
    for name, value in headers:
        key = canonical(name)
        found[key] = f"{found[key]}, {value}" if key in found else value
    return tuple(found.items())


def canonical(name: str) -> str:
    """`content-type` → `Content-Type`."""
    return "-".join(part[:1].upper() + part[1:].lower() for part in name.split("-"))
