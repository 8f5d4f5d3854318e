"""Operations and idempotency keys in SQLite."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from hakobune.core.errors import AlreadyExists, CorruptStore
from hakobune.core.jobs.model import Execution, Job
from hakobune.core.jobs.states import FINAL_EXECUTION_STATES
from hakobune.core.jobs.texts import operation_error
from hakobune.core.names import OperationName
from hakobune.core.operations import (
    AnyOperation,
    EventarcOperation,
    Operation,
    OperationKind,
    ResidentOperation,
    ResidentVerb,
    Verb,
    WorkflowOperation,
)
from hakobune.core.services.model import Resident
from hakobune.store.api import Page
from hakobune.store.documents import from_document, to_document
from hakobune.store.queries import queries
from hakobune.store.sqlite import resident_operations
from hakobune.store.sqlite.jobs import Declarations, SqliteJobsRead
from hakobune.store.sqlite.services import SqliteServicesRead

_NEWEST = 1 << 62  # above every commit number
_WORKFLOW = "workflow"
_EVENTARC = "eventarc"
_RUNS = (OperationKind.RUN_JOB, OperationKind.CANCEL_EXECUTION, OperationKind.DELETE_EXECUTION)


class SqliteOperationsRead:
    """Questions about operations."""

    def __init__(self, connection: sqlite3.Connection, declarations: Declarations) -> None:
        self._connection = connection
        self._sql = queries("operations")
        self._jobs = SqliteJobsRead(connection, declarations)
        self._services = SqliteServicesRead(connection)

    def find_operation(self, name: OperationName) -> AnyOperation | None:
        row = self._connection.execute(
            self._sql["find"], {"operation": name.operation, "project": name.project, "location": name.location}
        ).fetchone()
        return None if row is None else self._from_row(row)

    def find_run_operation(self, name: OperationName) -> Operation | None:
        found = self.find_operation(name)
        return found if isinstance(found, Operation) else None

    def list_operations(self, project: str, location: str, page: Page) -> list[AnyOperation]:
        last = self._connection.execute(self._sql["by_id"], {"operation": page.after}).fetchone()
        found = self._connection.execute(
            self._sql["newest"],
            {
                "project": project,
                "location": location,
                "after_seq": _NEWEST if last is None else last["seq"],
                "after": page.after,
                "limit": page.limit,
            },
        )
        return [self._from_row(row) for row in found.fetchall()]

    def find_keyed(self, scope: str, key: str) -> tuple[str, str] | None:
        row = self._connection.execute(self._sql["find_key"], {"scope": scope, "key": key}).fetchone()
        return None if row is None else (row["request_sha256"], row["operation"])

    def _from_row(self, row: sqlite3.Row) -> AnyOperation:
        if row["target_kind"] == _WORKFLOW:
            return from_document(WorkflowOperation, row["doc"])
        if row["target_kind"] == _EVENTARC:
            return from_document(EventarcOperation, row["doc"])
        if row["target_kind"] in (resident_operations.OPEN, resident_operations.DONE):
            return self._resident_operation(row)
        kind = OperationKind(row["kind"])
        resource = self._resource(row)
        done, error = True, None
        if isinstance(resource, Execution):
            done = resource.state in FINAL_EXECUTION_STATES
            if done and kind is OperationKind.RUN_JOB:
                error = operation_error(resource)
        elif row["doc"] is None and resource.is_reconciling:
            done = False  # what went before it was ready is done: nothing will happen to it any more
        elif resource.ready_error and kind in (OperationKind.CREATE_JOB, OperationKind.UPDATE_JOB):
            error = (9, resource.ready_error)
        return Operation(
            name=OperationName(project=row["project"], location=row["location"], operation=row["operation"]),
            kind=kind,
            create_time_s=row["create_s"],
            done=done,
            resource=resource,
            error=error,
        )

    def _resident_operation(self, row: sqlite3.Row) -> ResidentOperation:
        done = row["target_kind"] == resident_operations.DONE
        name = OperationName(project=row["project"], location=row["location"], operation=row["operation"])
        operation = resident_operations.operation_from_document(name, row["doc"], done=done)
        newest = None if done else self._services.resident_by_uid(row["target_uid"])
        return operation if newest is None else replace(operation, resource=newest)

    def _resource(self, row: sqlite3.Row) -> Job | Execution:
        if row["doc"] is not None:
            if row["target_kind"] == "execution":
                return from_document(Execution, row["doc"])
            return from_document(Job, row["doc"])
        found: Job | Execution | None
        if OperationKind(row["kind"]) in _RUNS:
            found = self._jobs.execution_by_uid(row["target_uid"])
        else:
            found = self._jobs.job_by_uid(row["target_uid"])
        if found is None:
            raise CorruptStore(f"operation {row['operation']} has lost its target {row['target_uid']}")
        return found


class SqliteOperationsWrite(SqliteOperationsRead):
    """Changes of operations."""

    def __init__(self, connection: sqlite3.Connection, declarations: Declarations, seq: int) -> None:
        super().__init__(connection, declarations)
        self._seq = seq

    def _insert(
        self,
        name: OperationName,
        kind: OperationKind | Verb | ResidentVerb,
        target_uid: str,
        create_s: float,
        target_kind: str | None,
        doc: str | None,
    ) -> None:
        self._connection.execute(
            self._sql["insert"],
            {
                "operation": name.operation,
                "project": name.project,
                "location": name.location,
                "kind": kind.value,
                "target_uid": target_uid,
                "create_s": create_s,
                "target_kind": target_kind,
                "doc": doc,
                "seq": self._seq,
            },
        )

    def add_operation(self, name: OperationName, kind: OperationKind, target_uid: str, now_s: float) -> None:
        self._insert(name, kind, target_uid, now_s, None, None)

    def close_operation(
        self, name: OperationName, kind: OperationKind, resource: Job | Execution, now_s: float
    ) -> None:
        self._insert(name, kind, resource.uid, now_s, _kind_of(resource), to_document(resource))

    def add_workflow_operation(self, operation: WorkflowOperation) -> None:
        target_uid = "" if operation.workflow is None else operation.workflow.uid
        doc = to_document(operation)
        self._insert(operation.name, operation.verb, target_uid, operation.create_time_s, _WORKFLOW, doc)

    def add_eventarc_operation(self, operation: EventarcOperation) -> None:
        self._insert(operation.name, operation.verb, "", operation.create_time_s, _EVENTARC, to_document(operation))

    def add_resident_operation(self, operation: ResidentOperation, target_uid: str) -> None:
        state = resident_operations.DONE if operation.done else resident_operations.OPEN
        doc = resident_operations.operation_document(operation)
        self._insert(operation.name, operation.verb, target_uid, operation.create_time_s, state, doc)

    def settle_resident_operations(self, resident: Resident, error: tuple[int, str] | None) -> None:
        rows = self._connection.execute(
            self._sql["open_of"], {"target_uid": resident.uid, "target_kind": resident_operations.OPEN}
        ).fetchall()
        for row in rows:
            operation = replace(self._resident_operation(row), done=True, resource=resident, error=error)
            self._connection.execute(
                self._sql["settle"],
                {
                    "operation": operation.name.operation,
                    "target_kind": resident_operations.DONE,
                    "doc": resident_operations.operation_document(operation),
                },
            )

    def keep_picture(self, resource: Job | Execution) -> None:
        """The target goes: give its last picture to the operations about it."""
        self._connection.execute(
            self._sql["keep_picture"],
            {"target_uid": resource.uid, "target_kind": _kind_of(resource), "doc": to_document(resource)},
        )

    def delete_operation(self, name: OperationName) -> bool:
        operation = self.find_operation(name)
        if operation is None:
            return False
        self._connection.execute(self._sql["delete"], {"operation": name.operation})
        return True

    def keep_key(self, scope: str, key: str, request_sha256: str, operation: str) -> None:
        try:
            self._connection.execute(
                self._sql["keep_key"],
                {"scope": scope, "key": key, "request_sha256": request_sha256, "operation": operation},
            )
        except sqlite3.IntegrityError:
            raise AlreadyExists(f"The idempotency key {key!r} is in use.") from None

    def forget_keys_of(self, scope: str, operation: str) -> None:
        self._connection.execute(self._sql["forget_keys_of"], {"scope": scope, "operation": operation})


def _kind_of(resource: Job | Execution) -> str:
    return "execution" if isinstance(resource, Execution) else "job"
