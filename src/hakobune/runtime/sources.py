"""Snapshots of source directories: copied once per content, kept under the hash of it, never changed again.

What a container image is to Cloud Run, a snapshot is here: a job's generation runs what its directory held when it was
deployed, whatever happens to the directory later. Its files may not be written to; attempts get copies of them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from threading import Event

from hakobune.core.errors import FailedPrecondition, Unavailable

# Never a part of a program: version control, caches, environments (they are built anew), and our own data.
SKIPPED = frozenset(
    {".git", ".hg", ".svn", "__pycache__", ".venv", "venv", "node_modules", ".hakobune", ".mypy_cache", ".ruff_cache"}
)
FILES_MAX = 50_000
BYTES_MAX = 4 * 1024**3
DEPTH_MAX = 100  # folders within folders; what removes a snapshot goes down as deep by recursion
_CHUNK_BYTES = 1024 * 1024  # an orderly stop waits for no more than this
_SYNC_BYTES = 64 * 1024 * 1024  # copied between two syncs, for the same reason


class Sources:
    """The snapshots of one data directory. All methods block: call them in a worker thread, one at a time."""

    def __init__(self, directory: Path, *, files_max: int = FILES_MAX, bytes_max: int = BYTES_MAX) -> None:
        self._root = directory / "sources"
        self._data = directory.resolve()
        self._files_max = files_max
        self._bytes_max = bytes_max

    def path(self, digest: str) -> Path:
        """Where a snapshot lies."""
        return self._root / digest

    def take(self, source: Path, stopped: Event | None = None) -> str:
        """Copy a directory unless the same content is here; returns its digest. On the disk when it returns.
        Raises FailedPrecondition with the remedy; Unavailable soon after `stopped` is set."""
        stopped = stopped or Event()
        try:
            if not source.is_dir():
                raise FailedPrecondition(f"The source directory {source} does not exist (or is no directory).")
            digest = self._digest(source, stopped)
            return digest if self.path(digest).exists() else self._copy(source, stopped)
        except FileNotFoundError as error:
            raise FailedPrecondition(
                f"The source {source} changed while it was copied ({error.filename} is gone): deploy again."
            ) from error
        except OSError as error:
            where = str(error.filename or source)
            raise FailedPrecondition(f"The source cannot be copied: {error.strerror}: {where[:1000]}.") from error

    def _entries(self, source: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """(relative path, entry) of everything that belongs to the program, in one order."""
        pending = [""]
        count = 0
        while pending:
            folder = pending.pop()
            if folder.count("/") >= DEPTH_MAX:
                raise FailedPrecondition(f"The source {source} has more than {DEPTH_MAX} folders within each other.")
            with os.scandir(source / folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
            for entry in entries:
                if entry.name in SKIPPED or self._is_own(entry):
                    continue
                count += 1
                if count > self._files_max:
                    raise FailedPrecondition(
                        f"The source {source} has more than {self._files_max} files: deploy a smaller one."
                    )
                path = f"{folder}/{entry.name}" if folder else entry.name
                yield path, entry
                if entry.is_dir(follow_symlinks=False):
                    pending.append(path)

    def _is_own(self, entry: os.DirEntry[str]) -> bool:
        """The data directory may lie inside the source."""
        return entry.is_dir(follow_symlinks=False) and Path(entry.path).resolve() == self._data

    def _digest(self, source: Path, stopped: Event) -> str:
        """Of names, kinds, contents and whether a file is executable: a copy has the digest of its original."""
        total = hashlib.sha256()
        size = 0
        for path, entry in self._entries(source):
            info = entry.stat(follow_symlinks=False)
            kind = stat.S_IFMT(info.st_mode)
            if kind not in (stat.S_IFDIR, stat.S_IFLNK, stat.S_IFREG):
                continue  # sockets and the like are no part of a program
            is_program = kind == stat.S_IFREG and bool(info.st_mode & 0o111)
            total.update(b"%b\0%d\0%d\0" % (os.fsencode(path), kind, is_program))
            if kind == stat.S_IFLNK:
                total.update(os.fsencode(os.readlink(entry.path)) + b"\0")
            elif kind == stat.S_IFREG:
                size += info.st_size
                if size > self._bytes_max:
                    raise FailedPrecondition(
                        f"The source {source} has more than {self._bytes_max / 1024**3:g} GiB: deploy a smaller one."
                    )
                content = hashlib.sha256()
                for chunk in _chunks(entry.path, stopped):
                    content.update(chunk)
                total.update(content.digest())
        return total.hexdigest()[:40]

    def _copy(self, source: Path, stopped: Event) -> str:
        """The digest of what was really copied: files may change meanwhile."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = self._root / f".partial-{os.getpid()}"
        shutil.rmtree(partial, ignore_errors=True)
        try:
            self._fill(source, partial, stopped)
            digest = self._digest(partial, stopped)
            target = self.path(digest)
            if target.exists():
                return digest
            os.sync()  # one sync for many files: a job that is ready has its source also after a power cut
            partial.rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)  # what is left of it is removed by the next sweep
        _sync_folder(self._root)
        _sync_folder(self._root.parent)
        return digest

    def _fill(self, source: Path, partial: Path, stopped: Event) -> None:
        partial.mkdir()
        unsynced_bytes = 0
        for path, entry in self._entries(source):
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode):
                (partial / path).mkdir()
            elif stat.S_ISLNK(mode):
                os.symlink(os.readlink(entry.path), partial / path)
            elif stat.S_ISREG(mode):
                with open(partial / path, "xb", buffering=0) as target:
                    for chunk in _chunks(entry.path, stopped):
                        _write_all(target.fileno(), chunk)
                        unsynced_bytes += len(chunk)
                        if unsynced_bytes >= _SYNC_BYTES:
                            os.sync()
                            unsynced_bytes = 0
                    os.fchmod(target.fileno(), 0o555 if mode & 0o111 else 0o444)

    def keep_only(self, digests: set[str]) -> None:
        """Remove snapshots that nothing refers to, and half ones."""
        if not self._root.is_dir():
            return
        for entry in self._root.iterdir():
            if entry.name not in digests:
                shutil.rmtree(entry, ignore_errors=True)


def _chunks(path: str, stopped: Event) -> Iterator[bytes]:
    """The content of a file. Raises OSError; Unavailable if the runtime stops meanwhile."""
    with open(path, "rb", buffering=0) as file:
        while True:
            if stopped.is_set():
                raise Unavailable("The runtime is stopping: the source is copied at the next start.")
            chunk = file.read(_CHUNK_BYTES)
            if not chunk:
                return
            yield chunk


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
