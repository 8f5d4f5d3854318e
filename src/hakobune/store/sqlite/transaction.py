"""One transaction on SQLite: all rooms on one connection."""

from __future__ import annotations

import sqlite3

from hakobune.store.api import Change, Effect, Timer
from hakobune.store.queries import queries
from hakobune.store.sqlite import feed, pictures
from hakobune.store.sqlite.jobs import SqliteJobsRead, SqliteJobsWrite
from hakobune.store.sqlite.operations import SqliteOperationsRead, SqliteOperationsWrite
from hakobune.store.sqlite.outbox import SqliteEffects, SqliteOutbox, SqliteTimers


class _Facts:
    """Small facts and policies: the same for reads and writes."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def _value(self, name: str, **parameters: object) -> str | None:
        row = self.connection.execute(queries("changes")[name], parameters).fetchone()
        return None if row is None else str(row[0])

    def meta(self, key: str) -> str | None:
        return self._value("get_meta", key=key)

    def policy(self, resource: str) -> str | None:
        return self._value("get_policy", resource=resource)


class SqliteReadTx(_Facts):
    """A read of one instant (the connection is inside BEGIN)."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self.jobs = SqliteJobsRead(connection)
        self.operations = SqliteOperationsRead(connection)

    @property
    def seq(self) -> int:
        return int(self.meta("seq") or 0)

    def changes(self, since: int, limit: int, project: str | None) -> list[Change]:
        return feed.changes(self.connection, since=since, limit=limit, project=project)

    def effects_of(self, attempt_uid: str) -> list[Effect]:
        return SqliteEffects(self.connection, 0).of_attempt(attempt_uid)

    def digest(self, project: str) -> str:
        return pictures.digest(self.connection, project)

    def timers_due(self, now_s: float, limit: int) -> list[Timer]:
        return SqliteTimers(self.connection).due(now_s, limit)

    def next_timer_s(self) -> float | None:
        return SqliteTimers(self.connection).next_due_s()


class SqliteWriteTx(_Facts):
    """A write: inside BEGIN IMMEDIATE, committed by the writer."""

    def __init__(self, connection: sqlite3.Connection, seq: int) -> None:
        super().__init__(connection)
        self.seq = seq
        self._changes_at_start = connection.total_changes
        self.jobs = SqliteJobsWrite(connection, seq)
        self.operations = SqliteOperationsWrite(connection, seq)
        self.outbox = SqliteOutbox(connection)
        self.timers = SqliteTimers(connection)
        self.effects = SqliteEffects(connection, seq)

    @property
    def is_changed(self) -> bool:
        """Whether anything was written (rolled back units count: a commit too many costs only time)."""
        return self.connection.total_changes != self._changes_at_start

    def set_policy(self, resource: str, document: str) -> None:
        self.connection.execute(queries("changes")["set_policy"], {"resource": resource, "doc": document})

    def set_meta(self, key: str, value: str) -> None:
        self.connection.execute(queries("changes")["set_meta"], {"key": key, "value": value})

    def snapshot(self, snapshot: str, project: str, now_s: float) -> None:
        pictures.snapshot(self.connection, snapshot, project, now_s)

    def fork(self, snapshot: str, project: str) -> None:
        pictures.fork(self.connection, snapshot, project, self.seq)
