"""What the house remembers of jobs and of operations, in domain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from hakobune.core.jobs.decide import Decision, View
from hakobune.core.jobs.model import AttemptRecord, Execution, Job, Task
from hakobune.core.names import ExecutionName, JobName, OperationName
from hakobune.core.operations import (
    AnyOperation,
    EventarcOperation,
    Operation,
    OperationKind,
    ResidentOperation,
    WorkflowOperation,
)
from hakobune.core.services.model import Resident
from hakobune.store.records import HeldAttempt, Page


class JobsRead(Protocol):
    """Questions about jobs. Everything of one read sees one instant."""

    def find_job(self, name: JobName) -> Job | None:
        """The job of this name, if it is not deleted."""
        ...

    def job_by_uid(self, uid: str) -> Job | None:
        """Also one that was deleted and still has executions."""
        ...

    def list_jobs(self, project: str, location: str | None, page: Page) -> list[Job]:
        """By job id, then location. `after` is `job/location` of the last one seen."""
        ...

    def find_execution(self, name: ExecutionName) -> Execution | None:
        """The execution of this name, if it is not deleted."""
        ...

    def find_execution_in_project(self, project: str, location: str | None, execution: str) -> Execution | None:
        """By the id alone, as the v1 API names executions. The job's id is not known there."""
        ...

    def execution_by_uid(self, uid: str) -> Execution | None:
        """Also one that was deleted and has not ended yet."""
        ...

    def list_executions(self, project: str, location: str | None, job: str | None, page: Page) -> list[Execution]:
        """Newest first. `after` is the uid of the last one seen."""
        ...

    def list_tasks(self, execution: Execution, page: Page) -> list[Task]:
        """By index; tasks that were never handed over included. `after` is the last index seen."""
        ...

    def find_task(self, execution: Execution, index: int) -> Task | None:
        """None if the execution has no such index."""
        ...

    def list_attempts(self, execution: Execution, index: int) -> list[AttemptRecord]:
        """All attempts of a task, oldest first; the last one may be with the engine still."""
        ...

    def ended_attempts(self, execution_uid: str, index: int | None, page: Page) -> list[AttemptRecord]:
        """Ended attempts by index and number. `after` is the uid of the last one seen."""
        ...

    def held_attempts(self) -> list[HeldAttempt]:
        """All attempts believed to be with the engine."""
        ...

    def executions_under_way(self) -> list[str]:
        """Uids of executions that have not ended, oldest first."""
        ...

    def count_under_way(self, project: str, location: str) -> int:
        """Executions that have not ended."""
        ...

    def totals(self) -> Mapping[str, int]:
        """Stored sums for the metrics page: executions by state, running attempts, waiting tasks."""
        ...


class JobsWrite(JobsRead, Protocol):
    """Changes of jobs."""

    def add_job(self, job: Job) -> None:
        """Raises AlreadyExists."""
        ...

    def replace_job(self, job: Job) -> None:
        """Store a new generation or state of the same uid."""
        ...

    def hide_job(self, job: Job) -> None:
        """From now on the name is free. Its row goes with its last execution (`purge`)."""
        ...

    def add_execution(self, execution: Execution, carried: Sequence[Task] = ()) -> None:
        """Store a new execution; `carried` tasks have a row from the start. Raises AlreadyExists."""
        ...

    def hide_execution(self, uid: str) -> None:
        """From now on callers do not see it. A second call does nothing."""
        ...

    def is_hidden(self, execution_uid: str) -> bool:
        """Whether it was hidden, or is gone."""
        ...

    def load_view(self, execution_uid: str, named: Sequence[int], now_s: float) -> View | None:
        """The bounded view for a decision, or None if the execution is gone."""
        ...

    def save(self, decision: Decision) -> None:
        """Store what a decision changed."""
        ...

    def purge_execution(self, uid: str) -> None:
        """Remove an execution with its tasks, attempts and effects; its operations keep the last picture of it that
        `keep_picture` gave them."""
        ...

    def surplus_executions(self, job_uid: str, keep: int) -> list[str]:
        """Uids of ended executions beyond the `keep` newest ended ones."""
        ...

    def executions_of(self, job_uid: str) -> list[str]:
        """Uids of all executions, hidden ones included, oldest first."""
        ...


class OperationsRead(Protocol):
    """Questions about operations."""

    def find_operation(self, name: OperationName) -> AnyOperation | None:
        """The operation, with the newest picture of what it is about."""
        ...

    def find_run_operation(self, name: OperationName) -> Operation | None:
        """The operation, if it is about a job or its execution."""
        ...

    def list_operations(self, project: str, location: str, page: Page) -> list[AnyOperation]:
        """Newest first. `after` is the id of the last one seen."""
        ...

    def find_keyed(self, scope: str, key: str) -> tuple[str, str] | None:
        """(digest of the request, operation id) of an idempotency key."""
        ...


class OperationsWrite(OperationsRead, Protocol):
    """Changes of operations."""

    def add_operation(self, name: OperationName, kind: OperationKind, target_uid: str, now_s: float) -> None:
        """An operation about a job or execution that can be asked."""
        ...

    def close_operation(
        self, name: OperationName, kind: OperationKind, resource: Job | Execution, now_s: float
    ) -> None:
        """An operation that is done now, with its picture."""
        ...

    def add_workflow_operation(self, operation: WorkflowOperation) -> None:
        """An operation about a workflow, done from the start."""
        ...

    def add_eventarc_operation(self, operation: EventarcOperation) -> None:
        """An operation about a trigger or a channel, done from the start."""
        ...

    def add_resident_operation(self, operation: ResidentOperation, target_uid: str) -> None:
        """An operation about a resident or a revision; `target_uid` is the resident's."""
        ...

    def settle_resident_operations(self, resident: Resident, error: tuple[int, str] | None) -> None:
        """All open operations about a resident are done now, with this picture."""
        ...

    def keep_picture(self, resource: Job | Execution) -> None:
        """The resource goes: its operations keep this last picture of it for ever."""
        ...

    def delete_operation(self, name: OperationName) -> bool:
        """Forget an operation that is done. False if there is none."""
        ...

    def keep_key(self, scope: str, key: str, request_sha256: str, operation: str) -> None:
        """Bind an idempotency key to an operation. `scope` is the uid of the job that the key belongs to: its keys go
        with it. Raises AlreadyExists."""
        ...

    def forget_keys_of(self, scope: str, operation: str) -> None:
        """The execution of this operation has grown too old to be kept, and so have its keys."""
        ...
