"""The one writer: a thread that runs units of work in groups, one transaction and one sync a group.

Units that arrive while a commit is on its way to the disk wait in the queue and share the next transaction, so the
busier the house, the cheaper a durable change. Each unit of a group has a savepoint of its own: one that raises is
rolled back alone. Callers hear of success only after the commit.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import Protocol, TypeVar

from hakobune.core.errors import Unavailable
from hakobune.store.sqlite.committer import Committer, Request
from hakobune.store.sqlite.transaction import SqliteWriteTx

T = TypeVar("T")

GROUP_MAX = 256  # units of one transaction: bounds the time that the first waits for the last


class Writer(Protocol):
    """Runs units of work durably, one group at a time."""

    async def run(self, unit: Callable[[SqliteWriteTx], T]) -> T:
        """Return what `unit` returned once it is durable."""
        ...

    @property
    def depth(self) -> int:
        """Units waiting."""
        ...

    async def close(self) -> None:
        """Commit what is queued, then end."""
        ...


class ThreadWriter:
    """The writer of a running house: its own thread, group commit. It owns the connection.

    `on_commit` hears the number of each commit, on the event loop.
    """

    def __init__(self, committer: Committer, on_commit: Callable[[int], None]) -> None:
        self._queue: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._committer = committer
        self._on_commit = on_commit
        self._refusal = ""  # why nothing is accepted any more
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._thread.start()

    @property
    def depth(self) -> int:
        """Units waiting."""
        return self._queue.qsize()

    async def run(self, unit: Callable[[SqliteWriteTx], T]) -> T:
        """Queue a unit and wait for its commit. A cancelled caller does not undo it."""
        if self._refusal:
            raise Unavailable(self._refusal)
        request = Request(unit=unit, future=self._loop.create_future())
        self._queue.put(request)
        return await request.future  # type: ignore[return-value]  # the future carries what `unit` returned

    def _work(self) -> None:
        group: list[Request] = []
        try:
            while self._gather(group):
                self._committer.commit(group)
                self._tell(self._answer, group, self._committer.seq)
                group = []
                self._sweep()
        except BaseException as error:  # noqa: BLE001 - this thread must never end unheard: every caller is told why
            self._tell(self._stop, group, error)
        finally:
            self._committer.connection.close()

    def _gather(self, group: list[Request]) -> bool:
        """Wait for a unit, and take what else is there. False when the writer is closed."""
        request = self._queue.get()
        while request is not None:
            group.append(request)
            if len(group) == GROUP_MAX:
                return True
            try:
                request = self._queue.get_nowait()
            except queue.Empty:
                return True
        if group:
            self._queue.put(None)  # first this group, then the end
        return bool(group)

    def _sweep(self) -> None:
        """Remove rows of what is gone: a little after each commit, more while nobody waits."""
        while self._committer.sweep() and self._queue.empty():
            pass

    def _tell(self, function: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits for an answer any more
            self._loop.call_soon_threadsafe(function, *arguments)

    def _answer(self, group: list[Request], seq: int) -> None:
        self._on_commit(seq)
        for request in group:
            if request.future.cancelled():
                continue
            if request.error is not None:
                request.future.set_exception(request.error)
            else:
                request.future.set_result(request.value)

    def _stop(self, group: list[Request], cause: BaseException) -> None:
        """The writer cannot go on: refuse what waits and what will come. (On the loop, so that `run` cannot race.)"""
        self._refusal = f"The store has stopped: {cause!r}. Restart the runtime."
        while True:
            try:
                request = self._queue.get_nowait()
            except queue.Empty:
                break
            if request is not None:
                group.append(request)
        for request in group:
            if not request.future.done():
                error = Unavailable(self._refusal)
                error.__cause__ = cause
                request.future.set_exception(error)

    async def close(self) -> None:
        """Commit what is queued, then end the thread."""
        if not self._refusal:
            self._refusal = "The runtime is stopping."
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)


class InlineWriter:
    """The writer of a simulation: no thread, so that a seed repeats. One unit a commit."""

    def __init__(self, connection: sqlite3.Connection, committer: Committer, on_commit: Callable[[int], None]) -> None:
        self._committer = committer
        self._on_commit = on_commit
        self.connection = connection

    @property
    def depth(self) -> int:
        """Nothing ever waits."""
        return 0

    async def run(self, unit: Callable[[SqliteWriteTx], T]) -> T:
        """Run and commit at once, then let others run."""
        request = Request(unit=unit, future=asyncio.get_running_loop().create_future())
        self._committer.commit([request])
        self._committer.sweep()
        self._on_commit(self._committer.seq)
        await asyncio.sleep(0)
        if request.error is not None:
            raise request.error
        return request.value  # type: ignore[return-value]  # as above

    async def close(self) -> None:
        """Nothing is ever queued."""
