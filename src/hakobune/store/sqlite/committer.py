"""Runs a group of units in one transaction, and turns what SQLite says into errors of ours."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hakobune.core.errors import DamagedStore, HakobuneError, ResourceExhausted, Unavailable
from hakobune.store.api import CommitInfo, CommitInterceptor
from hakobune.store.queries import queries
from hakobune.store.sqlite.jobs import Declarations
from hakobune.store.sqlite.transaction import SqliteWriteTx

_SWEEP_ROWS = 2_000  # rows of one bite: about 5 ms

_FULL = {sqlite3.SQLITE_FULL}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_PASSING = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_INTERRUPT,
}


def storage_error(error: sqlite3.Error) -> HakobuneError:
    """What users are told when SQLite refuses."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = code & 0xFF if isinstance(code, int) else None
    failure: HakobuneError
    if primary in _FULL:
        failure = ResourceExhausted(
            "The disk of the data directory is full: nothing was changed. Free space and try again."
        )
    elif primary in _DAMAGED:
        failure = DamagedStore(
            f"The file state.sqlite3 in the data directory is damaged ({error}). Stop the runtime, keep a copy of the "
            "directory, and restore it from a backup or start with an empty --data."
        )
    elif primary in _PASSING:
        failure = Unavailable(f"The store cannot be used now ({error}): nothing was changed. Try again.")
    else:
        failure = HakobuneError(f"The store refused a statement ({error}). Please report this as a bug.")
    failure.__cause__ = error
    return failure


@dataclass(slots=True)
class Request:
    """A unit of work on its way: it ends with a value or an error."""

    unit: Callable[[SqliteWriteTx], object]
    future: asyncio.Future[object]
    value: object = None
    error: BaseException | None = None


class Committer:
    """Runs groups of units on one connection. Knows the last commit number."""

    def __init__(
        self, connection: sqlite3.Connection, declarations: Declarations, interceptor: CommitInterceptor
    ) -> None:
        self.connection = connection
        self._declarations = declarations
        self._interceptor = interceptor
        self._sql = queries("changes")
        row = connection.execute(self._sql["get_meta"], {"key": "seq"}).fetchone()
        self.seq = int(row[0]) if row else 0
        self._may_have_leavings = True

    def commit(self, requests: Sequence[Request]) -> None:
        """Fill in `value` or `error` of every request. Raises only if the connection cannot be used any more."""
        started_s = time.perf_counter()
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            transaction = SqliteWriteTx(self.connection, self._declarations, self.seq + 1)
            is_alone = len(requests) == 1
            changes = sum([self._run(request, transaction, is_alone) for request in requests])
            if not changes:
                self.connection.execute("ROLLBACK")
                return
            transaction.set_meta("seq", str(self.seq + 1))
            self._interceptor.before_commit(self.seq + 1)
            self.connection.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001 - the callers get it, whatever it is: nothing was changed
            self._roll_back()
            _fail(requests, error)
            return
        self.seq += 1
        self._may_have_leavings |= transaction.jobs.has_left or transaction.workflows.has_left
        try:
            self._interceptor.after_commit(
                CommitInfo(seq=self.seq, units=len(requests), elapsed_s=time.perf_counter() - started_s)
            )
        except BaseException as error:  # noqa: BLE001 - committed, but the answers are lost, as in a crash
            _fail(requests, error)

    def _run(self, request: Request, transaction: SqliteWriteTx, is_alone: bool) -> int:
        """Run one unit; how many rows it changed. Raises if SQLite gave the whole transaction up."""
        if not is_alone:
            self.connection.execute("SAVEPOINT unit")
        before = self.connection.total_changes
        try:
            request.value = request.unit(transaction)
        except BaseException as error:
            if not self.connection.in_transaction:
                raise  # the disk: no unit of this group can be kept
            _fail([request], error)  # what a unit raises is its caller's, and must not stop its neighbours
            self._declarations.forget()
            if is_alone:
                return 0
            self.connection.execute("ROLLBACK TO unit")
            before = self.connection.total_changes
        if not is_alone:
            self.connection.execute("RELEASE unit")
        return self.connection.total_changes - before

    def _roll_back(self) -> None:
        self._declarations.forget()
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def sweep(self) -> bool:
        """Remove some rows of executions that are gone. True while there may be more."""
        if not self._may_have_leavings:
            return False
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            self._may_have_leavings = self._bite()
            self.connection.execute("COMMIT")
        except sqlite3.Error:
            # Nothing is lost by waiting: tried again after the next commit, whose own error tells what is wrong.
            self._roll_back()
            return False
        return self._may_have_leavings

    def _bite(self) -> bool:
        leaving = self.connection.execute(self._sql["next_leaving"]).fetchone()
        if leaving is None:
            return self._bite_of_workflows()
        parameters: dict[str, object] = {
            "execution_id": leaving["execution_id"],
            "first": f"{leaving['uid']}.",
            "last": f"{leaving['uid']}/",  # "/" follows "."
        }
        left = _SWEEP_ROWS
        for name in ("sweep_tasks", "sweep_attempts", "sweep_effects"):
            left -= self.connection.execute(self._sql[name], {**parameters, "limit": left}).rowcount
            if left <= 0:
                return True
        self.connection.execute(self._sql["left"], parameters)
        return True

    def _bite_of_workflows(self) -> bool:
        sql = queries("workflows")
        hidden = self.connection.execute(sql["next_hidden"]).fetchone()
        if hidden is None:
            return False
        parameters: dict[str, object] = {"id": hidden["id"], "limit": _SWEEP_ROWS}
        if self.connection.execute(sql["sweep_journal"], parameters).rowcount < _SWEEP_ROWS:
            self.connection.execute(sql["delete_execution"], {"id": hidden["id"]})
        return True


def _fail(requests: Sequence[Request], error: BaseException) -> None:
    """Give every request that has no error of its own this one."""
    told: BaseException = error
    if isinstance(error, sqlite3.Error):
        told = storage_error(error)
    elif isinstance(error, (StopIteration, StopAsyncIteration)):
        told = RuntimeError("a unit of work raised StopIteration")  # a future cannot carry it
        told.__cause__ = error
    for request in requests:
        if request.error is None:
            request.error = told
