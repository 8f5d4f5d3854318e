"""Snapshots, forks and digests of a project.

A digest leaves out instants, uids and what depends on timing (attempt records, etags, commit numbers), so two runs
of the same work that ended the same have the same digest: the proof that a crash changed nothing.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from hakobune.core.errors import AlreadyExists, NotFound
from hakobune.core.jobs.model import Counts, Execution, Job
from hakobune.core.names import ExecutionName, JobName
from hakobune.store.api import Page
from hakobune.store.documents import from_document, to_document
from hakobune.store.queries import queries
from hakobune.store.sqlite import object_pictures, pubsub_pictures, rows, workflow_pictures
from hakobune.store.sqlite.jobs import SqliteJobsRead

_Row = workflow_pictures.Row
_Part = workflow_pictures.Part

# Tables whose rows belong to an execution, and the query that finds them.
_CHILDREN = {
    "execution_docs": "execution_doc_rows",
    "tasks": "execution_tasks",
    "attempts": "execution_attempts",
}
_TASKS_AT_ONCE = 1_000


def digest(connection: sqlite3.Connection, jobs: SqliteJobsRead, project: str) -> str:
    """SHA-256 (hex) of what the project's jobs, workflows, their executions, tasks and policies have come to."""
    total = hashlib.sha256()
    sql = queries("changes")
    for row in connection.execute(sql["project_jobs"], {"project": project}).fetchall():
        total.update(_job_line(from_document(Job, row["doc"]), row["execution_count"]).encode())
    for row in connection.execute(sql["project_executions"], {"project": project}).fetchall():
        place = connection.execute(sql["execution_row"], {"execution_id": row["id"]}).fetchone()
        execution = jobs.execution_by_uid(place["uid"])
        assert execution is not None  # read in the same instant
        total.update(_execution_line(execution).encode())
        for line in _task_lines(jobs, execution):
            total.update(line.encode())
    for line in workflow_pictures.digest_lines(connection, project):
        total.update(line.encode())
    for line in object_pictures.digest_lines(connection, project):
        total.update(line.encode())
    for line in pubsub_pictures.digest_lines(connection, project):
        total.update(line.encode())
    for resource, document in _policies(connection, project):
        total.update(f"policy {resource} {document}\n".encode())
    return total.hexdigest()


def _job_line(job: Job, execution_count: int) -> str:
    name = JobName(project="", location=job.name.location, job=job.name.job)
    bare = replace(job, name=name, uid="", etag="", create_time_s=0.0, update_time_s=0.0)
    return f"job {to_document(bare)} {execution_count}\n"


def _execution_line(execution: Execution) -> str:
    counts = execution.counts
    bare = replace(
        execution,
        name=replace(execution.name, project=""),
        uid="",
        job_uid="",
        etag="",
        operation_id="",
        counts=Counts(succeeded=counts.succeeded, failed=counts.failed, cancelled=counts.cancelled),
        create_time_s=0.0,
        start_time_s=None,
        first_start_time_s=None,
        completion_time_s=None,
        update_time_s=0.0,
    )
    return f"execution {to_document(bare)}\n"


def _task_lines(jobs: SqliteJobsRead, execution: Execution) -> Iterator[str]:
    # As callers see them: a task that was cancelled before it had a row is like one that had one.
    after = ""
    while tasks := jobs.list_tasks(execution, Page(limit=_TASKS_AT_ONCE, after=after)):
        for task in tasks:
            yield f"task {task.index} {task.state} {rows.result_text(task.result)}\n"
        after = str(tasks[-1].index)


def _policies(connection: sqlite3.Connection, project: str) -> Iterator[tuple[str, str]]:
    """(name without its project, document) of the policies in a project."""
    prefix = f"projects/{project}/"
    bounds = {"first": prefix, "last": prefix[:-1] + chr(ord("/") + 1)}
    for row in connection.execute(queries("changes")["project_policies"], bounds).fetchall():
        yield row["resource"].removeprefix(prefix), row["doc"]


def snapshot(connection: sqlite3.Connection, name: str, project: str, now_s: float) -> None:
    """Keep all rows of a project under a name. Raises AlreadyExists."""
    sql = queries("changes")
    try:
        connection.execute(sql["insert_snapshot"], {"snapshot": name, "project": project, "create_s": now_s})
    except sqlite3.IntegrityError:
        raise AlreadyExists(f"Snapshot '{name}' already exists.") from None
    # Part by part: memory is bounded by the largest execution.
    for number, part in enumerate(_parts(connection, project)):
        document = json.dumps(part, separators=(",", ":"))
        connection.execute(sql["insert_part"], {"snapshot": name, "part": number, "doc": document})


def _parts(connection: sqlite3.Connection, project: str) -> Iterator[_Part]:
    sql = queries("changes")
    yield {
        "jobs": _rows(connection, "project_jobs", {"project": project}),
        "iam_policies": [{"resource": name, "doc": text} for name, text in _policies(connection, project)],
    }
    for row in connection.execute(sql["project_executions"], {"project": project}).fetchall():
        parameters = {"execution_id": row["id"]}
        yield {
            "executions": _rows(connection, "execution_row", parameters),
            **{table: _rows(connection, query, parameters) for table, query in _CHILDREN.items()},
        }
    yield from workflow_pictures.snapshot_parts(connection, project)
    yield from object_pictures.snapshot_parts(connection, project)
    yield from pubsub_pictures.snapshot_parts(connection, project)


def _rows(connection: sqlite3.Connection, name: str, parameters: Mapping[str, object]) -> list[_Row]:
    return [dict(row) for row in connection.execute(queries("changes")[name], parameters).fetchall()]


def forget(connection: sqlite3.Connection, name: str) -> None:
    """Drop a snapshot; contents that nothing else names can be collected then. Raises NotFound."""
    sql = queries("changes")
    if not connection.execute(sql["delete_snapshot"], {"snapshot": name}).rowcount:
        raise _no_snapshot(name)
    # Part by part, and only then their rows: memory is bounded by the largest part.
    for row in connection.execute(sql["snapshot_parts"], {"snapshot": name}):
        object_pictures.forget(connection, json.loads(row["doc"]))
    connection.execute(sql["delete_parts"], {"snapshot": name})


def _no_snapshot(name: str) -> NotFound:
    return NotFound(f"Snapshot '{name}' does not exist.")


def fork(connection: sqlite3.Connection, name: str, project: str, seq: int) -> None:
    """Make an empty project equal to a snapshot: the same names and states under new uids.
    Executions that had not ended are left out: their attempts belong to the original."""
    sql = queries("changes")
    found = connection.execute(sql["find_snapshot"], {"snapshot": name}).fetchone()
    if found is None:
        raise _no_snapshot(name)
    has_jobs = connection.execute(sql["project_jobs"], {"project": project}).fetchone() is not None
    has_workflows = workflow_pictures.has_workflows(connection, project)
    has_more = object_pictures.has_buckets(connection, project) or pubsub_pictures.has_topics(connection, project)
    if has_jobs or has_workflows or has_more:
        raise AlreadyExists(f"Project '{project}' is not empty.")
    copy = _Fork(connection, found["project"], project, seq)
    for row in connection.execute(sql["snapshot_parts"], {"snapshot": name}).fetchall():
        copy.add(json.loads(row["doc"]))


class _Fork:
    """Copies the parts of a snapshot into a project."""

    def __init__(self, connection: sqlite3.Connection, original: str, project: str, seq: int) -> None:
        self._connection = connection
        self._project = project
        self._seq = seq
        self._workflows = workflow_pictures.WorkflowFork(self._insert, original, project, seq)
        self._objects = object_pictures.ObjectFork(connection, self._insert, original, project, seq)
        self._pubsub = pubsub_pictures.PubsubFork(connection, self._insert, original, project, seq)

    def add(self, part: _Part) -> None:
        """Copy one part: the jobs, a workflow, or one execution with all that belongs to it."""
        for policy in part.get("iam_policies", []):
            resource = f"projects/{self._project}/{policy['resource']}"
            self._insert("iam_policies", [{**policy, "resource": resource}])
        for job in part.get("jobs", []):
            self._job(job)
        for execution in part.get("executions", []):
            if execution["completion_s"] is not None:
                self._execution(execution, part)
        self._workflows.add(part)
        self._objects.add(part)
        self._pubsub.add(part)

    def _new_uid(self, uid: object) -> str:
        return f"{uid}-{self._seq:x}"

    def _job(self, row: _Row) -> None:
        uid = self._new_uid(row["uid"])
        job = from_document(Job, str(row["doc"]))
        document = to_document(replace(job, name=replace(job.name, project=self._project), uid=uid))
        changed = {"uid": uid, "project": self._project, "latest_execution": None, "execution_count": 0}
        self._insert("jobs", [{**row, **changed, "doc": document, "changed_seq": self._seq}], without="id")

    def _execution(self, row: _Row, part: _Part) -> None:
        uid, job_uid = self._new_uid(row["uid"]), self._new_uid(row["job_uid"])
        changed = {"uid": uid, "job_uid": job_uid, "project": self._project, "operation": ""}
        new_id = self._insert("executions", [{**row, **changed, "changed_seq": self._seq}], without="id")
        fixed = from_document(Execution, str(part["execution_docs"][0]["doc"]))
        name: ExecutionName = replace(fixed.name, project=self._project)
        document = to_document(replace(fixed, name=name, uid=uid, job_uid=job_uid, operation_id=""))
        self._insert("execution_docs", [{"execution_id": new_id, "doc": document}])
        for table in ("tasks", "attempts"):
            numbered = {"execution_id": new_id} | ({"changed_seq": self._seq} if table == "tasks" else {})
            self._insert(table, [{**item, **numbered} for item in part[table]])
        parameters = {"id": new_id, "job_uid": job_uid, "seq": self._seq}
        self._connection.execute(queries("jobs")["count_execution_of_job"], parameters)

    def _insert(self, table: str, items: Sequence[_Row], *, without: str = "") -> int:
        """Insert rows; the number of the last one."""
        last = 0
        if not items:
            return last
        columns = [column for column in items[0] if column != without]
        marks = ", ".join(f":{column}" for column in columns)
        # Table and column names are our own schema's, never a user's.
        statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
        for item in items:
            last = self._connection.execute(statement, item).lastrowid or 0
        return last
