"""Copies of a source, one for each attempt: what a task writes never reaches another.

A copy is made step by step, so that a source of many files holds up nobody. Files are copied by the kernel (and share
their blocks where the file system can do that). Larger ones than `COPIED_MAX_BYTES` are links to the snapshot if their
blocks cannot be shared: their modes forbid writing, which root alone can ignore. So are `node_modules`: they are built,
not written by the user. (docs/decisions/0008)
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator

COPIED_MAX_BYTES = 16 * 1024 * 1024
_PIECE_BYTES = 1024 * 1024
_FICLONE = 0x40049409  # linux/fs.h
_BUILT = b"node_modules"
_NO_RANGE = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)


def copy(source: bytes, target: bytes) -> Iterator[None]:
    """Fill the empty directory `target` with what is in `source`, a step at each `next`. Raises OSError."""
    pending = [b""]
    while pending:
        folder = pending.pop()
        with os.scandir(os.path.join(source, folder)) as found:
            entries = list(found)
        for entry in entries:
            path = os.path.join(folder, entry.name)
            here, there = entry.path, os.path.join(target, path)
            if entry.is_symlink():
                os.symlink(os.readlink(here), there)
            elif not entry.is_dir():
                yield from _copy_file(here, there, entry.stat())
            elif entry.name == _BUILT:
                os.symlink(here, there)
            else:
                os.mkdir(there, 0o755)
                pending.append(path)
            yield


def _copy_file(here: bytes, there: bytes, info: os.stat_result) -> Iterator[None]:
    mode = 0o755 if stat.S_IMODE(info.st_mode) & 0o111 else 0o644
    reader = os.open(here, os.O_RDONLY | os.O_CLOEXEC)
    try:
        writer = os.open(there, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            if info.st_size <= COPIED_MAX_BYTES:
                yield from _copy_content(reader, writer)
                return
            if _shares_blocks(reader, writer):
                return
        finally:
            os.close(writer)
    finally:
        os.close(reader)
    os.unlink(there)
    os.symlink(here, there)


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
