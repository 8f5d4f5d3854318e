"""Contents: bytes that are written once, made durable, and never change. Named by uids, never by users.

They are files of the data directory (`blobs_files`) or objects of a bucket elsewhere (`blobs_bucket`). The functions
block: they are called in worker threads. A new content is *in work* from its creation until its caller says `release`,
which is after the transaction that names it, so that whoever looks for strays leaves it alone.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from typing import Protocol, cast

from hakobune.core.errors import CorruptStore
from hakobune.core.objects.model import Checksums

extend_crc32c = cast("Callable[[int, bytes], int]", getattr(import_module("google_crc32c"), "extend"))  # noqa: B009 - untyped

_UID = re.compile(r"[0-9a-z][0-9a-z-]{3,63}\Z")
_HANDED_OVER_BYTES = 64 * 1024  # smaller pieces are hashed at once: a change of threads costs as much
_STOCK_BLOCKS = 2  # of one content: of one the MD5 is being taken, and one waits


def is_uid(name: str) -> bool:
    """Whether a name can be that of a content."""
    return _UID.match(name) is not None


def path_of(uid: str) -> str:
    """Where a content is, below the place of all: `<2 hex digits>/<uid>`. Raises CorruptStore: that is no uid."""
    if not is_uid(uid):
        raise CorruptStore(f"{uid[:80]!r} cannot name a content file")
    return f"{uid[:2]}/{uid}"


class Content(Protocol):
    """A content that is open for reading; it stays readable while it is removed. A file is an `io.FileIO` as well."""

    def pieces(self, offset: int = 0, size_bytes: int | None = None) -> Iterator[bytes]:
        """So many bytes from `offset` on, or all that are left; fewer if it is shorter. Raises Unavailable;
        FileNotFoundError: it went before it was opened."""
        ...

    def close(self) -> None:
        """Give it back. A second call does nothing."""
        ...


class ContentWriter(Protocol):
    """A content that is being written: by one thread at a time."""

    @property
    def uid(self) -> str: ...

    @property
    def hashes(self) -> Hashes: ...

    @property
    def size_bytes(self) -> int: ...

    def write(self, block: bytes) -> None:
        """Append. Raises ResourceExhausted, Unavailable: the content must be given up. InvalidRequest: too much."""
        ...

    def finish(self) -> None:
        """All is written: make it durable, to be read from now on. Raises ResourceExhausted, Unavailable."""
        ...

    def close(self) -> None:
        """No more comes. What was not finished, or made durable, may be gone. A second call does nothing."""
        ...

    def discard(self) -> None:
        """Close and remove the content; it is not in work any more. If it cannot be removed, it is a stray."""
        ...


class ResumableWriter(ContentWriter, Protocol):
    """One that may be gone on with later."""

    def sync(self) -> None:
        """Make everything so far durable on this machine. Raises ResourceExhausted, Unavailable."""
        ...


class Blobs(Protocol):
    """All contents. `in_work`: the uids of those that no row names yet. `is_remote`: they are not on this machine, so
    that opening one does not say whether it is there."""

    @property
    def in_work(self) -> set[str]: ...

    @property
    def is_remote(self) -> bool: ...

    def create(self, uid: str) -> ContentWriter:
        """A new content, in work. Raises ResourceExhausted, Unavailable."""
        ...

    def resume(self, uid: str, size_bytes: int, hashes: Hashes | None = None) -> ResumableWriter:
        """A content of which `size_bytes` are durable, to be written on after them; it is not in work, since a row
        names it. Without `hashes` it is read from the beginning; one of no bytes is made if it is not there. Raises
        CorruptStore: it is gone or too short."""
        ...

    def open(self, uid: str) -> Content:
        """A content for reading. Raises FileNotFoundError: it went."""
        ...

    def join(self, uid: str, sources: Sequence[str], size_bytes: int) -> None:
        """Make a content, in work, of others, durably; all together have so many bytes. What was made of it is removed
        when it fails. Raises FileNotFoundError (a source went), CorruptStore (they have not), ResourceExhausted,
        Unavailable."""
        ...

    def release(self, uid: str) -> None:
        """A content is no longer in work: a row names it, or it is garbage."""
        ...

    def remove(self, uids: Sequence[str]) -> None:
        """Remove contents. One that is gone already is no error. Raises Unavailable."""
        ...

    def folders(self) -> list[str]:
        """The folders there are. Raises Unavailable."""
        ...

    def uids(self, folder: str) -> list[str]:
        """The contents of a folder that look like ours, those in work left out. Raises Unavailable."""
        ...

    def staged(self) -> list[str]:
        """The contents of which there is something here that is needed only until they are finished."""
        ...

    def unstage(self, uid: str) -> None:
        """Remove that: the content is finished, and its row says so. Raises Unavailable."""
        ...

    def examine(self, uid: str) -> tuple[int, int] | None:
        """(size in bytes, CRC-32C) of what is really there; None: the content is gone. Raises Unavailable."""
        ...

    def close(self) -> None:
        """End the threads."""
        ...


def examine(pieces: Iterator[bytes]) -> tuple[int, int]:
    """(size in bytes, CRC-32C)."""
    crc32c = size_bytes = 0
    for piece in pieces:
        crc32c = extend_crc32c(crc32c, piece)
        size_bytes += len(piece)
    return size_bytes, crc32c


class Hashes:
    """CRC-32C and MD5 of what was given so far, by one thread at a time. The MD5, which takes the longest, is computed
    in a thread of its own, and has a block in stock: it should never wait for whoever brings the next one."""

    def __init__(self, hashers: ThreadPoolExecutor) -> None:
        self._hashers = hashers
        self._crc32c = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._stock: deque[bytes] = deque()
        self._room = threading.Semaphore(_STOCK_BLOCKS)
        self._guard = threading.Lock()
        self._under_way: Future[None] | None = None  # set until the stock was found empty

    def update(self, block: bytes) -> None:
        """Take the next bytes, which must not change any more."""
        if len(block) < _HANDED_OVER_BYTES:
            self._wait()
            self._md5.update(block)
        else:
            self._room.acquire()
            with self._guard:
                self._stock.append(block)
                if self._under_way is None:
                    self._under_way = self._hashers.submit(self._take_md5)
        self._crc32c = extend_crc32c(self._crc32c, block)

    def _take_md5(self) -> None:
        """Until nothing is left."""
        while True:
            with self._guard:
                if not self._stock:
                    self._under_way = None
                    return
                block = self._stock.popleft()
            self._md5.update(block)
            self._room.release()

    def checksums(self) -> Checksums:
        """Of everything so far."""
        self._wait()
        return Checksums(crc32c=self._crc32c, md5=self._md5.hexdigest())

    def _wait(self) -> None:
        """Until the stock is empty: nobody fills it meanwhile."""
        with self._guard:
            under_way = self._under_way
        if under_way is not None:
            under_way.result()
