"""The jobs room in SQLite: changes. `load_view` and `save` are the hot path: few statements, whole batches."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from hakobune.core.errors import AlreadyExists
from hakobune.core.jobs.decide import Decision, View, window
from hakobune.core.jobs.model import Execution, Job, Task
from hakobune.core.jobs.states import TaskState
from hakobune.store.queries import queries
from hakobune.store.sqlite import feed, rows
from hakobune.store.sqlite.jobs import Declarations, SqliteJobsRead


class SqliteJobsWrite(SqliteJobsRead):
    """Changes of jobs."""

    def __init__(self, connection: sqlite3.Connection, declarations: Declarations, seq: int) -> None:
        super().__init__(connection, declarations)
        self._seq = seq
        self.has_left = False  # rows wait to be removed

    def _run(self, name: str, **parameters: object) -> int:
        return self._connection.execute(self._sql[name], parameters).rowcount

    def add_job(self, job: Job) -> None:
        try:
            self._run("insert_job", **rows.job_parameters(job, self._seq))
        except sqlite3.IntegrityError:
            raise AlreadyExists(f"Resource '{job.name.job}' already exists.") from None

    def replace_job(self, job: Job) -> None:
        parameters = rows.job_parameters(job, self._seq)
        self._run("update_job", **{key: parameters[key] for key in ("uid", "etag", "doc", "seq")})

    def hide_job(self, job: Job) -> None:
        if self._run("hide_job", uid=job.uid, seq=self._seq):
            feed.bury(self._connection, self._seq, job.name.project, str(job.name))
            # A later job of this name must not inherit who may run it.
            self._connection.execute(queries("changes")["delete_policy"], {"resource": str(job.name)})
            self._forget_job_without_executions(job.uid)

    def _forget_job_without_executions(self, job_uid: str) -> None:
        if self._run("delete_job_without_executions", job_uid=job_uid):
            self._connection.execute(queries("operations")["forget_keys"], {"scope": job_uid})

    def add_execution(self, execution: Execution, carried: Sequence[Task] = ()) -> None:
        parameters = rows.execution_parameters(execution, self._seq)
        try:
            cursor = self._connection.execute(
                self._sql["insert_execution"],
                {
                    "job_uid": execution.job_uid,
                    "project": execution.name.project,
                    "location": execution.name.location,
                    "job": execution.name.job,
                    "execution": execution.name.execution,
                    "in_flight": 0,
                    "pending_rows": sum(task.state is TaskState.PENDING for task in carried),
                    "first_unborn": len(carried),
                    "create_s": execution.create_time_s,
                    "operation": execution.operation_id,
                    **parameters,
                },
            )
        except sqlite3.IntegrityError:
            raise AlreadyExists(f"Resource '{execution.name.execution}' already exists.") from None
        execution_id = cursor.lastrowid
        assert execution_id is not None  # an INSERT sets it
        self._run("insert_execution_doc", id=execution_id, doc=rows.execution_document(execution))
        self._save_tasks(carried, execution_id)
        self._run("count_execution_of_job", id=execution_id, job_uid=execution.job_uid, seq=self._seq)

    def _save_tasks(self, tasks: Sequence[Task], execution_id: int) -> None:
        seq = self._seq
        parameters = [rows.task_parameters(task, execution_id, seq) for task in tasks]
        self._connection.executemany(self._sql["upsert_task"], parameters)

    def hide_execution(self, uid: str) -> None:
        execution = self.execution_by_uid(uid)
        if execution is not None and self._run("hide_execution", uid=uid, seq=self._seq):
            self._run("uncount_execution_of_job", job_uid=execution.job_uid, seq=self._seq)
            feed.bury(self._connection, self._seq, execution.name.project, str(execution.name))

    def is_hidden(self, execution_uid: str) -> bool:
        row = self._one("execution_place", uid=execution_uid)
        return row is None or bool(row["hidden"])

    def load_view(self, execution_uid: str, named: Sequence[int], now_s: float) -> View | None:
        row = self._one("execution_by_uid", uid=execution_uid)
        execution = self._execution(row)
        if row is None or execution is None:
            return None
        execution_id: int = row["id"]
        ready: list[Task] = []
        next_ready_s = None
        if row["pending_rows"]:
            room = window(execution)
            found = self._all("ready_tasks", execution_id=execution_id, now_s=now_s, limit=room)
            ready = [rows.task_from_row(task, execution_uid) for task in found]
            ready = sorted(ready, key=lambda task: task.index)[:room]
            due = self._one("next_ready", execution_id=execution_id, now_s=now_s)
            next_ready_s = None if due is None else due["due_s"]
        return View(
            execution=execution,
            in_flight=row["in_flight"],
            first_unborn=row["first_unborn"],
            pending_rows=row["pending_rows"],
            ready=tuple(ready),
            next_ready_s=next_ready_s,
            named=self._tasks_at(execution_id, execution_uid, named),
        )

    def save(self, decision: Decision) -> None:
        execution = decision.execution
        row = self._one("execution_place", uid=execution.uid)
        assert row is not None  # the view was loaded from it in this transaction
        execution_id: int = row["id"]
        self._run(
            "update_execution",
            in_flight=decision.in_flight,
            pending_rows=decision.pending_rows,
            first_unborn=decision.first_unborn,
            **rows.execution_parameters(execution, self._seq),
        )
        self._save_tasks(decision.tasks, execution_id)
        if decision.attempts:
            attempts = [rows.attempt_parameters(attempt, execution_id) for attempt in decision.attempts]
            self._connection.executemany(self._sql["insert_attempt"], attempts)
        if decision.cancel_pending:
            self._run("cancel_pending_tasks", execution_id=execution_id, now_s=execution.update_time_s, seq=self._seq)
        if execution.state.value != row["state"]:
            self._run("touch_job", job_uid=execution.job_uid, id=execution_id, seq=self._seq)

    def purge_execution(self, uid: str) -> None:
        row = self._one("execution_place", uid=uid)
        if row is None:
            return
        self.hide_execution(uid)
        execution_id, job_uid = row["id"], row["job_uid"]
        self._run("delete_execution", id=execution_id)
        self._run("delete_execution_doc", id=execution_id)
        # Up to 10,000 tasks: the writer removes their rows bit by bit, so that no commit waits for it.
        self._connection.execute(queries("changes")["leave"], {"execution_id": execution_id, "uid": uid})
        self.has_left = True
        self._forget_job_without_executions(job_uid)

    def surplus_executions(self, job_uid: str, keep: int) -> list[str]:
        row = self._one("execution_count", job_uid=job_uid)
        if row is None or row["execution_count"] <= keep:
            return []
        return [row["uid"] for row in self._all("surplus_executions", job_uid=job_uid, keep=keep)]

    def executions_of(self, job_uid: str) -> list[str]:
        return [row["uid"] for row in self._all("executions_of", job_uid=job_uid)]
