"""The bytes a caller wants written: given whole, as a file, or piece by piece."""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Protocol, cast

CHUNK_BYTES = 1 << 20
# Above this, pieces wait in a temporary file instead of memory. The storage client's own limit for one request.
_SPOOL_BYTES = 8 << 20


class Readable(Protocol):
    """A file, as far as we need one."""

    def read(self, size: int, /) -> str | bytes:
        """At most `size` characters or bytes, empty at the end."""
        ...


Data = str | bytes | bytearray | memoryview | Readable | Iterable[str | bytes]


def chunks(data: Data) -> Iterator[bytes]:
    """The data as bytes, in pieces. Text becomes UTF-8. Raises TypeError for anything else."""
    if isinstance(data, str):
        yield data.encode()
    elif isinstance(data, (bytes, bytearray, memoryview)):
        yield bytes(data)
    elif hasattr(data, "read"):
        reader = cast("Readable", data)
        while chunk := reader.read(CHUNK_BYTES):
            yield _as_bytes(chunk)
    elif isinstance(data, Mapping) or not isinstance(data, Iterable):
        kind = type(cast("object", data)).__name__
        raise TypeError(f"cannot write {kind}: give text, bytes, a file, or an iterable of those")
    else:
        for piece in cast("Iterable[object]", data):
            yield _as_bytes(piece)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled:
    """Data that can be read more than once. md5 as bytes: object storage keeps one to compare with."""

    file: IO[bytes]
    size_bytes: int
    md5: bytes


@contextmanager
def spooled(data: Data) -> Generator[Spooled, None, None]:
    """The data in memory or, when large, in a temporary file, with its size and hash."""
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as file:
        md5 = hashlib.md5(usedforsecurity=False)
        size_bytes = 0
        for chunk in chunks(data):
            file.write(chunk)
            md5.update(chunk)
            size_bytes += len(chunk)
        file.seek(0, io.SEEK_SET)
        yield Spooled(file=cast("IO[bytes]", file), size_bytes=size_bytes, md5=md5.digest())


def _as_bytes(chunk: object) -> bytes:
    if isinstance(chunk, str):
        return chunk.encode()
    if isinstance(chunk, (bytes, bytearray, memoryview)):
        return bytes(cast("bytes", chunk))
    raise TypeError(f"cannot write a piece of type {type(chunk).__name__}: give text or bytes")
