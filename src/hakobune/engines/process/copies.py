"""Copies of a source, one for each attempt: what a task writes never reaches another.

A copy is made step by step, so that a source of many files holds up nobody, and it serves one attempt after the other:
before each, all that is not as it was made is made again. What was made is known by its inode, size, mode and times of
change. The kernel stamps these by a clock that ticks every few milliseconds, so an attempt begins only when the tick of
its youngest file is over: whatever it changes has another stamp. (Copies are not just thrown away, because ext4 is slow
to make files where many were removed a moment ago: measured 0.4 ms a file instead of 0.03.)

Files are copied by the kernel (and share their blocks where the file system can do that). Larger ones than
`COPIED_MAX_BYTES` are links to the snapshot if their blocks cannot be shared: their modes forbid writing, which root
alone can ignore. So are `node_modules`: they are built, not written by the user. (docs/decisions/0008)
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Generator, Iterator

from hakobune.engines.process.removal import remove

COPIED_MAX_BYTES = 16 * 1024 * 1024
_PIECE_BYTES = 1024 * 1024
_FICLONE = 0x40049409  # linux/fs.h
_CLOCK_REALTIME_COARSE = 5  # linux/time.h: the clock of the stamps
_TICK_MAX_S = 0.1  # ten ticks of the slowest kernel: after that, another machine's clock makes the stamps
_BUILT = b"node_modules"
_NO_RANGE = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
_FOLDER_MODE = 0o755


class Copy:
    """One directory, and what was put there. `fill` before each attempt; then wait until `is_settled`."""

    def __init__(self, source: bytes, directory: bytes) -> None:
        self.directory = directory
        self.is_reusable = True
        self._source = source
        self._stamps: dict[bytes, int] = {}  # by path, of the files that were copied
        self._youngest_ns = 0
        self._filled_at_s = 0.0

    @property
    def entries(self) -> int:
        """How many files it remembers."""
        return len(self._stamps)

    def fill(self) -> Iterator[None]:
        """Make the directory equal to the source, a step at each `next`. Raises OSError."""
        pending = [b""]
        self._youngest_ns = 0
        while pending:
            folder = pending.pop()
            wanted = self._entries(folder)
            yield from self._tidy(os.path.join(self.directory, folder), wanted)
            for name, entry in wanted.items():
                path = os.path.join(folder, name)
                if _is_folder(entry):
                    pending.append(path)
                else:
                    yield from self._put(entry, path)
                yield
        self._filled_at_s = time.monotonic()

    @property
    def is_settled(self) -> bool:
        """An attempt may begin: whatever it changes can be told from what was made."""
        if not self._youngest_ns or time.clock_gettime_ns(_CLOCK_REALTIME_COARSE) > self._youngest_ns:
            return True
        if time.monotonic() > self._filled_at_s + _TICK_MAX_S:
            self.is_reusable = False
            return True
        return False

    def _entries(self, folder: bytes) -> dict[bytes, os.DirEntry[bytes]]:
        with os.scandir(os.path.join(self._source, folder)) as found:
            return {entry.name: entry for entry in found}

    def _tidy(self, folder: bytes, wanted: dict[bytes, os.DirEntry[bytes]]) -> Iterator[None]:
        """Make a folder itself as it was, and remove what does not belong there."""
        try:
            info = os.lstat(folder)
        except FileNotFoundError:
            info = None
        if info is not None and not stat.S_ISDIR(info.st_mode):
            os.unlink(folder)
            info = None
        if info is None:
            os.mkdir(folder, _FOLDER_MODE)
            return
        if stat.S_IMODE(info.st_mode) != _FOLDER_MODE:
            os.chmod(folder, _FOLDER_MODE)
        with os.scandir(folder) as found:
            there = list(found)
        for entry in there:
            mine = wanted.get(entry.name)
            if mine is None or _is_folder(mine) != entry.is_dir(follow_symlinks=False):
                yield from remove(entry.path)
                yield

    def _put(self, entry: os.DirEntry[bytes], path: bytes) -> Iterator[None]:
        """Put a file or a link into its place, unless it is there."""
        there = os.path.join(self.directory, path)
        try:
            info: os.stat_result | None = os.lstat(there)
        except FileNotFoundError:
            info = None
        link = os.readlink(entry.path) if entry.is_symlink() else entry.path
        if info is not None:
            is_link = stat.S_ISLNK(info.st_mode)
            if (is_link and os.readlink(there) == link) or (not is_link and self._stamps.get(path) == _stamp(info)):
                return
            os.unlink(there)
            self._stamps.pop(path, None)
        if entry.is_symlink() or entry.is_dir():
            os.symlink(link, there)
            return
        made = yield from _copy_file(entry.path, there, entry.stat())
        if made is not None:
            self._stamps[path] = _stamp(made)
            self._youngest_ns = max(self._youngest_ns, made.st_ctime_ns)


def _is_folder(entry: os.DirEntry[bytes]) -> bool:
    return entry.is_dir(follow_symlinks=False) and entry.name != _BUILT


def _stamp(info: os.stat_result) -> int:
    return hash((info.st_ino, info.st_size, info.st_mode, info.st_uid, info.st_mtime_ns, info.st_ctime_ns))


def _copy_file(here: bytes, there: bytes, info: os.stat_result) -> Generator[None, None, os.stat_result | None]:
    """Copy a file; the value is what was made, None if it is a link. Raises OSError."""
    mode = 0o755 if stat.S_IMODE(info.st_mode) & 0o111 else 0o644
    reader = os.open(here, os.O_RDONLY | os.O_CLOEXEC)
    try:
        writer = os.open(there, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            if info.st_size <= COPIED_MAX_BYTES:
                yield from _copy_content(reader, writer)
                return os.fstat(writer)
            if _shares_blocks(reader, writer):
                return os.fstat(writer)
        finally:
            os.close(writer)
    finally:
        os.close(reader)
    os.unlink(there)
    os.symlink(here, there)
    return None


def _copy_content(reader: int, writer: int) -> Iterator[None]:
    try:
        while os.copy_file_range(reader, writer, _PIECE_BYTES):
            yield
        return
    except OSError as error:
        if error.errno not in _NO_RANGE:
            raise
    while data := os.read(reader, _PIECE_BYTES):
        view = memoryview(data)
        while view:
            view = view[os.write(writer, view) :]
        yield


def _shares_blocks(reader: int, writer: int) -> bool:
    try:
        fcntl.ioctl(writer, _FICLONE, reader)
    except OSError:
        return False
    return True
