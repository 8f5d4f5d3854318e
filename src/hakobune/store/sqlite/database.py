"""The SQLite store: opening, reading, waiting, closing.

WAL mode with `synchronous=FULL`: a commit is on the disk when it is answered (durability "power"), or with NORMAL it
is with the kernel (durability "process": survives the death of every process, not a power cut).

One connection writes, migrates and checkpoints; the others only read. So no two connections ever touch the log at
once, and the log is cut back by the commit that fills it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread

from hakobune.core.errors import FailedPrecondition, Unavailable
from hakobune.store.api import CommitInfo, CommitInterceptor, Durability, ReadTx, WriteTx
from hakobune.store.sqlite.committer import Committer, storage_error
from hakobune.store.sqlite.jobs import Declarations
from hakobune.store.sqlite.lock import DirectoryLock
from hakobune.store.sqlite.schema import migrate
from hakobune.store.sqlite.transaction import SqliteReadTx
from hakobune.store.sqlite.writer import InlineWriter, ThreadWriter, Writer

T = TypeVar("T")

_FILE = "state.sqlite3"
_READERS = 4  # reads at once; each has a connection of its own
# 8 MiB of log between checkpoints. The commit that fills it waits for the copy: measured 7 ms at 1,000 pages, 10 at
# 2,000, 16 at 4,000, where the rate of commits is 20 % higher than at 1,000. A second thread that copies ahead gained
# nothing.
_CHECKPOINT_PAGES = 2_000
_LOG_KEPT_BYTES = 32 * 1024 * 1024  # a log that one large change made longer is cut back to this
_WRITER_CACHE_KIB = 8_192
_READER_CACHE_KIB = 1_024
_BUSY_S = 5.0  # somebody looks into the file with a tool of his own: wait, but answer within ten seconds


class NoInterceptor:
    """The default: commits pass."""

    def before_commit(self, seq: int) -> None:
        """Nothing."""

    def after_commit(self, info: CommitInfo) -> None:
        """Nothing."""


def _connect(path: Path, mode: str, cache_kib: int) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,  # transactions are begun by hand
        check_same_thread=False,  # a connection changes hands between worker threads, never shared at once
        cached_statements=256,
        timeout=_BUSY_S,
    )
    try:
        connection.row_factory = sqlite3.Row
        connection.execute(f"PRAGMA cache_size = -{cache_kib}")
        connection.execute("PRAGMA temp_store = MEMORY")  # a read must not need the disk that is full
    except BaseException:
        connection.close()
        raise
    return connection


def connect_writer(path: Path, durability: Durability) -> sqlite3.Connection:
    """The connection that writes, with the schema up to date. Makes the file. Raises CorruptStore, sqlite3.Error."""
    connection = _connect(path, "rwc", _WRITER_CACHE_KIB)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durability is Durability.POWER else 'NORMAL'}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {_LOG_KEPT_BYTES}")
        # Debian builds SQLite so that whatever is deleted is overwritten, and pages that become free are written for
        # it: the removal of messages took three times as long. FAST overwrites where that costs no page more.
        connection.execute("PRAGMA secure_delete = FAST")
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


class SqliteStore:
    """One database file in a data directory, or (for simulations) one connection of the caller's."""

    def __init__(
        self,
        make_writer: Callable[[Callable[[int], None]], Writer],
        declarations: Declarations,
        seq: int,
        path: Path | None,
        lock: DirectoryLock | None,
    ) -> None:
        self._declarations = declarations
        self._path = path
        self._lock = lock
        self._idle_readers: list[sqlite3.Connection] = []
        self._readers_guard = threading.Lock()
        self._limiter = anyio.CapacityLimiter(_READERS)
        self._is_closed = False
        self._under_way = 0
        self._seq = seq
        self._changed = asyncio.Event()
        self._writer = make_writer(self._committed)

    @classmethod
    async def open(
        cls,
        directory: Path,
        *,
        durability: Durability = Durability.POWER,
        folders: Sequence[str] = (),
        interceptor: CommitInterceptor | None = None,
    ) -> SqliteStore:
        """Lock the directory, migrate, start the writer. Makes the directory, its files and `folders` in it, for their
        owner only, and their names last.
        Raises DataDirectoryInUse, CorruptStore, FailedPrecondition (the directory cannot be used)."""
        lock = connection = None
        path = directory / _FILE
        try:
            made = _make_directory(directory)
            lock = DirectoryLock(directory)
            for folder in folders:
                (directory / folder).mkdir(mode=0o700, exist_ok=True)
            _keep_private(path)
            connection = connect_writer(path, durability)
            # A new file survives a power cut only with its directory entry; who made it may have died before this.
            for place in made:
                _sync_directory(place)
            declarations = Declarations()
            committer = Committer(connection, declarations, interceptor or NoInterceptor())
        except BaseException as error:
            if connection is not None:
                connection.close()
            if lock is not None:
                lock.release()
            if isinstance(error, sqlite3.Error):
                raise storage_error(error) from error
            if isinstance(error, OSError):
                raise FailedPrecondition(f"The data directory {directory} cannot be used: {error}.") from error
            raise
        return cls(lambda tell: ThreadWriter(committer, tell), declarations, committer.seq, path, lock)

    @classmethod
    def inline(cls, connection: sqlite3.Connection, interceptor: CommitInterceptor | None = None) -> SqliteStore:
        """On a caller's connection, without threads: for simulations. The connection outlives the store."""
        connection.isolation_level = None
        connection.row_factory = sqlite3.Row
        migrate(connection)
        declarations = Declarations()
        committer = Committer(connection, declarations, interceptor or NoInterceptor())
        return cls(lambda tell: InlineWriter(connection, committer, tell), declarations, committer.seq, None, None)

    @property
    def queue_depth(self) -> int:
        """Units of work waiting for the writer."""
        return self._writer.depth

    @property
    def under_way(self) -> int:
        """Reads and units of work that somebody waits for."""
        return self._under_way

    async def write(self, unit: Callable[[WriteTx], T]) -> T:
        """Run a unit of work; return its value once it is durable."""
        self._under_way += 1
        try:
            return await self._writer.run(unit)
        finally:
            self._under_way -= 1

    def _committed(self, seq: int) -> None:
        if seq > self._seq:
            self._seq = seq
            changed, self._changed = self._changed, asyncio.Event()
            changed.set()

    async def read(self, unit: Callable[[ReadTx], T]) -> T:
        """Run a read of one instant, in a worker thread."""
        if isinstance(self._writer, InlineWriter):
            await asyncio.sleep(0)
            return unit(SqliteReadTx(self._writer.connection, self._declarations))
        self._under_way += 1
        try:
            return await anyio.to_thread.run_sync(self._read, unit, limiter=self._limiter)
        finally:
            self._under_way -= 1

    def _read(self, unit: Callable[[ReadTx], T]) -> T:
        try:
            connection = self._take_reader()
            try:
                connection.execute("BEGIN")
                value = unit(SqliteReadTx(connection, self._declarations))
                connection.execute("ROLLBACK")
            except BaseException:
                connection.close()  # in what state it is, nobody knows
                raise
        except sqlite3.Error as error:
            raise storage_error(error) from error
        self._give_reader_back(connection)
        return value

    def _take_reader(self) -> sqlite3.Connection:
        with self._readers_guard:
            if self._is_closed:
                raise Unavailable("The runtime is stopping.")
            if self._idle_readers:
                return self._idle_readers.pop()
        assert self._path is not None  # only a store without threads has none
        return _connect(self._path, "ro", _READER_CACHE_KIB)

    def _give_reader_back(self, connection: sqlite3.Connection) -> None:
        with self._readers_guard:
            if not self._is_closed:
                self._idle_readers.append(connection)
                return
        connection.close()

    async def wait_for_change(self, since: int, timeout_s: float) -> int:
        """The newest commit number, as soon as it is above `since` or after `timeout_s`."""
        with anyio.move_on_after(timeout_s):
            while self._seq <= since:
                await self._changed.wait()
        return self._seq

    async def close(self) -> None:
        """Commit what is queued, close, unlock."""
        with self._readers_guard:
            self._is_closed = True
            readers, self._idle_readers = self._idle_readers, []
        for connection in readers:
            connection.close()  # before the writer's: the last to close writes the log back
        await self._writer.close()
        if self._lock is not None:
            self._lock.release()


def _make_directory(directory: Path) -> list[Path]:
    """Make a directory and its parents, for the owner only. Return whose entries must be synced for it to last."""
    places = [directory, directory.parent]
    while not places[-1].exists():
        places.append(places[-1].parent)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return places


def _keep_private(path: Path) -> None:
    """Make a file for its owner only, before SQLite would make it for everyone; its log and index get the same
    rights. One of an older version is taken from the others."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError, PermissionError):
            os.chmod(f"{path}{suffix}", 0o600)


def _sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
