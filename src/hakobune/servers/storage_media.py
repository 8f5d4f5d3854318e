"""The bytes of an object as an answer: whole or a range, sent from the file; unpacked for clients that take no gzip.

Source: Cloud Storage documentation, "Transcoding of gzip-compressed files"; RFC 9110 sections 13 and 14.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence

from hakobune.core.errors import FailedPrecondition
from hakobune.core.objects.checksums import crc32c_to_text, md5_to_text
from hakobune.core.objects.model import DEFAULT_CONTENT_TYPE, ObjectVersion
from hakobune.runtime.objects_questions import OpenObject
from hakobune.servers.http.messages import FileRegion, Response
from hakobune.servers.storage_answers import check_etag, header_text
from hakobune.wire.storage_v1_ranges import span_from_range
from hakobune.wire.storage_v1_times import http_date

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = 31  # zlib: a gzip header, and the largest window
_UNPACKED_PIECE_BYTES = 256 * 1024

Headers = list[tuple[str, str]]


async def media_response(
    headers: Mapping[str, str], opened: OpenObject, *, etag: str, extra: Sequence[tuple[str, str]] = ()
) -> Response:
    """The answer to a download. It closes `opened`, in every case. `extra` headers win over those of the object. Raises
    ConditionNotMet, NotModified, RangeNotSatisfiable; Unavailable, CorruptStore (a bucket that does not give it)."""
    try:
        return await _media_response(headers, opened, etag, extra)
    except BaseException:
        opened.close()
        raise


async def _media_response(
    headers: Mapping[str, str], opened: OpenObject, etag: str, extra: Sequence[tuple[str, str]]
) -> Response:
    version = opened.version
    check_etag(headers, etag)
    given = {name.lower() for name, _ in extra}
    found = [(name, value) for name, value in object_headers(version, etag) if name.lower() not in given]
    found += extra
    if _may_be_unpacked(headers, opened) and await _is_gzip(opened):
        found = [(name, value) for name, value in found if name not in {"Content-Encoding", "Accept-Ranges"}]
        found.append(("Warning", "214 UploadServer gunzipped"))
        return Response(headers=found, stream=_unpacked(opened), held=opened)
    wanted = headers.get("range", "")
    if_range = headers.get("if-range", "")
    if if_range and if_range.strip('"') not in {etag.strip('"'), http_date(version.update_s)}:
        wanted = ""
    span = span_from_range(wanted, opened.size_bytes) if wanted else None
    if span is None:
        return await _region_response(200, found, opened, 0, opened.size_bytes)
    found.append(("Content-Range", span.content_range(opened.size_bytes)))
    return await _region_response(206, found, opened, span.first, span.size_bytes)


async def _region_response(status: int, headers: Headers, opened: OpenObject, first: int, size_bytes: int) -> Response:
    """Bytes of a content from `first` on. What is not on this machine begins to come before the answer does, so that a
    bucket that refuses is an error, not an answer that breaks off."""
    if isinstance(opened.file, io.FileIO):
        region = FileRegion(file=opened.file, offset=opened.offset + first, size_bytes=size_bytes)
        return Response(status=status, headers=headers, file=region, held=opened)
    pieces = opened.pieces(first, size_bytes)
    begin = await opened.threads.run(next, pieces, b"")
    stream = _streamed(opened, begin, pieces)
    return Response(status=status, headers=headers, stream=stream, stream_bytes=size_bytes, held=opened)


async def _streamed(opened: OpenObject, begin: bytes, pieces: Generator[bytes]) -> AsyncGenerator[bytes, None]:
    piece = begin
    while piece:
        yield piece
        piece = await opened.threads.run(next, pieces, b"")


def object_headers(version: ObjectVersion, etag: str) -> Headers:
    """What the headers of a download or a HEAD say of an object."""
    metadata = version.metadata
    hashes = f"crc32c={crc32c_to_text(version.checksums.crc32c)}"
    if version.checksums.md5:
        hashes += f",md5={md5_to_text(version.checksums.md5)}"
    found: Headers = [
        ("Content-Type", header_text(metadata.content_type or DEFAULT_CONTENT_TYPE)),
        ("ETag", etag),
        ("Last-Modified", http_date(version.update_s)),
        ("Accept-Ranges", "bytes"),
        ("X-Goog-Generation", str(version.generation)),
        ("X-Goog-Metageneration", str(version.metageneration)),
        ("X-Goog-Storage-Class", metadata.storage_class),
        ("X-Goog-Hash", hashes),
        ("X-Goog-Stored-Content-Length", str(version.size_bytes)),
        ("X-Goog-Stored-Content-Encoding", header_text(metadata.content_encoding or "identity")),
    ]
    for name, value in (
        ("Content-Encoding", metadata.content_encoding),
        ("Content-Disposition", metadata.content_disposition),
        ("Content-Language", metadata.content_language),
        ("Cache-Control", metadata.cache_control),
    ):
        if value:
            found.append((name, header_text(value)))
    if metadata.content_encoding == "gzip":
        found.append(("Vary", "Accept-Encoding"))
    if version.component_count is not None:
        found.append(("X-Goog-Component-Count", str(version.component_count)))
    return found


# -- transcoding ----------------------------------------------------------------------------------------------------


def _may_be_unpacked(headers: Mapping[str, str], opened: OpenObject) -> bool:
    metadata = opened.version.metadata
    if metadata.content_encoding.lower() != "gzip" or "no-transform" in metadata.cache_control.lower():
        return False
    return "gzip" not in headers.get("accept-encoding", "").lower()


async def _is_gzip(opened: OpenObject) -> bool:
    size_bytes = min(len(_GZIP_MAGIC), opened.size_bytes)
    return await opened.threads.run(next, opened.pieces(0, size_bytes), b"") == _GZIP_MAGIC


class _Unpacker:
    """Reads a gzip file of one or more members, a piece at a time: no piece grows beyond its bound."""

    def __init__(self, opened: OpenObject) -> None:
        self._pieces = opened.pieces(0, opened.size_bytes)
        self._packed = b""
        self._member = zlib.decompressobj(_GZIP_WINDOW)

    def piece(self) -> bytes:
        """The next bytes; none at the end. Raises zlib.error, EOFError for what is no whole gzip file; Unavailable,
        CorruptStore."""
        while True:
            if self._member.eof:
                self._packed = self._member.unused_data or next(self._pieces, b"")
                if not self._packed:
                    return b""
                self._member = zlib.decompressobj(_GZIP_WINDOW)
            if not self._packed:
                self._packed = next(self._pieces, b"")
                if not self._packed:
                    raise EOFError("it is cut")
            found = self._member.decompress(self._packed, _UNPACKED_PIECE_BYTES)
            self._packed = self._member.unconsumed_tail
            if found:
                return found


async def _unpacked(opened: OpenObject) -> AsyncGenerator[bytes, None]:
    unpacker = _Unpacker(opened)
    try:
        while piece := await opened.threads.run(unpacker.piece):
            yield piece
    except (zlib.error, EOFError) as error:
        raise FailedPrecondition(f"the content says that it is gzip, and cannot be unpacked: {error}") from error
