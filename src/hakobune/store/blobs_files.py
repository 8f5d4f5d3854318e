"""Contents in files of the data directory: `DIR/<2 hex digits>/<uid>`."""

from __future__ import annotations

import errno
import io
import os
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hakobune.core.errors import CorruptStore, HakobuneError, ResourceExhausted, Unavailable
from hakobune.store.blobs import Hashes, examine, is_uid, path_of

_HASHERS = 4  # threads: more uploads than that at once wait for their MD5, as they would for a core
_SYNCERS = 2
# So much is written before the disk is asked to begin: the last sync then has little left to do.
_WRITE_BACK_BYTES = 32 * 1024 * 1024
_READ_BYTES = 1024 * 1024
_COPIED_AT_ONCE_BYTES = 64 * 1024 * 1024
# So much of a disk is left to the store by contents, but no more than this share of it: a removal is a row, too, and
# who cannot remove anything cannot make room.
_LEFT_BYTES = 32 * 1024 * 1024
_LEFT_SHARE = 16
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


class ContentFile(io.FileIO):
    """A content file that is open for reading."""

    def pieces(self, offset: int = 0, size_bytes: int | None = None) -> Iterator[bytes]:
        """As `Content.pieces`."""
        with _disk():
            left = os.fstat(self.fileno()).st_size - offset
            left = left if size_bytes is None else min(left, size_bytes)
            while left > 0:
                piece = os.pread(self.fileno(), min(left, _READ_BYTES), offset)
                if not piece:
                    return
                yield piece
                offset += len(piece)
                left -= len(piece)


class FileBlobs:
    """The content files of a data directory. What each method means: `Blobs`."""

    is_remote = False

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.in_work: set[str] = set()
        self._hashers = ThreadPoolExecutor(_HASHERS, thread_name_prefix="content-md5")
        self._syncers = ThreadPoolExecutor(_SYNCERS, thread_name_prefix="content-sync")
        self._known: set[str] = set()  # folders that are there, durably
        self._guard = threading.Lock()

    def create(self, uid: str) -> FileWriter:
        """A new file, in work."""
        path = self._path(uid)
        self.in_work.add(uid)
        try:
            with _disk():
                self._make_folder(uid[:2])
                fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except BaseException:
            self.in_work.discard(uid)
            raise
        return FileWriter(self, uid, fd, self.new_hashes(), 0, is_named=False)

    def resume(self, uid: str, size_bytes: int, hashes: Hashes | None = None) -> FileWriter:
        """A file of which `size_bytes` are durable, to be written on after them."""
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
        return FileWriter(self, uid, fd, hashes, size_bytes, is_named=bool(size_bytes))

    def _hashes_of(self, fd: int) -> Hashes:
        hashes = self.new_hashes()
        while block := os.read(fd, _READ_BYTES):
            hashes.update(block)
        return hashes

    def new_hashes(self) -> Hashes:
        """Of nothing yet."""
        return Hashes(self._hashers)

    def open(self, uid: str) -> ContentFile:
        """A file for reading."""
        return ContentFile(os.open(self._path(uid), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), closefd=True)

    def join(self, uid: str, sources: Sequence[str], size_bytes: int) -> None:
        """Make a file of others, within the kernel."""
        with ExitStack() as stack:
            files = [stack.enter_context(self.open(source)) for source in sources]
            writer = self.create(uid)
            try:
                with _disk():
                    for file in files:
                        writer.copy_from(file)
                if writer.size_bytes != size_bytes:
                    raise CorruptStore("a content file is not as long as its row says")
                writer.finish()
            except BaseException:
                writer.discard()
                raise

    def release(self, uid: str) -> None:
        """A file is no longer in work."""
        self.in_work.discard(uid)

    def remove(self, uids: Sequence[str]) -> None:
        """Remove files."""
        for uid in uids:
            with _disk():
                try:
                    os.unlink(self._path(uid))
                except FileNotFoundError:
                    continue

    def folders(self) -> list[str]:
        """The folders there are."""
        try:
            return sorted(name for name in os.listdir(self.directory) if len(name) == 2)
        except FileNotFoundError:
            return []

    def uids(self, folder: str) -> list[str]:
        """The files of a folder that look like ours."""
        try:
            names = os.listdir(self.directory / folder)
        except FileNotFoundError:
            return []
        return sorted(name for name in names if is_uid(name) and name not in self.in_work)

    def staged(self) -> list[str]:
        """Nothing: a file is the content from its first byte on."""
        return []

    def unstage(self, uid: str) -> None:
        """Nothing to do."""

    def examine(self, uid: str) -> tuple[int, int] | None:
        """What the disk really holds."""
        with _disk():
            try:
                file = self.open(uid)
            except FileNotFoundError:
                return None
            with file:
                return examine(file.pieces())

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
        return self.directory / path_of(uid)

    def _make_folder(self, name: str) -> None:
        with self._guard:
            if name in self._known:
                return
            for folder in (self.directory, self.directory / name):
                folder.mkdir(mode=0o700, exist_ok=True)
                _sync_directory(folder.parent)
            self._known.add(name)


class FileWriter:
    """A content file that is being written. What each method means: `ResumableWriter`."""

    def __init__(self, blobs: FileBlobs, uid: str, fd: int, hashes: Hashes, size_bytes: int, *, is_named: bool) -> None:
        self.uid = uid
        self.hashes = hashes
        self.size_bytes = size_bytes
        self._blobs = blobs
        self._fd = fd
        self._is_named = is_named  # its directory entry is durable
        self._unwritten_bytes = 0
        self._write_back: Future[None] | None = None

    def write(self, block: bytes) -> None:
        """Append."""
        self.hashes.update(block)
        with _disk():
            _check_room(self._fd, len(block))
            rest = memoryview(block)
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        self._wrote(len(block))

    def copy_from(self, source: io.FileIO) -> None:
        """Append all of another file, within the kernel; hashes do not see it. Raises OSError."""
        left = os.fstat(source.fileno()).st_size
        while left:
            count = min(left, _COPIED_AT_ONCE_BYTES)
            _check_room(self._fd, count)
            copied = _copy(source.fileno(), self._fd, count)
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
        """Make everything so far durable, the file's name included."""
        with _disk():
            self._join_write_back()
            os.fsync(self._fd)
            if not self._is_named:
                self._blobs.sync_folder(self.uid)
                self._is_named = True
        self._unwritten_bytes = 0

    def finish(self) -> None:
        """Make it durable, and close it."""
        self.sync()
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            if self._write_back is not None:
                self._write_back.exception()  # whoever closes without a sync does not rely on it
                self._write_back = None
            fd, self._fd = self._fd, -1
            os.close(fd)

    def discard(self) -> None:
        """Close and remove the file."""
        self.close()
        try:
            self._blobs.remove([self.uid])
        except Unavailable:
            return
        finally:
            self._blobs.release(self.uid)


def _check_room(fd: int, count: int) -> None:
    """Raises OSError: so many bytes more would take what is left to the store."""
    disk = os.fstatvfs(fd)
    left = min(_LEFT_BYTES, disk.f_blocks * disk.f_frsize // _LEFT_SHARE)
    if disk.f_bavail * disk.f_frsize - count < left:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


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
