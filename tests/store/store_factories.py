"""Every implementation of the store, each able to open one memory again and again."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from hakobune.store.api import CommitInterceptor
from hakobune.store.sqlite.database import NoInterceptor, SqliteStore


class FileStores:
    """SQLite in a directory, with the writer's thread and group commit."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    async def open(self, interceptor: CommitInterceptor | None = None) -> SqliteStore:
        return await SqliteStore.open(self.directory, interceptor=interceptor)

    def close(self) -> None:
        """The directory is pytest's."""


class InlineStores:
    """SQLite on one connection in memory, without threads, as simulations use it."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)

    async def open(self, interceptor: CommitInterceptor | None = None) -> SqliteStore:
        return SqliteStore.inline(self.connection, interceptor or NoInterceptor())

    def close(self) -> None:
        self.connection.close()


Stores = FileStores | InlineStores
