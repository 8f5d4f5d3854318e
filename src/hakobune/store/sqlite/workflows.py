"""The workflows room in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing

from hakobune.core.errors import AlreadyExists, CorruptStore
from hakobune.core.names import WorkflowExecutionName, WorkflowName
from hakobune.core.workflows.model import ExecutionState, Revision, Workflow, WorkflowExecution
from hakobune.store.api import Page
from hakobune.store.documents import from_document, to_document
from hakobune.store.queries import queries
from hakobune.store.sqlite import feed
from hakobune.store.sqlite.execution_orders import ID_MAX, OrderedExecutions
from hakobune.store.sqlite.workflow_rows import (
    execution_from_row,
    fixed_text,
    outcome_text,
    workflow_from_row,
    workflow_text,
)
from hakobune.store.workflows_api import ExecutionOrder, ListedExecution


class SqliteWorkflowsRead:
    """Questions about workflows."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._sql = queries("workflows")

    def _one(self, name: str, **parameters: object) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._connection.execute(self._sql[name], parameters).fetchone()
        return row

    def _all(self, name: str, **parameters: object) -> list[sqlite3.Row]:
        return self._connection.execute(self._sql[name], parameters).fetchall()

    def find_workflow(self, name: WorkflowName) -> Workflow | None:
        row = self._one("find_workflow", project=name.project, location=name.location, workflow=name.workflow)
        return None if row is None else workflow_from_row(row)

    def list_workflows(self, project: str, location: str | None, page: Page) -> list[Workflow]:
        workflow, _, place = page.after.partition("/")
        found = self._all(
            "list_workflows",
            project=project,
            location=location,
            after_workflow=workflow,
            after_location=place,
            limit=page.limit,
        )
        return [workflow_from_row(row) for row in found]

    def count_workflows(self, project: str) -> int:
        row = self._one("count_workflows", project=project)
        return int(row[0]) if row else 0

    def locations(self, project: str) -> list[str]:
        return [row[0] for row in self._all("locations", project=project)]

    def find_revision(self, workflow_uid: str, revision: str) -> Revision | None:
        ordinal = revision.partition("-")[0]
        if not (ordinal.isascii() and ordinal.isdigit() and len(ordinal) < 18):
            return None
        row = self._one("find_revision", uid=workflow_uid, ordinal=int(ordinal), revision=revision)
        return None if row is None else from_document(Revision, row[0])

    def list_revisions(self, workflow_uid: str, page: Page) -> list[Revision]:
        before = int(page.after) if page.after else ID_MAX
        found = self._all("list_revisions", uid=workflow_uid, before=before, limit=page.limit)
        return [from_document(Revision, row[0]) for row in found]

    def find_execution(self, name: WorkflowExecutionName) -> WorkflowExecution | None:
        found = self.execution_by_uid(name.execution)
        return found if found is not None and found.name == name else None

    def execution_by_uid(self, uid: str) -> WorkflowExecution | None:
        row = self._one("find_execution", uid=uid)
        return None if row is None else execution_from_row(row)

    def list_executions(
        self, workflow_uid: str, order: ExecutionOrder, page: Page, *, is_full: bool
    ) -> list[ListedExecution]:
        # The newest first are found by their ids, without sorting.
        name = "newest_executions" if order == ExecutionOrder() else "executions_ordered"
        ordered = OrderedExecutions(self._sql[name], order, page.after)
        parameters = {"workflow_uid": workflow_uid, "limit": page.limit, "is_full": is_full, "after_id": ID_MAX}
        found = self._connection.execute(ordered.statement, {**parameters, **ordered.parameters}).fetchall()
        return [ListedExecution(execution=execution_from_row(row), cursor=ordered.cursor(row)) for row in found]

    def journal(self, execution_uid: str) -> list[bytes]:
        row = self._one("execution_id", uid=execution_uid)
        return [] if row is None else [entry[0] for entry in self._all("journal", id=row["id"])]

    def journal_part(self, execution_uid: str, seq: int, limit_bytes: int) -> list[bytes]:
        row = self._one("execution_id", uid=execution_uid)
        found: list[bytes] = []
        if row is None:
            return found
        with closing(self._connection.execute(self._sql["journal_part"], {"id": row["id"], "seq": seq})) as rows:
            size_bytes = 0
            for (entry,) in rows:
                found.append(entry)
                size_bytes += len(entry)
                if size_bytes >= limit_bytes:
                    break
        return found

    def journal_end(self, execution_uid: str) -> bytes | None:
        row = self._one("execution_id", uid=execution_uid)
        newest = None if row is None else self._one("journal_end", id=row["id"])
        return None if newest is None else bytes(newest[0])

    def load(self, project: str, location: str) -> Mapping[ExecutionState, int]:
        found = self._all("load", project=project, location=location)
        return {ExecutionState(row["state"]): int(row["executions"]) for row in found}

    def totals(self) -> Mapping[str, int]:
        return {f"workflow_executions_{row['state'].lower()}": int(row["executions"]) for row in self._all("totals")}

    def first_queued(self, project: str, location: str, limit: int) -> list[str]:
        return [row["uid"] for row in self._all("first_queued", project=project, location=location, limit=limit)]

    def stuck(self) -> list[str]:
        return [row["uid"] for row in self._all("stuck")]

    def queued_places(self) -> list[tuple[str, str]]:
        return [(row["project"], row["location"]) for row in self._all("queued_places")]

    def ended_before(self, before_s: float, limit: int) -> list[str]:
        return [row["uid"] for row in self._all("ended_before", before_s=before_s, limit=limit)]


class SqliteWorkflowsWrite(SqliteWorkflowsRead):
    """Changes of workflows."""

    def __init__(self, connection: sqlite3.Connection, seq: int) -> None:
        super().__init__(connection)
        self._seq = seq
        self.has_left = False  # rows wait to be removed

    def _run(self, name: str, **parameters: object) -> int:
        return self._connection.execute(self._sql[name], parameters).rowcount

    def add_workflow(self, workflow: Workflow) -> None:
        name = workflow.name
        try:
            self._run(
                "insert_workflow",
                uid=workflow.uid,
                project=name.project,
                location=name.location,
                workflow=name.workflow,
                ordinal=workflow.revision.ordinal,
                doc=workflow_text(workflow),
                seq=self._seq,
            )
        except sqlite3.IntegrityError:
            raise AlreadyExists(f"Resource '{name}' already exists.") from None
        self._add_revision(workflow)

    def _add_revision(self, workflow: Workflow) -> None:
        revision = workflow.revision
        self._run(
            "insert_revision",
            uid=workflow.uid,
            ordinal=revision.ordinal,
            revision=revision.id,
            doc=to_document(revision),
        )

    def replace_workflow(self, workflow: Workflow) -> None:
        self._add_revision(workflow)
        self._run(
            "update_workflow",
            uid=workflow.uid,
            ordinal=workflow.revision.ordinal,
            doc=workflow_text(workflow),
            seq=self._seq,
        )

    def remove_workflow(self, workflow: Workflow) -> list[str]:
        under_way = [row["uid"] for row in self._all("under_way", workflow_uid=workflow.uid)]
        if self._run("hide_executions", workflow_uid=workflow.uid, seq=self._seq):
            self.has_left = True
        self._run("delete_revisions", uid=workflow.uid)
        if self._run("delete_workflow", uid=workflow.uid):
            feed.bury(self._connection, self._seq, workflow.name.project, str(workflow.name))
            self._connection.execute(queries("changes")["delete_policy"], {"resource": str(workflow.name)})
            self._connection.execute(queries("operations")["forget_keys"], {"scope": workflow.uid})
        return under_way

    def add_execution(self, execution: WorkflowExecution) -> None:
        name = execution.name
        try:
            self._run(
                "insert_execution",
                uid=execution.uid,
                workflow_uid=execution.workflow_uid,
                project=name.project,
                location=name.location,
                workflow=name.workflow,
                state=execution.state.value,
                revision=execution.revision_id,
                create_s=execution.create_s,
                start_s=execution.start_s,
                end_s=execution.end_s,
                doc=fixed_text(execution),
                argument=execution.argument,
                outcome=outcome_text(execution),
                seq=self._seq,
            )
        except sqlite3.IntegrityError:
            raise AlreadyExists(f"Resource '{name}' already exists.") from None

    def save_execution(self, execution: WorkflowExecution) -> bool:
        changed = self._run(
            "update_execution",
            uid=execution.uid,
            state=execution.state.value,
            start_s=execution.start_s,
            end_s=execution.end_s,
            outcome=outcome_text(execution),
            seq=self._seq,
        )
        return bool(changed)

    def remove_execution(self, uid: str) -> None:
        row = self._one("name_of_execution", uid=uid)
        if row is not None and self._run("hide_execution", uid=uid, seq=self._seq):
            name = WorkflowName(project=row["project"], location=row["location"], workflow=row["workflow"])
            feed.bury(self._connection, self._seq, name.project, str(name.execution(uid)))
            keys = {"scope": row["workflow_uid"], "operation": uid}
            self._connection.execute(queries("operations")["forget_keys_of"], keys)
            self.has_left = True

    def append(self, execution_uid: str, seq: int, entries: Sequence[bytes]) -> bool:
        if not entries:
            return self._one("execution_id", uid=execution_uid) is not None
        numbered = [(seq + place, entry, execution_uid) for place, entry in enumerate(entries)]
        try:
            return self._connection.executemany(self._sql["append"], numbered).rowcount == len(entries)
        except sqlite3.IntegrityError as error:
            raise CorruptStore(f"journal entry {seq} of execution {execution_uid} is written already") from error
