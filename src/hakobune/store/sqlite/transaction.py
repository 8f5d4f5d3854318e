"""One transaction on SQLite: all rooms on one connection."""

from __future__ import annotations

import sqlite3

from hakobune.store.api import Change, ChangeKind, Effect, Timer
from hakobune.store.queries import queries
from hakobune.store.sqlite import feed, pictures
from hakobune.store.sqlite.identity import SqliteIdentityRead, SqliteIdentityWrite
from hakobune.store.sqlite.jobs import Declarations, SqliteJobsRead
from hakobune.store.sqlite.jobs_write import SqliteJobsWrite
from hakobune.store.sqlite.objects import SqliteObjectsRead
from hakobune.store.sqlite.objects_write import SqliteObjectsWrite
from hakobune.store.sqlite.operations import SqliteOperationsRead, SqliteOperationsWrite
from hakobune.store.sqlite.outbox import SqliteEffects, SqliteOutbox, SqliteTimers
from hakobune.store.sqlite.pubsub import SqlitePubsubRead, SqlitePubsubWrite
from hakobune.store.sqlite.pubsub_messages import SqliteMessages
from hakobune.store.sqlite.schedules import SqliteSchedulesRead, SqliteSchedulesWrite
from hakobune.store.sqlite.services import SqliteServicesRead, SqliteServicesWrite
from hakobune.store.sqlite.triggers import SqliteTriggersRead, SqliteTriggersWrite
from hakobune.store.sqlite.workflows import SqliteWorkflowsRead, SqliteWorkflowsWrite


class _Facts:
    """Small facts and policies: the same for reads and writes."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def _value(self, name: str, **parameters: object) -> str | None:
        row = self.connection.execute(queries("changes")[name], parameters).fetchone()
        return None if row is None else str(row[0])

    def meta(self, key: str) -> str | None:
        return self._value("get_meta", key=key)

    def metas(self, prefix: str) -> dict[str, str]:
        parameters = {"prefix": prefix, "stop": prefix + "\U0010ffff"}
        return {row[0]: row[1] for row in self.connection.execute(queries("changes")["metas"], parameters)}

    def policy(self, resource: str) -> str | None:
        return self._value("get_policy", resource=resource)


class SqliteReadTx(_Facts):
    """A read of one instant (the connection is inside BEGIN)."""

    def __init__(self, connection: sqlite3.Connection, declarations: Declarations) -> None:
        super().__init__(connection)
        self._declarations = declarations
        self.jobs = SqliteJobsRead(connection, declarations)
        self.workflows = SqliteWorkflowsRead(connection)
        self.objects = SqliteObjectsRead(connection)
        self.pubsub = SqlitePubsubRead(connection)
        self.identity = SqliteIdentityRead(connection)
        self.schedules = SqliteSchedulesRead(connection)
        self.services = SqliteServicesRead(connection)
        self.triggers = SqliteTriggersRead(connection)
        self.operations = SqliteOperationsRead(connection, declarations)

    @property
    def seq(self) -> int:
        return int(self.meta("seq") or 0)

    def changes(
        self, since: int, limit: int, project: str | None, kinds: frozenset[ChangeKind] | None = None
    ) -> list[Change]:
        return feed.changes(self.connection, self._declarations, since=since, limit=limit, project=project, kinds=kinds)

    def effects_of(self, attempt_uid: str) -> list[Effect]:
        return SqliteEffects(self.connection, 0).of_attempt(attempt_uid)

    def digest(self, project: str) -> str:
        return pictures.digest(self.connection, self.jobs, project)

    def timers_due(self, now_s: float, limit: int) -> list[Timer]:
        return SqliteTimers(self.connection).due(now_s, limit)

    def next_timer_s(self) -> float | None:
        return SqliteTimers(self.connection).next_due_s()


class SqliteWriteTx(_Facts):
    """A write: inside BEGIN IMMEDIATE, committed by the writer."""

    def __init__(self, connection: sqlite3.Connection, declarations: Declarations, seq: int) -> None:
        super().__init__(connection)
        self.seq = seq
        self.jobs = SqliteJobsWrite(connection, declarations, seq)
        self.workflows = SqliteWorkflowsWrite(connection, seq)
        self.objects = SqliteObjectsWrite(connection, seq)
        self.pubsub = SqlitePubsubWrite(connection, seq)
        self.messages = SqliteMessages(connection)
        self.identity = SqliteIdentityWrite(connection)
        self.schedules = SqliteSchedulesWrite(connection)
        self.services = SqliteServicesWrite(connection)
        self.triggers = SqliteTriggersWrite(connection)
        self.operations = SqliteOperationsWrite(connection, declarations, seq)
        self.outbox = SqliteOutbox(connection, seq)
        self.timers = SqliteTimers(connection)
        self.effects = SqliteEffects(connection, seq)

    def set_policy(self, resource: str, document: str) -> None:
        self.connection.execute(queries("changes")["set_policy"], {"resource": resource, "doc": document})

    def set_meta(self, key: str, value: str) -> None:
        self.connection.execute(queries("changes")["set_meta"], {"key": key, "value": value})

    def clear_meta(self, key: str) -> None:
        self.connection.execute(queries("changes")["clear_meta"], {"key": key})

    def snapshot(self, snapshot: str, project: str, now_s: float) -> None:
        pictures.snapshot(self.connection, snapshot, project, now_s)

    def fork(self, snapshot: str, project: str) -> None:
        pictures.fork(self.connection, snapshot, project, self.seq)

    def forget_snapshot(self, snapshot: str) -> None:
        pictures.forget(self.connection, snapshot)
