"""Effects done once per key.

An entry goes absent → begun → done. `begun` is a right that expires; `done` keeps the result for ever, and who comes
later gets that result instead of doing the effect again. What a crash leaves behind depends on where the ledger is:

* On a connection, within your transaction: the mark commits with your own rows. A crash before the commit takes both
  back, a crash after it keeps both. An effect inside the same database happens exactly once. Callers of the same key
  wait for the transaction that was first.
* In a directory, under a gs:// prefix, or on a connection that commits each statement: `begun` is stored before the
  effect, `done` after it. A crash in between leaves `begun`, and the effect is done again: at least once. Hand the
  idempotency key on to the other system, which then sees one effect. The next caller takes over when the lease has
  run out, or at once if the owner is known to be dead: an earlier attempt of the same task, or (directory and SQLite)
  a process of this machine that is gone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeVar, cast

from hakobune.sdk import objects
from hakobune.sdk.cells import (
    DEFAULT_TABLE,
    Cell,
    Record,
    RowCell,
    create_table,
    decoded,
    encoded,
    file_cell,
    object_cell,
)
from hakobune.sdk.databases import Connection, Database, is_error
from hakobune.sdk.errors import CorruptRecord, InProgress, LeaseLost
from hakobune.sdk.ids import stable_id
from hakobune.sdk.owners import Owner

T = TypeVar("T")

DEFAULT_LEASE_S = 900.0
_FIRST_POLL_S = 0.05
_LAST_POLL_S = 2.0
_SPACE_PREFIX = "ledger-"
_NOT_A_LEASE_S = 0.0  # an expiry in the past: the entry is free


class Effect:
    """One effect under its key, as `Ledger.once` hands it out."""

    def __init__(self, key: str, idempotency_key: str, *, is_done: bool, result: object) -> None:
        self.key = key
        self.idempotency_key = idempotency_key
        """The same for this key on every attempt; hand it on to systems that accept one."""
        self.is_done = is_done
        """True if the effect was done before: skip it and use `result`."""
        self.result = result
        """What the effect returned (JSON). Set it before the block ends; None unless you do."""


class Ledger:
    """Keeps which effects are done, and their results.

    `where`: a directory, a gs:// prefix, or a sqlite3 or psycopg connection. `name` separates ledgers in one place.
    `lease_s`: how long an effect may take before another caller may take over. Clocks of different machines may
    differ: `lease_s` must exceed the longest effect by more than that. `table` counts for connections; it is made if
    missing (within your transaction). `clock` and `sleep` are for tests.
    """

    def __init__(
        self,
        where: str | os.PathLike[str] | Connection,
        *,
        name: str = "default",
        lease_s: float = DEFAULT_LEASE_S,
        table: str = DEFAULT_TABLE,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if lease_s <= 0:
            raise ValueError(f"lease_s must be positive, not {lease_s}")
        self._name = name
        self._lease_s = lease_s
        self._clock = clock
        self._sleep = sleep
        self._address = os.fspath(where) if isinstance(where, (str, os.PathLike)) else ""
        self._database: Database | None = None
        if not isinstance(where, (str, os.PathLike)):
            self._database = Database.of(where)
            self._table = self._database.table(table)
            create_table(self._database, self._table)

    def do(self, key: str, effect: Callable[[str], T], *, wait_s: float = 0.0) -> T:
        """The result of `effect(idempotency_key)`, which is called unless it is done already.

        The result must be JSON and comes back as JSON keeps it (a tuple becomes a list), also the first time.
        Raises InProgress if another caller is still at work after `wait_s` seconds; LeaseLost if the effect took so
        long that another caller took over; what `effect` raises (the effect then counts as not done).
        """
        with self.once(key, wait_s=wait_s) as entry:
            if not entry.is_done:
                entry.result = effect(entry.idempotency_key)
        return cast("T", entry.result)

    @contextmanager
    def once(self, key: str, *, wait_s: float = 0.0) -> Generator[Effect, None, None]:
        """A block that does the effect of `key`, unless `is_done` says that it is done.

        The effect is marked as done when the block ends without an exception. Errors as for `do`.
        """
        cell = self._cell(key)
        owner = Owner.new()
        idempotency_key = stable_id("ledger", self._name, key)
        record, version = self._claim(cell, owner, key, wait_s)
        if version is None:
            yield Effect(key, idempotency_key, is_done=True, result=record.get("result"))
            return
        entry = Effect(key, idempotency_key, is_done=False, result=None)
        try:
            yield entry
            # As JSON keeps it, so that the first caller sees what all later ones will see.
            done = _record(key, "done", owner, _NOT_A_LEASE_S, entry.result)
            encoded(done)
        except BaseException as error:
            self._give_back(cell, owner, key, version, error)
            raise
        if cell.swap(version, done) is None:
            raise LeaseLost(
                f"the effect of {key!r} took longer than {self._lease_s:g} s and another caller took it over; "
                "it may have been done twice, under one idempotency key. Use a longer lease_s"
            )
        entry.result = _as_kept(done)

    def _claim(self, cell: Cell, owner: Owner, key: str, wait_s: float) -> tuple[Record, int | None]:
        """The entry as it is now, and the version that is ours; None if it is done."""
        deadline = self._clock() + wait_s
        pause_s = _FIRST_POLL_S
        # Writing first matters on a connection: the first write waits for whoever is at work on the key.
        expected: int | None = None
        while True:
            begun = _record(key, "begun", owner, self._clock() + self._lease_s, None)
            version = self._swap(cell, expected, begun, key)
            if version is not None:
                return begun, version
            while (found := cell.read()) is not None:
                state, expires_at = _state(found.record, key)
                if state == "done":
                    return found.record, None
                holder = Owner.from_record(found.record.get("owner"))
                is_gone = holder is None or holder.is_gone(owner, is_local=cell.is_local)
                if expires_at <= self._clock() or is_gone:
                    break
                rest_s = deadline - self._clock()
                if rest_s <= 0:
                    raise InProgress(key, expires_at)
                self._sleep(min(pause_s, rest_s))
                pause_s = min(2 * pause_s, _LAST_POLL_S)
            expected = None if found is None else found.version  # None: rolled back or removed since

    def _swap(self, cell: Cell, expected: int | None, record: Record, key: str) -> int | None:
        try:
            return cell.swap(expected, record)
        except Exception as error:
            # Another transaction holds SQLite's write lock (https://www.sqlite.org/rescode.html#busy), or
            # PostgreSQL's lock_timeout has run out.
            if is_error(error, sqlite_text="database is locked", sqlstate="55P03"):
                raise InProgress(key, None) from error
            raise

    def _give_back(self, cell: Cell, owner: Owner, key: str, version: int, cause: BaseException) -> None:
        """Let the next caller begin at once. The lease does it later if this fails, so the cause stays the error."""
        if self._database is not None and not self._database.can_execute():
            return  # the failed transaction takes the mark back
        try:
            cell.swap(version, _record(key, "begun", owner, _NOT_A_LEASE_S, None))
        except Exception as error:  # noqa: BLE001 - the effect's own error is on its way and must not be hidden
            cause.add_note(f"the ledger could not give {key!r} back ({error}): it is free in {self._lease_s:g} s")

    def _cell(self, key: str) -> Cell:
        space = _SPACE_PREFIX + stable_id(self._name)
        if self._database is not None:
            return RowCell(database=self._database, table=self._table, space=_SPACE_PREFIX + self._name, name=key)
        if objects.is_object(self._address):
            return object_cell(self._address, space, key)
        return file_cell(self._address, space, key)


def _record(key: str, state: str, owner: Owner, expires_at: float, result: object) -> Record:
    record: Record = {"key": key, "state": state, "owner": owner.to_record(), "expires_at": expires_at}
    if state == "done":
        record["result"] = result
    return record


def _state(record: Record, key: str) -> tuple[str, float]:
    state, expires_at = record.get("state"), record.get("expires_at")
    if record.get("key") != key or state not in ("begun", "done") or not isinstance(expires_at, (int, float)):
        raise CorruptRecord(f"the ledger's entry for {key!r} is no entry of ours")
    return str(state), float(expires_at)


def _as_kept(record: Record) -> object:
    return decoded(encoded(record), "the ledger's entry").get("result")
