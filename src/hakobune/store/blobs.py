"""Content files: bytes that are written once, made durable, and never change. Named by uids, never by users.

The functions block: they are called in worker threads. A new file is *in work* from its creation until its caller says
`release`, which is after the transaction that names it, so that whoever looks for strays leaves it alone.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import cast

from hakobune.core.errors import CorruptStore, HakobuneError, ResourceExhausted, Unavailable
from hakobune.core.objects.model import Checksums

_extend = cast("Callable[[int, bytes], int]", getattr(import_module("google_crc32c"), "extend"))  # noqa: B009 - untyped

_UID = re.compile(r"[0-9a-z][0-9a-z-]{3,63}\Z")
_HASHERS = 4  # threads: more uploads than that at once wait for their MD5, as they would for a core
_SYNCERS = 2
_HANDED_OVER_BYTES = 64 * 1024  # smaller pieces are hashed at once: a change of threads costs as much
# So much is written before the disk is asked to begin: the last sync then has little left to do.
_WRITE_BACK_BYTES = 32 * 1024 * 1024
_READ_BYTES = 1024 * 1024
_COPIED_AT_ONCE_BYTES = 64 * 1024 * 1024
_CANNOT_COPY = {errno.ENOSYS, errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL}  # file systems that know no such copies
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def _disk() -> Generator[None]:
    """Say what a disk's errors mean to callers."""
    try:
        yield
    except OSError as error:
        raise _refusal(error) from error


def _refusal(error: OSError) -> HakobuneError:
    if error.errno in _FULL:
        return ResourceExhausted(
            "The disk of the data directory is full: nothing was changed. Free space and try again."
        )
    return Unavailable(f"The data directory cannot be used now ({error.strerror}): nothing was changed. Try again.")


class Blobs:
    """The content files of a data directory: `DIR/<2 hex digits>/<uid>`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.in_work: set[str] = set()
        self._hashers = ThreadPoolExecutor(_HASHERS, thread_name_prefix="content-md5")
        self._syncers = ThreadPoolExecutor(_SYNCERS, thread_name_prefix="content-sync")
        self._known: set[str] = set()  # folders that are there, durably
        self._guard = threading.Lock()

    def create(self, uid: str) -> ContentWriter:
        """A new file, in work. Raises ResourceExhausted, Unavailable."""
        path = self._path(uid)
        self.in_work.add(uid)
        try:
            with _disk():
                self._make_folder(uid[:2])
                fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except BaseException:
            self.in_work.discard(uid)
            raise
        return ContentWriter(self, uid, fd, Hashes(self._hashers), 0, is_named=False)

    def resume(self, uid: str, size_bytes: int, hashes: Hashes | None = None) -> ContentWriter:
        """A file of which `size_bytes` are durable, to be written on after them; it is not in work, since a row names
        it. Without `hashes` it is read from the beginning; one of no bytes is made if it is not there. Raises
        CorruptStore: it is gone or too short."""
        path = self._path(uid)
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | (0 if size_bytes else os.O_CREAT)
        with _disk():
            self._make_folder(uid[:2])
            try:
                fd = os.open(path, flags, 0o600)
            except FileNotFoundError as error:
                raise CorruptStore(f"the content file {uid} of an upload is gone") from error
            try:
                if os.fstat(fd).st_size < size_bytes:
                    raise CorruptStore(f"the content file {uid} of an upload is shorter than its row says")
                os.ftruncate(fd, size_bytes)
                if hashes is None:
                    hashes = self._hashes_of(fd)
                os.lseek(fd, size_bytes, os.SEEK_SET)
            except BaseException:
                os.close(fd)
                raise
        return ContentWriter(self, uid, fd, hashes, size_bytes, is_named=bool(size_bytes))

    def _hashes_of(self, fd: int) -> Hashes:
        hashes = Hashes(self._hashers)
        while block := os.read(fd, _READ_BYTES):
            hashes.update(block)
        return hashes

    def open(self, uid: str) -> io.FileIO:
        """A file for reading. Raises FileNotFoundError: it went."""
        return io.FileIO(os.open(self._path(uid), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), closefd=True)

    def join(self, uid: str, sources: Sequence[io.FileIO]) -> int:
        """Make a file, in work, of the contents of others, durably; its size in bytes. What was made of it is removed
        when it fails. Raises ResourceExhausted, Unavailable."""
        writer = self.create(uid)
        try:
            with _disk():
                for source in sources:
                    writer.copy_from(source)
            writer.sync()
            writer.close()
        except BaseException:
            writer.discard()
            raise
        return writer.size_bytes

    def release(self, uid: str) -> None:
        """A file is no longer in work: a row names it, or it is garbage."""
        self.in_work.discard(uid)

    def remove(self, uid: str) -> None:
        """Remove a file. One that is gone already is no error. Raises Unavailable."""
        with _disk():
            try:
                os.unlink(self._path(uid))
            except FileNotFoundError:
                return

    def folders(self) -> list[str]:
        """The folders there are."""
        try:
            return sorted(name for name in os.listdir(self.directory) if len(name) == 2)
        except FileNotFoundError:
            return []

    def uids(self, folder: str) -> list[str]:
        """The files of a folder that look like ours, those in work left out."""
        try:
            names = os.listdir(self.directory / folder)
        except FileNotFoundError:
            return []
        return sorted(name for name in names if _UID.match(name) and name not in self.in_work)

    def examine(self, uid: str) -> tuple[int, int] | None:
        """(size in bytes, CRC-32C) of what the disk really holds; None: the file is gone. Raises Unavailable."""
        with _disk():
            try:
                file = self.open(uid)
            except FileNotFoundError:
                return None
            crc32c = size_bytes = 0
            with file:
                while block := file.read(_READ_BYTES):
                    crc32c = _extend(crc32c, block)
                    size_bytes += len(block)
            return size_bytes, crc32c

    def close(self) -> None:
        """End the threads."""
        self._hashers.shutdown()
        self._syncers.shutdown()

    def begin_sync(self, fd: int) -> Future[None]:
        """Make what was written so far durable, while the caller goes on."""
        return self._syncers.submit(os.fdatasync, fd)

    def sync_folder(self, uid: str) -> None:
        """Make the name of a file durable."""
        _sync_directory(self.directory / uid[:2])

    def _path(self, uid: str) -> Path:
        if not _UID.match(uid):
            raise CorruptStore(f"{uid[:80]!r} cannot name a content file")
        return self.directory / uid[:2] / uid

    def _make_folder(self, name: str) -> None:
        with self._guard:
            if name in self._known:
                return
            for folder in (self.directory, self.directory / name):
                folder.mkdir(mode=0o700, exist_ok=True)
                _sync_directory(folder.parent)
            self._known.add(name)


class Hashes:
    """CRC-32C and MD5 of what was given so far. The MD5 is computed in a thread of its own while the caller goes on."""

    def __init__(self, hashers: ThreadPoolExecutor) -> None:
        self._hashers = hashers
        self._crc32c = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._under_way: Future[None] | None = None

    def update(self, block: bytes) -> None:
        """Take the next bytes, which must not change any more."""
        self._wait()
        if len(block) < _HANDED_OVER_BYTES:
            self._md5.update(block)
        else:
            self._under_way = self._hashers.submit(self._md5.update, block)
        self._crc32c = _extend(self._crc32c, block)

    def checksums(self) -> Checksums:
        """Of everything so far."""
        self._wait()
        return Checksums(crc32c=self._crc32c, md5=self._md5.hexdigest())

    def _wait(self) -> None:
        if self._under_way is not None:
            self._under_way.result()
            self._under_way = None


class ContentWriter:
    """A content file that is being written: by one thread at a time."""

    def __init__(self, blobs: Blobs, uid: str, fd: int, hashes: Hashes, size_bytes: int, *, is_named: bool) -> None:
        self.uid = uid
        self.hashes = hashes
        self.size_bytes = size_bytes
        self._blobs = blobs
        self._fd = fd
        self._is_named = is_named  # its directory entry is durable
        self._unwritten_bytes = 0
        self._write_back: Future[None] | None = None

    def write(self, block: bytes) -> None:
        """Append. Raises ResourceExhausted, Unavailable: the file must be given up."""
        self.hashes.update(block)
        with _disk():
            rest = memoryview(block)
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        self._wrote(len(block))

    def copy_from(self, source: io.FileIO) -> None:
        """Append all of another file, within the kernel; hashes do not see it. Raises OSError."""
        left = os.fstat(source.fileno()).st_size
        while left:
            copied = _copy(source.fileno(), self._fd, min(left, _COPIED_AT_ONCE_BYTES))
            if not copied:
                raise CorruptStore("a content file is shorter than it was")
            left -= copied
            self._wrote(copied)

    def _wrote(self, count: int) -> None:
        self.size_bytes += count
        self._unwritten_bytes += count
        if self._unwritten_bytes >= _WRITE_BACK_BYTES and (self._write_back is None or self._write_back.done()):
            with _disk():
                self._join_write_back()
            self._write_back = self._blobs.begin_sync(self._fd)
            self._unwritten_bytes = 0

    def _join_write_back(self) -> None:
        if self._write_back is not None:
            future, self._write_back = self._write_back, None
            future.result()

    def sync(self) -> None:
        """Make everything so far durable, the file's name included. Raises ResourceExhausted, Unavailable."""
        with _disk():
            self._join_write_back()
            os.fsync(self._fd)
            if not self._is_named:
                self._blobs.sync_folder(self.uid)
                self._is_named = True
        self._unwritten_bytes = 0

    def close(self) -> None:
        """Close the file. A second call does nothing."""
        if self._fd >= 0:
            if self._write_back is not None:
                self._write_back.exception()  # whoever closes without a sync does not rely on it
                self._write_back = None
            fd, self._fd = self._fd, -1
            os.close(fd)

    def discard(self) -> None:
        """Close and remove the file; it is not in work any more. If it cannot be removed, it is a stray."""
        self.close()
        try:
            self._blobs.remove(self.uid)
        except Unavailable:
            return
        finally:
            self._blobs.release(self.uid)


def _copy(source: int, target: int, count: int) -> int:
    """Copy at most so many bytes at the places where both files stand; how many it was."""
    try:
        return os.copy_file_range(source, target, count)
    except OSError as error:
        if error.errno not in _CANNOT_COPY:
            raise
        return os.sendfile(target, source, None, count)


def _sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
