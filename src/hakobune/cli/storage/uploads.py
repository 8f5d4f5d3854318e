"""From this machine to an object: small files in one request, others in a session that survives a broken connection."""

from __future__ import annotations

import json
import os
import sys
import uuid
from contextlib import nullcontext, suppress

from hakobune.cli.document import Document, is_dict
from hakobune.cli.errors import AnswerLostError, CommandError
from hakobune.cli.run_api import quoted
from hakobune.cli.storage.api import Query, StorageApi, target
from hakobune.cli.storage.checksums import BLOCK_BYTES, Crc32c, crc32c_of
from hakobune.cli.storage.transport import Body, HttpError
from hakobune.cli.storage.urls import CloudUrl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO, Protocol

    from hakobune.cli.storage.entries import FileEntry
    from hakobune.cli.storage.transport import Reply, Transport

    class Source(Protocol):
        """Bytes that can be read again from the place that the server has."""

        def window(self, offset: int) -> tuple[int, bool]:
            """The end of the next request that begins at `offset`, and whether it is the end of all."""
            ...

        def blocks(self, start: int, end: int) -> Iterator[bytes]:
            """The bytes from `start` to `end`."""
            ...

        def is_kept(self, offset: int) -> bool:
            """Whether the bytes from `offset` on can still be read."""
            ...


SIMPLE_BYTES_MAX = 8 * 1024 * 1024  # as gcloud's property storage/resumable_threshold
_WINDOW_BYTES = 64 * 1024 * 1024  # of a file, in one request; each answer is a point to go on from
_STREAM_WINDOW_BYTES = 8 * 1024 * 1024  # of a stream: this much is kept in memory until the server has it
_ROOT = "/upload/storage/v1"
_GONE = frozenset({404, 410})
_STARTS_MAX = 3  # sessions of one upload, when the server no longer knows one


class _File:
    """A file: any place of it can be read again."""

    def __init__(self, file: BinaryIO, path: str, size_bytes: int) -> None:
        self._file = file
        self._path = path
        self.size_bytes = size_bytes

    def window(self, offset: int) -> tuple[int, bool]:
        end = min(offset + _WINDOW_BYTES, self.size_bytes)
        return end, end == self.size_bytes

    def blocks(self, start: int, end: int) -> Iterator[bytes]:
        self._file.seek(start)
        while start < end:
            block = self._file.read(min(BLOCK_BYTES, end - start))
            if not block:
                raise CommandError(f"[{self._path}] became shorter while it was read; nothing was stored.")
            start += len(block)
            yield block

    def is_kept(self, offset: int) -> bool:
        return offset >= 0


class _Stream:
    """Standard input or a pipe: only what the server has not acknowledged is kept."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._kept = bytearray()
        self._start = 0

    def window(self, offset: int) -> tuple[int, bool]:
        del self._kept[: offset - self._start]
        self._start = offset
        while len(self._kept) <= _STREAM_WINDOW_BYTES:  # one byte more tells whether this is the end
            block = self._file.read(_STREAM_WINDOW_BYTES + 1 - len(self._kept))
            if not block:
                return offset + len(self._kept), True
            self._kept += block
        return offset + _STREAM_WINDOW_BYTES, False

    def blocks(self, start: int, end: int) -> Iterator[bytes]:
        for place in range(start - self._start, end - self._start, BLOCK_BYTES):
            yield bytes(self._kept[place : min(place + BLOCK_BYTES, end - self._start)])

    def is_kept(self, offset: int) -> bool:
        return offset >= self._start


class Uploads:
    """Uploads of one command."""

    def __init__(self, api: StorageApi) -> None:
        self._transport = api.transport

    def upload(
        self, entry: FileEntry, to: CloudUrl, metadata: Document, query: Query, advance: Callable[[int], None]
    ) -> Document:
        """Store a file or a stream; answers the object. `advance` is told of bytes that were sent.

        Raises HttpError, CommandError.
        """
        if entry.size_bytes is None:
            with nullcontext(sys.stdin.buffer) if entry.url.is_stream else open(entry.url.path, "rb") as file:
                stream = _Stream(file)
                end, is_whole = stream.window(0)
                return self._put(stream, end if is_whole else None, to, metadata, query, advance)
        try:
            with open(entry.url.path, "rb") as file:
                size = file.seek(0, os.SEEK_END)  # the size of now: the list may be minutes old
                return self._put(_File(file, entry.url.path, size), size, to, metadata, query, advance)
        except OSError as error:
            raise CommandError(f"[{entry.url.path}] cannot be read: {error.strerror or error}") from error

    def _put(
        self,
        source: Source,
        size: int | None,
        to: CloudUrl,
        metadata: Document,
        query: Query,
        advance: Callable[[int], None],
    ) -> Document:
        if size is not None and size <= SIMPLE_BYTES_MAX:
            return self._simple(source, size, to, metadata, query, advance)
        for _ in range(_STARTS_MAX - 1):
            try:
                return _Session(self._transport, source, size, advance).run(to, metadata, query)
            except _SessionGoneError:
                if not source.is_kept(0):
                    break
        return _Session(self._transport, source, size, advance).run(to, metadata, query)

    def _simple(
        self,
        source: Source,
        size: int,
        to: CloudUrl,
        metadata: Document,
        query: Query,
        advance: Callable[[int], None],
    ) -> Document:
        """One request with metadata and bytes; the server compares the checksum before it stores anything."""
        crc = Crc32c()
        for block in source.blocks(0, size):
            crc.add(block)
        boundary = uuid.uuid4().hex
        described = json.dumps({**metadata, "name": to.name, "crc32c": crc.text})
        head = (
            f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{described}\r\n"
            f"--{boundary}\r\nContent-Type: {metadata.get('contentType') or 'application/octet-stream'}\r\n\r\n"
        ).encode()
        tail = f"\r\n--{boundary}--\r\n".encode()
        headers = {"Content-Type": f'multipart/related; boundary="{boundary}"'}
        path = target(f"/b/{quoted(to.bucket)}/o", {"uploadType": "multipart", **query}, _ROOT)

        def blocks() -> Iterator[bytes]:
            yield head
            for block in source.blocks(0, size):
                self._transport.check()
                yield block
            yield tail

        def once() -> Document:
            body = Body(len(head) + size + len(tail), blocks())
            return _object(self._transport.send("POST", path, headers=headers, body=body))

        made = self._transport.patiently(once)
        advance(size)
        return made


class _SessionGoneError(CommandError):
    """The server no longer knows the session of an upload."""


class _Session:
    """One resumable upload."""

    def __init__(self, transport: Transport, source: Source, size: int | None, advance: Callable[[int], None]) -> None:
        self._transport = transport
        self._source = source
        self._size = size
        self._advance = advance
        self._address = ""
        self._offset = 0
        self._crc = Crc32c()  # of the bytes before the offset
        self._is_in_doubt = False
        self._told = 0

    def run(self, to: CloudUrl, metadata: Document, query: Query) -> Document:
        """Open the session, send all, answer the object."""
        self._address = self._transport.patiently(lambda: self._open(to, metadata, query))
        try:
            return self._transport.patiently(self._go_on, progress=lambda: self._offset)
        except HttpError as error:
            if error.code in _GONE:
                raise _SessionGoneError("The server no longer knows the session of this upload.") from error
            raise
        except BaseException:
            with suppress(CommandError):
                self._transport.send("DELETE", self._address).close()
            raise

    def _open(self, to: CloudUrl, metadata: Document, query: Query) -> str:
        body = json.dumps({**metadata, "name": to.name}).encode("ascii")
        headers = {"Content-Type": "application/json; charset=UTF-8"}
        if metadata.get("contentType"):
            headers["X-Upload-Content-Type"] = str(metadata["contentType"])
        if self._size is not None:
            headers["X-Upload-Content-Length"] = str(self._size)
        path = target(f"/b/{quoted(to.bucket)}/o", {"uploadType": "resumable", **query}, _ROOT)
        reply = self._transport.send("POST", path, headers=headers, body=Body(len(body), [body]))
        reply.close()
        address = reply.headers.get("location", "")
        if not address:
            raise CommandError("The runtime opened an upload without saying where.")
        return address

    def _go_on(self) -> Document:
        """Send what is missing. After a break, the server says first what it has."""
        if self._is_in_doubt:
            total = "*" if self._size is None else str(self._size)
            reply = self._transport.send("PUT", self._address, headers={"Content-Range": f"bytes */{total}"})
            if reply.status < 300:
                return _object(reply)
            self._reach(reply)
            self._is_in_doubt = False
        while True:
            self._transport.check()
            end, is_last = self._source.window(self._offset)
            self._is_in_doubt = True
            reply = self._send(end, is_last=is_last)
            if reply.status < 300:
                return _object(reply)
            self._reach(reply)
            self._is_in_doubt = False

    def _send(self, end: int, *, is_last: bool) -> Reply:
        start = self._offset
        size = self._size if not is_last else end
        headers = {"Content-Range": f"bytes {start}-{end - 1}/{'*' if size is None else size}"}
        if is_last:
            crc = self._crc.copy()
            for block in self._source.blocks(start, end):
                crc.add(block)
            headers["X-Goog-Hash"] = f"crc32c={crc.text}"
            if end == start:
                headers["Content-Range"] = f"bytes */{end}"
        return self._transport.send(
            "PUT", self._address, headers=headers, body=Body(end - start, self._counted(start, end))
        )

    def _counted(self, start: int, end: int) -> Iterator[bytes]:
        sent = start
        for block in self._source.blocks(start, end):
            self._transport.check()
            yield block
            sent += len(block)
            if sent > self._told:
                self._advance(sent - self._told)
                self._told = sent

    def _reach(self, reply: Reply) -> None:
        """Move to the place that a 308 names, and take the checksum along."""
        reply.close()
        found = reply.headers.get("range", "")
        reached = int(found.rpartition("-")[2]) + 1 if found.startswith("bytes=0-") else 0
        if not self._source.is_kept(reached):
            raise CommandError("The server lost bytes of a stream that it had acknowledged; they cannot be read again.")
        if reached < self._offset:
            self._crc, start = Crc32c(), 0
        else:
            start = self._offset
        for block in self._source.blocks(start, reached):
            self._crc.add(block)
        self._offset = reached


def _object(reply: Reply) -> Document:
    try:
        found: object = json.loads(reply.whole())
    except ValueError as error:
        raise AnswerLostError("The runtime answered an upload with something that is not an object.") from error
    if not is_dict(found):
        raise AnswerLostError("The runtime answered an upload with something that is not an object.")
    return found


def local_crc32c(path: str) -> str:
    """The CRC-32C of a file, as the API writes it. Raises OSError."""
    with open(path, "rb") as file:
        return crc32c_of(file).text
