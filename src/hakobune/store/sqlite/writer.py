"""The one writer: a thread that runs units of work in groups, one transaction and one sync a group.

Units that arrive while a commit is on its way to the disk wait in the queue and share the next transaction, so the
busier the house, the cheaper a durable change. Each unit of a group has a savepoint of its own: one that raises is
rolled back alone. Callers hear of success only after the commit.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from hakobune.core.errors import HakobuneError, ResourceExhausted, Unavailable
from hakobune.store.api import CommitInfo, CommitInterceptor
from hakobune.store.sqlite.transaction import SqliteWriteTx

T = TypeVar("T")

GROUP_MAX = 256  # units of one transaction: bounds the time that the first waits for the last


class Writer(Protocol):
    """Runs units of work durably, one group at a time."""

    async def run(self, unit: Callable[[SqliteWriteTx], T]) -> T: ...

    async def close(self) -> None: ...


@dataclass(slots=True)
class _Request(Generic[T]):
    unit: Callable[[SqliteWriteTx], T]
    future: asyncio.Future[T]
    value: T | None = None
    error: BaseException | None = None


class Committer:
    """Runs a group of units in one transaction on one connection. Knows the last commit number."""

    def __init__(self, connection: sqlite3.Connection, interceptor: CommitInterceptor) -> None:
        self.connection = connection
        self.interceptor = interceptor
        row = connection.execute("SELECT value FROM meta WHERE key = 'seq'").fetchone()
        self.seq = int(row[0]) if row else 0

    def commit(self, requests: list[_Request[object]]) -> None:
        """Fill in `value` or `error` of every request. Never raises for what a unit or the disk did."""
        started_s = time.perf_counter()
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            transaction = SqliteWriteTx(self.connection, self.seq + 1)
            for request in requests:
                self._run(request, transaction)
            if not transaction.is_changed:
                self.connection.execute("ROLLBACK")
                return
            transaction.set_meta("seq", str(self.seq + 1))
            self.interceptor.before_commit(self.seq + 1)
            self.connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._fail(requests, error)
            return
        self.seq += 1
        self.interceptor.after_commit(
            CommitInfo(seq=self.seq, units=len(requests), elapsed_s=time.perf_counter() - started_s),
        )

    def _run(self, request: _Request[object], transaction: SqliteWriteTx) -> None:
        self.connection.execute("SAVEPOINT unit")
        try:
            request.value = request.unit(transaction)
        except sqlite3.OperationalError:
            raise  # the disk: no unit of this group can be kept
        except Exception as error:  # noqa: BLE001 - whatever a unit raises is its caller's, and must not stop its neighbours
            request.error = error
            self.connection.execute("ROLLBACK TO unit")
        self.connection.execute("RELEASE unit")

    def _fail(self, requests: list[_Request[object]], error: sqlite3.Error) -> None:
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")
        for request in requests:
            request.error = storage_error(error)


def storage_error(error: sqlite3.Error) -> HakobuneError:
    """The error that users see when the disk refuses."""
    text = str(error)
    if "full" in text:
        failure: HakobuneError = ResourceExhausted(
            "The disk of the data directory is full: nothing was changed. Free space and try again.",
        )
    else:
        failure = Unavailable(f"The store cannot write now ({text}): nothing was changed. Try again.")
    failure.__cause__ = error
    return failure


class ThreadWriter:
    """The writer of a running house: its own thread, group commit."""

    def __init__(self, connect: Callable[[], sqlite3.Connection], interceptor: CommitInterceptor) -> None:
        self._queue: queue.SimpleQueue[_Request[object] | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._committer = Committer(connect(), interceptor)
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._thread.start()

    @property
    def depth(self) -> int:
        """Units waiting."""
        return self._queue.qsize()

    async def run(self, unit: Callable[[SqliteWriteTx], T]) -> T:
        """Queue a unit and wait for its commit. A cancelled caller does not undo it."""
        if self._is_closed:
            raise Unavailable("The runtime is stopping.")
        request: _Request[object] = _Request(unit=unit, future=self._loop.create_future())
        self._queue.put(request)
        return await request.future  # type: ignore[return-value]  # the future carries what `unit` returned

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            group = [first]
            is_last = False
            while len(group) < GROUP_MAX:
                try:
                    request = self._queue.get_nowait()
                except queue.Empty:
                    break
                if request is None:
                    is_last = True
                    break
                group.append(request)
            self._committer.commit(group)
            self._loop.call_soon_threadsafe(_answer, group)
            if is_last:
                break
        self._committer.connection.close()

    async def close(self) -> None:
        """Commit what is queued, then end the thread."""
        self._is_closed = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)


class InlineWriter:
    """The writer of a simulation: no thread, so that a seed repeats. One unit a commit."""

    def __init__(self, connection: sqlite3.Connection, interceptor: CommitInterceptor) -> None:
        self._committer = Committer(connection, interceptor)

    async def run(self, unit: Callable[[SqliteWriteTx], T]) -> T:
        """Run and commit at once, then let others run."""
        request: _Request[object] = _Request(unit=unit, future=asyncio.get_running_loop().create_future())
        self._committer.commit([request])
        await asyncio.sleep(0)
        if request.error is not None:
            raise request.error
        return request.value  # type: ignore[return-value]  # as above

    async def close(self) -> None:
        """Nothing is ever queued."""


def _answer(group: list[_Request[object]]) -> None:
    for request in group:
        if request.future.cancelled():
            continue
        if request.error is not None:
            request.future.set_exception(request.error)
        else:
            request.future.set_result(request.value)
