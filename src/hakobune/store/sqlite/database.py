"""The SQLite store: opening, migrating, reading, closing.

WAL mode with `synchronous=FULL`: a commit is on the disk when it is answered (durability "power"), or with NORMAL it
is with the kernel (durability "process": survives the death of every process, not a power cut).
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread

from hakobune.core.errors import CorruptStore
from hakobune.store.api import CommitInfo, CommitInterceptor, Durability, ReadTx, WriteTx
from hakobune.store.queries import migrations
from hakobune.store.sqlite.lock import DirectoryLock
from hakobune.store.sqlite.transaction import SqliteReadTx
from hakobune.store.sqlite.writer import InlineWriter, ThreadWriter, Writer, storage_error

T = TypeVar("T")

_READERS = 4  # reads at once; each has a connection of its own
_CHECKPOINT_PAGES = 4_000  # about 16 MiB of WAL between checkpoints


class NoInterceptor:
    """The default: commits pass."""

    def before_commit(self, seq: int) -> None:
        """Nothing."""

    def after_commit(self, info: CommitInfo) -> None:
        """Nothing."""


def connect(path: str, durability: Durability) -> sqlite3.Connection:
    """A connection with our settings. Transactions are begun by hand."""
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=256, timeout=30.0, uri=True
    )
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={'FULL' if durability is Durability.POWER else 'NORMAL'}")
    connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
    connection.execute("PRAGMA temp_store=MEMORY")
    return connection


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema to the newest version, under the database's write lock. Raises CorruptStore if the file was
    written by a newer version."""
    steps = migrations()
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version > len(steps):
            raise CorruptStore(
                f"The data directory was written by a newer version (schema {version}, this one knows {len(steps)}). "
                "Upgrade hakobune.",
            )
        for number, _, text in steps[version:]:
            for statement in _statements(text):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _statements(text: str) -> list[str]:
    """Single statements of a script: `executescript` would commit our transaction."""
    found: list[str] = []
    rest = ""
    for line in text.splitlines(keepends=True):
        rest += line
        if sqlite3.complete_statement(rest):
            found.append(rest)
            rest = ""
    return found


class SqliteStore:
    """One database file in a data directory."""

    def __init__(self, connect_again: Callable[[], sqlite3.Connection], writer: Writer, lock: DirectoryLock | None):
        self._connect = connect_again
        self._writer = writer
        self._lock = lock
        self._idle_readers: list[sqlite3.Connection] = []
        self._readers_guard = threading.Lock()
        self._limiter = anyio.CapacityLimiter(_READERS)
        self._changed = asyncio.Event()

        self._is_inline = isinstance(writer, InlineWriter)

    @classmethod
    async def open(
        cls,
        directory: Path,
        *,
        durability: Durability = Durability.POWER,
        interceptor: CommitInterceptor | None = None,
    ) -> SqliteStore:
        """Lock the directory, migrate, start the writer. Raises DataDirectoryInUse, CorruptStore."""
        directory.mkdir(parents=True, exist_ok=True)
        lock = DirectoryLock(directory)
        path = str(directory / "state.sqlite3")
        try:
            is_new = not os.path.exists(path)
            with closing(connect(path, durability)) as connection:
                migrate(connection)
            if is_new:
                _sync_directory(directory)

            def connect_again() -> sqlite3.Connection:
                return connect(path, durability)

            writer = ThreadWriter(connect_again, interceptor or NoInterceptor())
        except sqlite3.Error as error:
            lock.release()
            raise storage_error(error) from error
        except BaseException:
            lock.release()
            raise
        return cls(connect_again, writer, lock)

    @classmethod
    def inline(cls, connection: sqlite3.Connection, interceptor: CommitInterceptor) -> SqliteStore:
        """On a caller's connection, without threads: for simulations. The connection outlives the store."""
        migrate(connection)
        return cls(lambda: connection, InlineWriter(connection, interceptor), None)

    @property
    def queue_depth(self) -> int:
        """Units of work waiting for the writer."""
        return self._writer.depth if isinstance(self._writer, ThreadWriter) else 0

    async def write(self, unit: Callable[[WriteTx], T]) -> T:
        """Run a unit of work; return its value once it is durable."""
        value = await self._writer.run(unit)
        self._changed.set()
        self._changed = asyncio.Event()
        return value

    async def read(self, unit: Callable[[ReadTx], T]) -> T:
        """Run a read of one instant, in a worker thread."""
        if self._is_inline:
            await asyncio.sleep(0)
            return unit(SqliteReadTx(self._connect()))
        return await anyio.to_thread.run_sync(self._read, unit, limiter=self._limiter)

    def _read(self, unit: Callable[[ReadTx], T]) -> T:
        with self._readers_guard:
            connection = self._idle_readers.pop() if self._idle_readers else None
        if connection is None:
            connection = self._connect()
        try:
            connection.execute("BEGIN")
            try:
                return unit(SqliteReadTx(connection))
            finally:
                connection.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            raise storage_error(error) from error
        finally:
            with self._readers_guard:
                self._idle_readers.append(connection)

    async def wait_for_change(self, since: int, timeout_s: float) -> int:
        """The newest commit number, as soon as it is above `since` or after `timeout_s`."""
        with anyio.move_on_after(timeout_s):
            while True:
                changed = self._changed
                seq = await self.read(lambda tx: tx.seq)
                if seq > since:
                    return seq
                await changed.wait()
        return await self.read(lambda tx: tx.seq)

    async def close(self) -> None:
        """Commit what is queued, close, unlock."""
        await self._writer.close()
        for connection in self._idle_readers:
            connection.close()
        if self._lock is not None:
            self._lock.release()


def _sync_directory(directory: Path) -> None:
    """A new file survives a power cut only with its directory entry."""
    for place in (directory, directory.parent):
        fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
