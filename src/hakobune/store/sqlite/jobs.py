"""The jobs room in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from hakobune.core.errors import AlreadyExists
from hakobune.core.jobs.decide import Decision, View, window
from hakobune.core.jobs.model import AttemptRecord, Execution, Job, Task
from hakobune.core.names import ExecutionName, JobName
from hakobune.store.api import HeldAttempt, Page
from hakobune.store.queries import queries
from hakobune.store.sqlite import rows

_NEWEST = 1 << 62  # above every row id


class SqliteJobsRead:
    """Questions about jobs."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._sql = queries("jobs")

    def _one(self, name: str, **parameters: object) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._connection.execute(self._sql[name], parameters).fetchone()
        return row

    def _all(self, name: str, **parameters: object) -> list[sqlite3.Row]:
        return self._connection.execute(self._sql[name], parameters).fetchall()

    def find_job(self, name: JobName) -> Job | None:
        row = self._one("find_job", project=name.project, location=name.location, job=name.job)
        return None if row is None else rows.job_from_row(row)

    def job_by_uid(self, uid: str) -> Job | None:
        row = self._one("job_by_uid", uid=uid)
        return None if row is None else rows.job_from_row(row)

    def list_jobs(self, project: str, location: str | None, page: Page) -> list[Job]:
        job, _, place = page.after.partition("/")
        found = self._all(
            "list_jobs", project=project, location=location, after_job=job, after_location=place, limit=page.limit
        )
        return [rows.job_from_row(row) for row in found]

    def find_execution(self, name: ExecutionName) -> Execution | None:
        row = self._one(
            "find_execution", project=name.project, location=name.location, job=name.job, execution=name.execution
        )
        return None if row is None else rows.execution_from_row(row)

    def find_execution_in_project(self, project: str, location: str | None, execution: str) -> Execution | None:
        row = self._one("find_execution_in_project", project=project, location=location, execution=execution)
        return None if row is None else rows.execution_from_row(row)

    def execution_by_uid(self, uid: str) -> Execution | None:
        row = self._one("execution_by_uid", uid=uid)
        return None if row is None else rows.execution_from_row(row)

    def list_executions(self, project: str, location: str | None, job: str | None, page: Page) -> list[Execution]:
        last = self._one("execution_by_uid", uid=page.after) if page.after else None
        before = last["id"] if last is not None else _NEWEST
        name = "list_executions" if job is None else "list_executions_of_job"
        parameters: dict[str, object] = {"project": project, "location": location, "before": before}
        if job is not None:
            parameters["job"] = job
        return [rows.execution_from_row(row) for row in self._all(name, limit=page.limit, **parameters)]

    def _execution_id(self, uid: str) -> int | None:
        row = self._one("execution_by_uid", uid=uid)
        return None if row is None else int(row["id"])

    def list_tasks(self, execution: Execution, page: Page) -> list[Task]:
        after = int(page.after) if page.after else -1
        stop = min(execution.task_count, after + 1 + page.limit)
        found: dict[int, Task] = {}
        execution_id = self._execution_id(execution.uid)
        if execution_id is not None:
            for row in self._all("tasks_from", execution_id=execution_id, after=after, limit=page.limit):
                found[row["idx"]] = rows.task_from_row(row, execution.uid)
        return [found.get(index) or rows.unborn_task(execution, index) for index in range(after + 1, stop)]

    def find_task(self, execution: Execution, index: int) -> Task | None:
        found = self.list_tasks(execution, Page(limit=1, after=str(index - 1)))
        return found[0] if found else None

    def list_attempts(self, execution: Execution, index: int) -> list[AttemptRecord]:
        execution_id = self._execution_id(execution.uid)
        found = self._all("attempts_of_task", execution_id=execution_id, idx=index)
        return [rows.attempt_from_row(row, execution.uid) for row in found]

    def ended_attempts(self, execution_uid: str, index: int | None, page: Page) -> list[AttemptRecord]:
        after_idx, after_handed_over = rows.attempt_place(page.after) if page.after else (-1, -1)
        found = self._all(
            "ended_attempts",
            execution_id=self._execution_id(execution_uid),
            idx=index,
            after_idx=after_idx,
            after_handed_over=after_handed_over,
            limit=page.limit,
        )
        return [rows.attempt_from_row(row, execution_uid) for row in found]

    def held_attempts(self) -> list[HeldAttempt]:
        return [
            HeldAttempt(
                execution_uid=row["e_uid"],
                index=row["idx"],
                number=row["attempt"],
                attempt_uid=rows.attempt_uid(row["e_uid"], row["idx"], row["handed_over"] - 1),
            )
            for row in self._all("held_attempts")
        ]

    def executions_under_way(self) -> list[str]:
        return [row["uid"] for row in self._all("executions_under_way")]

    def count_under_way(self, project: str, location: str) -> int:
        row = self._one("count_under_way", project=project, location=location)
        return int(row[0]) if row else 0

    def totals(self) -> Mapping[str, int]:
        found = {f"executions_{row['state'].lower()}": int(row["n"]) for row in self._all("totals_by_state")}
        row = self._one("totals_under_way")
        if row is not None:
            found |= {key: int(row[key]) for key in ("running", "in_flight", "pending_rows")}
        return found


class SqliteJobsWrite(SqliteJobsRead):
    """Changes of jobs."""

    def __init__(self, connection: sqlite3.Connection, seq: int) -> None:
        super().__init__(connection)
        self._seq = seq

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
        self._run("hide_job", uid=job.uid, seq=self._seq)
        self._bury(str(job.name))
        self._run("delete_job_without_executions", job_uid=job.uid)

    def _bury(self, name: str) -> None:
        self._connection.execute(queries("changes")["bury"], {"seq": self._seq, "room": "jobs", "name": name})

    def add_execution(self, execution: Execution, carried: Sequence[Task] = ()) -> None:
        parameters = rows.execution_parameters(execution, self._seq)
        pending = sum(task.state.value == "PENDING" for task in carried)
        try:
            self._run(
                "insert_execution",
                job_uid=execution.job_uid,
                project=execution.name.project,
                location=execution.name.location,
                job=execution.name.job,
                execution=execution.name.execution,
                in_flight=0,
                pending_rows=pending,
                first_unborn=len(carried),
                create_s=execution.create_time_s,
                operation=execution.operation_id,
                doc=rows.execution_document(execution),
                **parameters,
            )
        except sqlite3.IntegrityError:
            raise AlreadyExists(f"Resource '{execution.name.execution}' already exists.") from None
        execution_id = self._execution_id(execution.uid)
        assert execution_id is not None  # it was inserted two lines above
        for task in carried:
            self._run("upsert_task", **rows.task_parameters(task, execution_id, self._seq))
        self._run("count_execution_of_job", id=execution_id, job_uid=execution.job_uid, seq=self._seq)

    def hide_execution(self, uid: str) -> None:
        execution = self.execution_by_uid(uid)
        if execution is None:
            return
        self._run("hide_execution", uid=uid, seq=self._seq)
        self._run("uncount_execution_of_job", job_uid=execution.job_uid, seq=self._seq)
        self._bury(str(execution.name))

    def is_hidden(self, execution_uid: str) -> bool:
        row = self._one("execution_by_uid", uid=execution_uid)
        return row is None or bool(row["hidden"])

    def load_view(self, execution_uid: str, named: Sequence[int], now_s: float) -> View | None:
        row = self._one("execution_by_uid", uid=execution_uid)
        if row is None:
            return None
        execution = rows.execution_from_row(row)
        tasks: dict[int, Task] = {}
        for index in set(named):
            task = self._one("task_at", execution_id=row["id"], idx=index)
            if task is not None:
                tasks[index] = rows.task_from_row(task, execution_uid)
        ready: list[sqlite3.Row] = []
        next_ready_s = None
        if row["pending_rows"]:
            room = window(execution)
            ready = self._all("ready_tasks", execution_id=row["id"], now_s=now_s, limit=room)
            due = self._one("next_ready", execution_id=row["id"], now_s=now_s)
            next_ready_s = due["due_s"] if due is not None else None
        return View(
            execution=execution,
            in_flight=row["in_flight"],
            first_unborn=row["first_unborn"],
            pending_rows=row["pending_rows"],
            ready=tuple(rows.task_from_row(task, execution_uid) for task in ready),
            next_ready_s=next_ready_s,
            named=tasks,
        )

    def save(self, decision: Decision) -> None:
        execution = decision.execution
        row = self._one("execution_by_uid", uid=execution.uid)
        assert row is not None  # the view was loaded from it in this transaction
        self._run(
            "update_execution",
            in_flight=decision.in_flight,
            pending_rows=decision.pending_rows,
            first_unborn=decision.first_unborn,
            **rows.execution_parameters(execution, self._seq),
        )
        execution_id = row["id"]
        self._connection.executemany(
            self._sql["upsert_task"],
            [rows.task_parameters(task, execution_id, self._seq) for task in decision.tasks],
        )
        self._connection.executemany(
            self._sql["upsert_attempt"],
            [rows.attempt_parameters(attempt, execution_id) for attempt in decision.attempts],
        )
        for uid in decision.withdrawn:
            index, handed_over = rows.attempt_place(uid)
            self._run("withdraw_attempt", execution_id=execution_id, idx=index, handed_over=handed_over)
        if decision.cancel_pending:
            self._run(
                "cancel_pending_tasks", execution_id=execution_id, now_s=execution.update_time_s, seq=self._seq
            )
        if execution.state.value != row["state"]:
            self._run("touch_job", job_uid=execution.job_uid, id=execution_id, seq=self._seq)

    def purge_execution(self, uid: str) -> None:
        row = self._one("execution_by_uid", uid=uid)
        if row is None:
            return
        for name in ("delete_tasks", "delete_attempts", "delete_execution"):
            self._run(name, id=row["id"])
        if not row["hidden"]:
            self._bury(str(rows.execution_from_row(row).name))
        self._run("uncount_execution_of_job", job_uid=row["job_uid"], seq=self._seq)
        self._run("delete_job_without_executions", job_uid=row["job_uid"])

    def surplus_executions(self, job_uid: str, keep: int) -> list[str]:
        return [row["uid"] for row in self._all("surplus_executions", job_uid=job_uid, keep=keep)]

    def running_executions_of(self, job_uid: str) -> list[str]:
        return [row["uid"] for row in self._all("running_executions_of", job_uid=job_uid)]

    def executions_of(self, job_uid: str) -> list[str]:
        return [row["uid"] for row in self._all("executions_of", job_uid=job_uid)]
