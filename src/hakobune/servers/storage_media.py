"""The bytes of an object as an answer: whole or a range, sent from the file; unpacked for clients that take no gzip.

Source: Cloud Storage documentation, "Transcoding of gzip-compressed files"; RFC 9110 sections 13 and 14.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import AsyncGenerator, Mapping, Sequence

import anyio.to_thread

from hakobune.core.objects.checksums import crc32c_to_text, md5_to_text
from hakobune.core.objects.model import DEFAULT_CONTENT_TYPE, ObjectVersion
from hakobune.runtime.objects_questions import OpenObject
from hakobune.servers.http.messages import FileRegion, Response
from hakobune.servers.storage_answers import check_etag, header_text
from hakobune.wire.storage_v1_ranges import span_from_range
from hakobune.wire.storage_v1_times import http_date

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = 31  # zlib: a gzip header, and the largest window
_PACKED_PIECE_BYTES, _UNPACKED_PIECE_BYTES = 64 * 1024, 256 * 1024

Headers = list[tuple[str, str]]


def media_response(
    headers: Mapping[str, str], opened: OpenObject, *, etag: str, extra: Sequence[tuple[str, str]] = ()
) -> Response:
    """The answer to a download. It closes `opened`, in every case. `extra` headers win over those of the object. Raises
    ConditionNotMet, NotModified, RangeNotSatisfiable."""
    try:
        return _media_response(headers, opened, etag, extra)
    except BaseException:
        opened.close()
        raise


def _media_response(
    headers: Mapping[str, str], opened: OpenObject, etag: str, extra: Sequence[tuple[str, str]]
) -> Response:
    version = opened.version
    check_etag(headers, etag)
    given = {name.lower() for name, _ in extra}
    found = [(name, value) for name, value in object_headers(version, etag) if name.lower() not in given]
    found += extra
    if _is_unpacked(headers, opened):
        found = [(name, value) for name, value in found if name not in {"Content-Encoding", "Accept-Ranges"}]
        found.append(("Warning", "214 UploadServer gunzipped"))
        return Response(headers=found, stream=_unpacked(opened), held=opened)
    wanted = headers.get("range", "")
    if_range = headers.get("if-range", "")
    if if_range and if_range.strip('"') not in {etag.strip('"'), http_date(version.update_s)}:
        wanted = ""
    span = span_from_range(wanted, opened.size_bytes) if wanted else None
    if span is None:
        region = FileRegion(file=opened.file, offset=opened.offset, size_bytes=opened.size_bytes)
        return Response(headers=found, file=region, held=opened)
    found.append(("Content-Range", span.content_range(opened.size_bytes)))
    region = FileRegion(file=opened.file, offset=opened.offset + span.first, size_bytes=span.size_bytes)
    return Response(status=206, headers=found, file=region, held=opened)


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


def _is_unpacked(headers: Mapping[str, str], opened: OpenObject) -> bool:
    metadata = opened.version.metadata
    if metadata.content_encoding.lower() != "gzip" or "no-transform" in metadata.cache_control.lower():
        return False
    if "gzip" in headers.get("accept-encoding", "").lower():
        return False
    return os.pread(opened.file.fileno(), len(_GZIP_MAGIC), opened.offset) == _GZIP_MAGIC


class _Unpacker:
    """Reads a gzip file of one or more members, a piece at a time: no piece grows beyond its bound."""

    def __init__(self, opened: OpenObject) -> None:
        self._file = opened.file.fileno()
        self._place = opened.offset
        self._end = opened.offset + opened.size_bytes
        self._packed = b""
        self._member = zlib.decompressobj(_GZIP_WINDOW)

    def piece(self) -> bytes:
        """The next bytes; none at the end. Raises zlib.error, EOFError for what is no whole gzip file."""
        while True:
            if self._member.eof:
                self._packed = self._member.unused_data
                if not self._packed and self._place >= self._end:
                    return b""
                self._member = zlib.decompressobj(_GZIP_WINDOW)
            if not self._packed:
                self._packed = os.pread(self._file, min(_PACKED_PIECE_BYTES, self._end - self._place), self._place)
                self._place += len(self._packed)
                if not self._packed:
                    raise EOFError("the gzip content is cut")
            found = self._member.decompress(self._packed, _UNPACKED_PIECE_BYTES)
            self._packed = self._member.unconsumed_tail
            if found:
                return found


async def _unpacked(opened: OpenObject) -> AsyncGenerator[bytes, None]:
    unpacker = _Unpacker(opened)
    while piece := await anyio.to_thread.run_sync(unpacker.piece):
        yield piece
