"""Local files that are absent or whole, and stay so through a power cut.

A write goes to a temporary file beside the target, is synced, and then gets its name in one step: by a hard link where
the name must be new (it fails if somebody was faster), by a rename where it is replaced. The directory is synced last.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import stat
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice

from hakobune.sdk.content import CHUNK_BYTES
from hakobune.sdk.errors import UnsupportedFilesystem
from hakobune.sdk.processes import ProcessMark

_TEMPORARY = re.compile(r"\..*\.hkb-(?P<mark>[0-9a-f]+-[0-9]+-[0-9]+)-[0-9a-f]{8}\.tmp\Z", re.DOTALL)
_NAME_BYTES_KEPT = 120  # of the target's name in the temporary name: names end at 255 bytes on Linux
# No task runs longer than 168 hours (https://cloud.google.com/run/docs/configuring/task-timeout): after 8 days a
# temporary file of a process we know nothing about has no owner either.
_ABANDONED_S = 8 * 24 * 3600.0
# A directory with more entries is not searched for leftovers: looking would cost more than they do.
_SEARCHED_ENTRIES = 20_000

_searched: set[str] = set()  # directories this process has already searched for leftovers


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """created: by this call. same: the file holds exactly the bytes that were given. size_bytes: of those."""

    created: bool
    same: bool
    size_bytes: int


def create(path: str, chunks: Iterable[bytes]) -> Creation:
    """Write a file that must not exist yet. If it does, nothing is changed. Raises UnsupportedFilesystem, OSError."""
    directory = _prepared_directory(path)
    if os.path.lexists(path):  # a repeated task need not write a large file only to find that it is there
        sync_directory(directory)  # whoever made it may not have synced its name yet
        return _compared(path, chunks)
    with _temporary(path, chunks, mode=None) as (temporary, size_bytes):
        try:
            os.link(temporary, path)
        except FileExistsError:  # somebody was faster
            sync_directory(directory)
            with open(temporary, "rb") as ours:
                return _compared(path, iter(partial(ours.read, CHUNK_BYTES), b""))
        except OSError as error:
            if error.errno in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
                raise UnsupportedFilesystem(
                    error.errno,
                    f"the file system of {directory} has no hard links, so nothing can be written exactly once there; "
                    "use a local directory, or a gs:// location if it is a mounted bucket",
                ) from error
            raise
        sync_directory(directory)
    return Creation(created=True, same=True, size_bytes=size_bytes)


def replace(path: str, chunks: Iterable[bytes], *, durable: bool = True) -> int:
    """Write a file, in place of an older one if there is one: the number of bytes.

    Readers see the old content or the new, never a part. With `durable=False` a power cut (not a crash of the
    process) may bring the old content back.
    """
    directory = _prepared_directory(path)
    with _temporary(path, chunks, mode=_mode_of(path), durable=durable) as (temporary, size_bytes):
        os.rename(temporary, path)
        if durable:
            sync_directory(directory)
    return size_bytes


def sync_directory(directory: str) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: str) -> Generator[None, None, None]:
    """Hold an exclusive lock on the file `path`, made if missing. The kernel frees it when the process dies."""
    make_directory(os.path.dirname(path) or ".")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def make_directory(directory: str) -> None:
    """Make a directory and its parents, and make their names durable."""
    if os.path.isdir(directory):
        return
    parent = os.path.dirname(directory) or "."
    if parent != directory:
        make_directory(parent)
    with suppress(FileExistsError):
        os.mkdir(directory)
    if not os.path.isdir(directory):
        raise NotADirectoryError(errno.ENOTDIR, "a file stands where a directory is needed", directory)
    sync_directory(parent)


def _compared(path: str, chunks: Iterable[bytes]) -> Creation:
    same, size_bytes = True, 0
    with open(path, "rb") as file:
        for chunk in chunks:
            size_bytes += len(chunk)
            same = same and file.read(len(chunk)) == chunk
        same = same and not file.read(1)
    return Creation(created=False, same=same, size_bytes=size_bytes)


def _prepared_directory(path: str) -> str:
    directory = os.path.dirname(path) or "."
    make_directory(directory)
    if directory not in _searched:
        _searched.add(directory)
        _remove_leftovers(directory)
    return directory


@contextmanager
def _temporary(
    path: str, chunks: Iterable[bytes], *, mode: int | None, durable: bool = True
) -> Generator[tuple[str, int], None, None]:
    """A synced temporary file beside `path`, and its size. Removed at the end, unless it was renamed."""
    directory, name = os.path.split(path)
    kept = os.fsdecode(os.fsencode(name)[:_NAME_BYTES_KEPT])
    mark = ProcessMark.of_this_process().to_text()
    temporary = os.path.join(directory, f".{kept}.hkb-{mark}-{secrets.token_hex(4)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        try:
            if mode is not None:
                os.fchmod(descriptor, mode)
            size_bytes = sum(_write(descriptor, chunk) for chunk in chunks)
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        yield temporary, size_bytes
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)


def _write(descriptor: int, chunk: bytes) -> int:
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(descriptor, rest[:CHUNK_BYTES]) :]
    return len(chunk)


def _mode_of(path: str) -> int | None:
    """The permissions of the file to be replaced, which its successor keeps."""
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except FileNotFoundError:
        return None


def _remove_leftovers(directory: str) -> None:
    """Remove the temporary files of attempts that died in the middle of a write."""
    with os.scandir(directory) as entries:
        found = [entry for entry in islice(entries, _SEARCHED_ENTRIES) if _is_leftover(entry)]
    for entry in found:
        with suppress(FileNotFoundError):  # another task may be cleaning up too
            os.unlink(entry.path)


def _is_leftover(entry: os.DirEntry[str]) -> bool:
    match = _TEMPORARY.match(entry.name)
    if match is None:
        return False
    mark = ProcessMark.from_text(match["mark"])
    if mark is None:
        return False
    if mark.is_dead():
        return True
    try:
        return entry.stat(follow_symlinks=False).st_mtime < time.time() - _ABANDONED_S
    except FileNotFoundError:
        return False
