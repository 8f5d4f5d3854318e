"""The jobs room in SQLite: questions. The changes are in `jobs_write`."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from hakobune.core.errors import CorruptStore
from hakobune.core.jobs.model import AttemptRecord, Execution, Job, Task
from hakobune.core.jobs.states import TaskState
from hakobune.core.names import ExecutionName, JobName
from hakobune.store.api import HeldAttempt, Page
from hakobune.store.documents import from_document
from hakobune.store.queries import queries
from hakobune.store.sqlite import rows

_NEWEST = 1 << 62  # above every row id
_DECLARATIONS_KEPT = 256


class Declarations:
    """What never changes of executions, by uid: decoded once, kept while it is asked for. One per store, used by the
    writer and by all readers."""

    def __init__(self) -> None:
        self._kept: dict[str, Execution] = {}

    def find(self, connection: sqlite3.Connection, uid: str, execution_id: int) -> Execution:
        """Raises CorruptStore if an execution has lost its declaration."""
        kept = self._kept.get(uid)
        if kept is not None:
            return kept
        row = connection.execute(queries("jobs")["execution_doc"], {"id": execution_id}).fetchone()
        if row is None:
            raise CorruptStore(f"execution {uid} has lost its declaration")
        found = from_document(Execution, row[0])
        if len(self._kept) >= _DECLARATIONS_KEPT:
            for oldest in list(self._kept)[: _DECLARATIONS_KEPT // 2]:
                self._kept.pop(oldest, None)
        self._kept[uid] = found
        return found

    def forget(self) -> None:
        """Something was rolled back: what was read inside it may never come to be."""
        self._kept.clear()


class SqliteJobsRead:
    """Questions about jobs."""

    def __init__(self, connection: sqlite3.Connection, declarations: Declarations) -> None:
        self._connection = connection
        self._declarations = declarations
        self._sql = queries("jobs")

    def _one(self, name: str, **parameters: object) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._connection.execute(self._sql[name], parameters).fetchone()
        return row

    def _all(self, name: str, **parameters: object) -> list[sqlite3.Row]:
        return self._connection.execute(self._sql[name], parameters).fetchall()

    def _execution(self, row: sqlite3.Row | None) -> Execution | None:
        if row is None:
            return None
        return rows.execution_from_row(row, self._declarations.find(self._connection, row["uid"], row["id"]))

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
        return self._execution(
            self._one(
                "find_execution", project=name.project, location=name.location, job=name.job, execution=name.execution
            )
        )

    def find_execution_in_project(self, project: str, location: str | None, execution: str) -> Execution | None:
        return self._execution(
            self._one("find_execution_in_project", project=project, location=location, execution=execution)
        )

    def execution_by_uid(self, uid: str) -> Execution | None:
        return self._execution(self._one("execution_by_uid", uid=uid))

    def list_executions(self, project: str, location: str | None, job: str | None, page: Page) -> list[Execution]:
        last = self._one("execution_place", uid=page.after) if page.after else None
        before = last["id"] if last is not None else _NEWEST
        if job is None:
            found = self._all("list_executions", project=project, location=location, before=before, limit=page.limit)
        else:
            found = self._all(
                "list_executions_of_job", project=project, location=location, job=job, before=before, limit=page.limit
            )
        return [execution for row in found if (execution := self._execution(row)) is not None]

    def _execution_id(self, uid: str) -> int | None:
        row = self._one("execution_place", uid=uid)
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
        found = self.list_tasks(execution, Page(limit=1, after=str(index - 1))) if index >= 0 else []
        return found[0] if found else None

    def _tasks_at(self, execution_id: int, execution_uid: str, indexes: Sequence[int]) -> dict[int, Task]:
        if not indexes:
            return {}
        found = self._all("tasks_at", execution_id=execution_id, indexes=str(list(indexes)))
        return {row["idx"]: rows.task_from_row(row, execution_uid) for row in found}

    def list_attempts(self, execution: Execution, index: int) -> list[AttemptRecord]:
        execution_id = self._execution_id(execution.uid)
        if execution_id is None:
            return []
        found = self._all("attempts_of_task", execution_id=execution_id, idx=index)
        attempts = [rows.attempt_from_row(row, execution.uid) for row in found]
        task = self._tasks_at(execution_id, execution.uid, [index]).get(index)
        if task is not None and task.state is TaskState.RUNNING:
            attempts.append(rows.present_attempt(task))
        return attempts

    def ended_attempts(self, execution_uid: str, index: int | None, page: Page) -> list[AttemptRecord]:
        after_idx, after_handed_over = rows.attempt_place(page.after) if page.after else (-1, -1)
        execution_id = self._execution_id(execution_uid)
        if index is None:
            found = self._all(
                "ended_attempts",
                execution_id=execution_id,
                after_idx=after_idx,
                after_handed_over=after_handed_over,
                limit=page.limit,
            )
        else:
            found = self._all(
                "ended_attempts_of_task",
                execution_id=execution_id,
                idx=index,
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
        found = {f"executions_{row['state'].lower()}": int(row["executions"]) for row in self._all("totals_by_state")}
        row = self._one("totals_under_way")
        if row is not None:
            found |= {key: int(row[key]) for key in ("running", "in_flight", "pending_rows")}
        return found
